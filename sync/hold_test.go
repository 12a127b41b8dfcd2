package kvsync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Promise 5: commits between the live commit and the one that a rollback replaced are held back,
// too.
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

// Promise 5: a hold is on the commit: another build of the commit is held back, too.
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

// A rollback is refused if somebody deploys at the same time, because it was chosen for another
// live deployment.
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

// edit activates versions of the live deployment with another secret, without a message of kv-sync.
func (c *central) edit(times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := (*centralWorkers)(&centralAccount{c, ""})
	for i := range times {
		now := c.versions[c.activations[0].Main()]
		w.activate([]cloud.Share{{Version: w.edited(now, "KEY", fmt.Sprint(i)), Percent: 100}}, "")
	}
}

// holdReads runs f and returns its requests for records of holds.
func (c *central) holdReads(f func()) (kinds []string) {
	c.intercept = func(_, kind string, do func() error) error {
		if op, key, _ := strings.Cut(kind, " "); strings.HasPrefix(key, "blog/h/") {
			kinds = append(kinds, op)
		}
		return do()
	}
	defer func() { c.intercept = nil }()
	f()
	return kinds
}

// Promise 5: a hold remains in force if the API's list of deployments does not reach back to the
// rollback. Only then is the record read.
func TestHoldOutlivesTheList(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]struct {
		edits int
		reads []string
	}{
		"listed":         {9, nil},
		"not listed":     {10, []string{"kv.list", "kv.get"}},
		"long forgotten": {30, []string{"kv.list", "kv.get"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &round{t: t, world: newCentral()}
				h := history(one, two, three, three, files{"/index.html": "4", "/about.html": "a", "/style.css": "c"})
				deploy := func(src *memory) error {
					_, err := r.engine("").Deploy(t.Context(), src, script, plan.Options{})
					return err
				}
				for _, src := range h[:3] {
					if err := deploy(src); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := r.engine("").Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
					t.Fatal(err)
				}
				r.world.edit(step.edits)
				for _, src := range []*memory{h[2], h[0]} {
					reads := r.world.holdReads(func() { wantGuard(t, deploy(src), guard.Held) })
					if !slices.Equal(reads, step.reads) {
						t.Errorf("it asked for the hold by %v, want %v", reads, step.reads)
					}
				}
				wantGuard(t, deploy(h[3]), guard.Held) // the same content
				if err := deploy(h[4]); err != nil {
					t.Error(err)
				}
				if reads := r.world.holdReads(func() { _ = deploy(h[4]) }); reads != nil {
					t.Errorf("a deploy without a hold asked for it by %v", reads)
				}
			})
		})
	}
}

// A deploy without a commit carries a hold on, in its record, too.
func TestCarriedHoldOutlivesTheList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &round{t: t, world: newCentral()}
		h := history(one, two, two)
		folder := &memory{files: three}
		deploy := func(src *memory) error {
			_, err := r.engine("").Deploy(t.Context(), src, script, plan.Options{})
			return err
		}
		for i, src := range []*memory{h[0], h[1], folder} {
			if i == 2 {
				if _, err := r.engine("").Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if err := deploy(src); err != nil {
				t.Fatal(err)
			}
		}
		r.world.edit(10)
		wantGuard(t, deploy(h[1]), guard.Held)
		wantGuard(t, deploy(h[2]), guard.Held)
	})
}

// listing is an account that limits the length of its list of deployments.
type listing struct {
	cloud.Account
	most int
}

type listingWorkers struct {
	cloud.Workers
	most int
}

func (l listing) Workers(name string) cloud.Workers {
	return listingWorkers{l.Account.Workers(name), l.most}
}

func (w listingWorkers) Activations(ctx context.Context) ([]cloud.Activation, error) {
	list, err := w.Workers.Activations(ctx)
	return list[:min(len(list), w.most)], err
}

