package simulation

import (
	"context"
	"fmt"
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
