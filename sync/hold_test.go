package kvsync_test

import (
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Promise 5: what is newer than the live commit and older than the one that a
// rollback left is held back, too.
func TestHoldCoversWhatIsOlder(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.mustDeploy(h[2])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(one)
}

// Promise 5: the hold is on the commit, whatever is made of it: another build of it
// is held back, too.
func TestHoldCoversTheCommit(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	rebuilt := &memory{files: three, commit: h[1].commit, order: h[1].order}
	_, err := w.deploy(rebuilt, plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(one)
}

// A rollback that somebody deploys beside is not switched to: what it was chosen
// from is not what is live any more.
func TestRollbackLooksAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.during("kv.keys.list", func() { w.rival().mustDeploy(h[2]) })
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Overtaken)
	w.wantSite(three)
	if acts, err := w.workers().Activations(t.Context()); err != nil || len(acts) != 3 {
		t.Errorf("%d activations, %v; want one of each commit", len(acts), err)
	}
}