// A rollback keeps the hold of an earlier one, even if the list no longer shows it.
func TestRollbackKeepsAHoldThatIsNotListed(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	first := w.mustDeploy(h[0])
	second := w.mustDeploy(h[1])
	w.mustDeploy(h[2])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{first.Version, second.Version, second.Version} {
		w.activateVersion(id, "")
	}
	w.config.Account = listing{w.account, 3}
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: first.Deployment})
	if err != nil || res.Hold != h[2].commit {
		t.Fatalf("%+v, %v", res, err)
	}
	w.activateVersion(first.Version, "")
	w.activateVersion(first.Version, "")
	w.config.Account = listing{w.account, 2}
	_, err = w.deploy(&memory{files: three, commit: "f" + commitID(9)[1:], order: append(slices.Clone(h[0].order),
		"f"+commitID(9)[1:])}, plan.Options{})
	wantGuard(t, err, guard.Held)
}

// A record that cannot be read may hold the commit back, so the deploy is refused unless it
// releases the hold.
func TestHoldThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w, h := rolledBack(t)
	key := w.holds()[0]
	for _, value := range []string{"{", `{"format":2}`, `{"format":1,"site":"other"}`} {
		if err := w.store().Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.deploy(h[1], plan.Options{}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v does not name the record", value, err)
		}
		w.wantSite(one)
	}
	if _, err := w.deploy(h[1], plan.Options{Release: true}); err != nil {
		t.Error(err)
	}
}

// rolledBack returns a site that was rolled back, and whose list no longer shows that.
func rolledBack(t *testing.T) (*world, []*memory) {
	w, h := start(t), history(one, two, three)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.secretEdit("KEY", "a")
	w.secretEdit("KEY", "b")
	w.config.Account = listing{w.account, 2}
	return w, h
}

// holds lists the keys of records of holds.
func (w *world) holds() (keys []string) {
	w.t.Helper()
	e := site.Client{}
	there, err := e.KeysBelow(w.t.Context(), w.store(), "blog/h/")
	if err != nil {
		w.t.Fatal(err)
	}
	for k := range there {
		keys = append(keys, k)
	}
	return keys
}

// If KV accepts no writes, a rollback does not wait: it switches, and says what was not recorded.
// The hold is then only in the message of the rollback. A later change of a secret does not end it.
func TestRollbackWithoutWrites(t *testing.T) {
	t.Parallel()
	w, h := start(t), history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.fault("kv.values.put", platform.Fault{Kind: platform.FaultStatus, Status: 403})
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	if err != nil || len(res.Notices) != 1 || res.Notices[0].Finding.Case != finding.CaseHoldUnkept {
		t.Fatalf("%+v, %v", res, err)
	}
	w.wantSite(one)
	w.secretEdit("KEY", "v1")
	_, err = w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
}

// Prune keeps the record of a hold while its deployment is retained, whatever its age, and deletes
// it after that.
func TestPruneAndHolds(t *testing.T) {
	t.Parallel()
	w, h := rolledBack(t)
	w.pass(100 * time.Hour)
	prune := func() {
		t.Helper()
		if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if prune(); len(w.holds()) != 1 {
		t.Fatalf("after a prune there is %v", w.holds())
	}
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.config.Account = w.account
	w.mustDeploy(h[2])
	for i := range 6 {
		w.pass(100 * time.Hour)
		w.mustDeploy(&memory{files: files{"/index.html": fmt.Sprint(i), "/about.html": "a", "/style.css": "c"}})
	}
	if prune(); len(w.holds()) != 0 {
		t.Errorf("what nothing retains is kept: %v", w.holds())
	}
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Unrooted != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// A deletion deletes the records of holds.
func TestDeleteTakesHolds(t *testing.T) {
	t.Parallel()
	w, _ := rolledBack(t)
	store := w.store()
	d, err := w.engine().PlanDelete(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.engine().Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if page, _, err := store.List(t.Context(), "blog/", ""); err != nil || len(page) != 0 {
		t.Errorf("%v, %v", page, err)
	}
}
