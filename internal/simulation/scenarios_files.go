package simulation

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// folderScenarios are deploys without a commit.
func folderScenarios(h []*source.Commit) []*Scenario {
	one, two := source.FolderOf(pages(20)), source.FolderOf(pages(21, "/new.html"))
	run := func(f source.Folder) func(context.Context, *Process) error {
		return deployOf(blog, f, worker, plan.Options{})
	}
	had := func(w *World) { w.Must(blog+"/deploy before", "ci", run(one)); w.Pass(time.Hour) }
	after := func(f source.Folder) func(*World) string {
		return func(w *World) string { return f.Differs(w.Check.Live(blog)) }
	}
	return []*Scenario{
		{Name: "first deploy of a folder", Actor: blog + "/deploy", Before: func(*World) {}, Run: run(one),
			After: after(one)},
		{Name: "deploy of a folder", Actor: blog + "/deploy", Before: had, Run: run(two), After: after(two)},
		{Name: "deploy of a folder without a change", Actor: blog + "/deploy", Before: had, Run: run(one),
			After: after(one)},
		{Name: "deploy of a folder after a rollback", Actor: blog + "/deploy", Before: func(w *World) {
			deployed(h[0], h[1])(w)
			w.Must(blog+"/rollback", "laptop", rollback(kvsync.RollbackOptions{}))
			w.Pass(time.Hour)
		}, Run: run(two), After: func(w *World) string {
			if live := w.Check.Live(blog); live.Hold != h[1].ID {
				return fmt.Sprintf("it holds back %q", live.Hold)
			}
			return two.Differs(w.Check.Live(blog))
		}},
	}
}

// largeBytes is more than one value of Workers KV holds, so that a file is in two chunks.
const largeBytes = 25<<20 + 1

// large are the files of a site with a file in chunks. Of two editions, only the last chunk
// of it differs.
func large(edition string) source.Files {
	f := pages(0)
	f["/film.bin"] = film()[:largeBytes-len(edition)] + edition
	return f
}

var film = sync.OnceValue(func() string { return strings.Repeat("a film of one frame \n", 1+largeBytes/21) })

// chunkScenarios are deploys of a file that is larger than a value of Workers KV.
func chunkScenarios() []*Scenario {
	h := source.Repository("example.com/ada/films", large("one"), large("two"), pages(1))
	all := []*Scenario{
		deploys("file in chunks", func(*World) {}, h[0]),
		deploys("file in chunks changed", deployed(h[0]), h[1]),
		deploys("file in chunks deleted", deployed(h[0], h[1]), h[2]),
	}
	for _, s := range all {
		s.Heavy = true
	}
	return all
}
