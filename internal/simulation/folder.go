package simulation

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// folder is a folder outside of git. It implements [manifest.Source].
type folder struct {
	Files Files

	hashed
}

func folderOf(f Files) folder { return folder{f, hash(f)} }

// Origin implements [manifest.Source]. The id is known when the files have been read.
func (folder) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{Kind: "folder", Rules: "r1", Dir: "dist", Edition: manifest.SelectionEdition}, nil
}

// list lists the files with their hashes.
func (f folder) list(o manifest.Origin) *manifest.Listing {
	l := &manifest.Listing{Origin: o, Files: listed(f.Files, time.Unix(900_000_000, 0))}
	for i := range l.Files {
		a := &l.Files[i].Asset
		b, err := hex.DecodeString(f.hashes[a.Path])
		if err != nil {
			panic(err)
		}
		a.Blob.Hash = manifest.Hash(b)
	}
	l.Origin.ID = manifest.FolderID(l)
	return l
}

// Compare implements [manifest.Source].
func (folder) Compare(context.Context, string, string) (manifest.Relation, error) {
	return manifest.RelationUnknown, nil
}

// Remember implements [manifest.Source].
func (folder) Remember([]manifest.Asset) {}

// built is a folder as the engine reads it.
type built struct{ folder }

// Files implements [manifest.Source].
func (b built) Files(ctx context.Context, _ *manifest.Manifest) (*manifest.Listing, error) {
	o, err := b.Origin(ctx)
	return b.list(o), err
}

// folderScenarios are deploys without a commit.
func folderScenarios(h []*Commit) []*Scenario {
	one, two := folderOf(pages(20)), folderOf(pages(21, "/new.html"))
	run := func(f folder) func(context.Context, *Process) error {
		return deployOf(blog, built{f}, worker, plan.Options{})
	}
	had := func(w *World) { w.Must(blog+"/deploy before", "ci", run(one)); w.Pass(time.Hour) }
	after := func(f folder) func(*World) string {
		return func(w *World) string { return f.differs(w.Check.Live(blog)) }
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
			return two.differs(w.Check.Live(blog))
		}},
	}
}
