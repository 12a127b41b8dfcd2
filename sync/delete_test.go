package kvsync_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// mustDelete plans and deletes.
func (w *world) mustDelete() *kvsync.Deletion {
	w.t.Helper()
	e := w.engine()
	d, err := e.PlanDelete(w.t.Context(), false)
	if err == nil {
		err = e.Delete(w.t.Context(), d)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// values returns all values of a namespace.
func values(t *testing.T, s cloud.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := cloud.EachKey(t.Context(), s, "", func(k cloud.KeyInfo) error {
		b, err := s.Get(t.Context(), k.Name)
		out[k.Name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Sites with a common prefix of their names, a site with the companion's name, and projects share
// one namespace. Deleting one deletes no key of the others.
func TestDeleteLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Serving.Overlay = true
	w.mustDeploy(history(files{"/index.html": "mine"})[0])
	store := w.store()
	w.config.Serving.Overlay = false
	for _, other := range []string{"blog2", "blo", "b"} {
		w.config.Site = other
		w.mustDeploy(history(files{"/index.html": "of " + other})[0])
	}
	w.config.Site = ""
	for _, other := range []string{"blog", "b", "blog2"} {
		w.config.Project = other
		w.mustDeploy(history(files{"/index.html": "project " + other})[0])
	}
	want := values(t, store)
	maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasPrefix(name, "blog/") })

	w.config.Site, w.config.Project, w.config.Serving.Overlay = "blog", "", true
	d := w.mustDelete()
	if d.Worker != "blog" || d.Companion != "blog-overlay" || d.Keys < 3 || !d.Done {
		t.Errorf("%+v", d)
	}
	if got := values(t, store); !maps.Equal(got, want) {
		t.Errorf("left are %v", slices.Sorted(maps.Keys(got)))
	}
	for name, gone := range map[string]bool{"blog": true, "blog-overlay": true, "blog2": false, "blo": false} {
		if _, err := w.account.Workers(name).Activations(t.Context()); errors.Is(err, cloud.ErrNotFound) != gone {
			t.Errorf("script %s: %v", name, err)
		}
	}
	_, err := w.engine().PlanDelete(t.Context(), false)
	wantCase(t, err, guard.Target, finding.CaseNothingToDelete)
}

// The same holds for a project, for other projects with its prefix, and for sites with its name.
func TestDeleteOfAProjectLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	store := w.account.Store(w.config.Namespace)
	for _, id := range []string{"shop", "shop2", "sho", "shop-2"} {
		w.config.Project = id
		w.mustDeploy(history(files{"/index.html": id})[0])
	}
	w.config.Project, w.config.Site = "", "shop"
	w.mustDeploy(history(files{"/index.html": "the site shop"})[0])
	w.config.Project, w.config.Site = "shop", ""
	want := values(t, store)
	maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasPrefix(name, "project/shop/") })
	w.mustDelete()
	got := values(t, store)
	delete(got, "project/shop/current")
	if !maps.Equal(got, want) {
		t.Errorf("left are %v", slices.Sorted(maps.Keys(got)))
	}
}

// A script that merely has the name of the companion is not deleted.
func TestDeleteLeavesAScriptOfTheCompanionsName(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Site = "blog-overlay"
	w.mustDeploy(history(files{"/index.html": "another site"})[0])
	w.config.Site = "blog"
	w.mustDeploy(history(files{"/index.html": "mine"})[0])
	d := w.mustDelete()
	if d.Companion != "" || len(d.Notices) != 1 || d.Notices[0].Finding.Case != finding.CaseDeleteOther {
		t.Errorf("%+v", d)
	}
	if _, err := w.account.Workers("blog-overlay").Activations(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDeleteRefusesAForeignWorker(t *testing.T) {
	t.Parallel()
	w := start(t)
	err := w.account.Workers("blog").PutScript(t.Context(), cloud.Upload{Worker: script})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.engine().PlanDelete(t.Context(), false)
	wantCase(t, err, guard.Foreign, finding.CaseForeignDelete)
	e := w.engine()
	d, err := e.PlanDelete(t.Context(), true)
	if err == nil {
		err = e.Delete(t.Context(), d)
	}
	if _, gone := w.account.Workers("blog").Activations(t.Context()); err != nil || !errors.Is(gone, cloud.ErrNotFound) {
		t.Error(err, gone)
	}
}

// If a deploy goes live between the plan and the confirmation, the deletion is refused.
func TestDeleteStopsAfterAnotherDeploy(t *testing.T) {
	t.Parallel()
	w := start(t)
	past := history(files{"/index.html": "1"}, files{"/index.html": "2"})
	w.mustDeploy(past[0])
	e := w.engine()
	d, err := e.PlanDelete(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(past[1])
	wantCase(t, e.Delete(t.Context(), d), guard.Overtaken, finding.CaseSwitched)
	w.wantSite(past[1].files)
}

// If a deletion fails at any request, the next one finishes it.
func TestDeleteIsFinishedByTheNextRun(t *testing.T) {
	t.Parallel()
	for _, project := range []string{"", "shop"} {
		for broken := 1; ; broken++ {
			w := start(t)
			w.config.Account = w.connect(1)
			w.config.Serving.Overlay = true
			if project != "" {
				w.config.Site, w.config.Project = "", project
			}
			w.mustDeploy(history(files{"/index.html": "1", "/a.css": "2"})[0])
			id, err := w.account.FindNamespace(t.Context(), "kv-sync")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			w.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
				if n++; n == broken {
					return platform.Fault{Kind: platform.FaultStatus, Status: 503}
				}
				return platform.Fault{}
			})
			e := w.engine()
			d, failed := e.PlanDelete(t.Context(), false)
			if failed == nil {
				failed = e.Delete(t.Context(), d)
			}
			w.p.Server.SetFault(nil)
			if failed != nil {
				e := w.engine()
				d, err := e.PlanDelete(t.Context(), false)
				if err == nil {
					err = e.Delete(t.Context(), d)
				}
				if err != nil {
					t.Fatalf("after request %d failed (%v): %v", broken, failed, err)
				}
			}
			if left := slices.Collect(maps.Keys(values(t, w.account.Store(id)))); len(left) > 1 ||
				len(left) == 1 && left[0] != "project/shop/current" {
				t.Errorf("after request %d failed (%v): left are %v", broken, failed, left)
			}
			if failed == nil {
				break
			}
		}
	}
}

// A new project with the id of a deleted one shares no key with it. Deleting the new one leaves
// nothing of either.
func TestProjectOfADeletedOnesID(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	store := w.account.Store(w.config.Namespace)
	w.mustDeploy(history(files{"/index.html": "old"})[0])
	old := values(t, store)
	w.mustDelete()
	stone := w.current("shop")
	if left := values(t, store); len(left) != 1 || stone["deleted"] == nil || stone["activations"] != nil {
		t.Fatalf("left are %v", left)
	}
	if _, err := w.engine().History(t.Context()); err == nil {
		t.Error("a deleted project has a history")
	}

	next := history(files{"/index.html": "new"}, files{"/index.html": "newer"})
	w.mustDeploy(next[0])
	own := "project/shop@" + stone["incarnation"].(string) + "/"
	for name := range values(t, store) {
		if name != "project/shop/current" && !strings.HasPrefix(name, own) {
			t.Errorf("the new project has the key %s", name)
		}
		if _, had := old[name]; had && name != "project/shop/current" {
			t.Errorf("both have the key %s", name)
		}
	}
	w.mustDeploy(next[1])
	if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil || res.Commit != next[0].commit {
		t.Error(res, err)
	}
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Error(v, err)
	}
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Error(err)
	}

	w.mustDelete()
	again := w.current("shop")["incarnation"].(string)
	if left := values(t, store); len(left) != 1 || again <= stone["incarnation"].(string) {
		t.Errorf("left are %v", left)
	}
}

// What an interrupted deletion left is deleted later, even if a new project of that id is live, but
// only by a deletion of the new project: before that, its keys are not among the leftovers.
func TestLeftoversOfAnInterruptedDeletion(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	store := w.account.Store(w.config.Namespace)
	w.mustDeploy(history(files{"/index.html": "old"})[0])
	e := w.engine()
	d, err := e.PlanDelete(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.delete" {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
	if err := e.Delete(t.Context(), d); err == nil || !d.Offline || d.Done {
		t.Fatal(d, err)
	}
	w.p.Server.SetFault(nil)
	// The id is given to somebody else, whose upload is under way.
	var own []string
	put := "project/shop@" + w.current("shop")["incarnation"].(string) + "/b/" + strings.Repeat("a", 64) + "." +
		strings.Repeat("b", 16)
	if err := store.Put(t.Context(), put, []byte("x")); err != nil {
		t.Fatal(err)
	}
	w.mustDelete()
	for name := range values(t, store) {
		own = append(own, name)
	}
	slices.Sort(own)
	if !slices.Equal(own, []string{"project/shop/current", put}) {
		t.Errorf("left are %v", own)
	}
}

// A project is deleted between the plan of a deploy and its switch. The new deployment needs no key
// of the deleted project.
func TestDeployAcrossADeletion(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	store := w.account.Store(w.config.Namespace)
	past := history(files{"/index.html": "1", "/same.txt": "same"}, files{"/index.html": "2", "/same.txt": "same"})
	past[1].hashed = true // so that the second plan looks for what the first one uploaded
	w.mustDeploy(past[0])
	deleting := *w
	deleted := false
	reads := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.values.get" && strings.HasSuffix(r.Path, "current") && !deleted {
			if reads++; reads == 2 { // before the switch looks once more
				deleted = true
				deleting.mustDelete()
			}
		}
		return platform.Fault{}
	})
	if _, err := w.deploy(past[1], plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if !deleted || w.current("shop")["activations"] == nil {
		t.Fatalf("deleted: %v, live: %v", deleted, w.current("shop"))
	}
	for name := range values(t, store) {
		old := name != "project/shop/current" && !strings.HasPrefix(name, "project/shop@")
		if old && strings.HasPrefix(name, "project/shop/b/"+hashOf("same").String()) {
			t.Errorf("%s is of the deleted project", name)
		}
	}
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("%+v, %v", v, err)
	}
}

// A site that is deleted after the uploads of a deploy, and before the switch, stays deleted: what was
// uploaded and confirmed may be deleted, too. The next deploy makes it anew. Promise 11.
func TestDeployOfASiteThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := start(t)
	past := history(files{"/index.html": "1", "/same.txt": "same"}, files{"/index.html": "2", "/same.txt": "same"})
	past[1].hashed = true // so that the second plan looks for what the first one uploaded
	w.mustDeploy(past[0])
	deleting := *w
	looks := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		switch r.Kind {
		case "workers.versions.create":
			w.pass(time.Minute) // so that the deploy looks again before its switch
		case "workers.deployments.list":
			if looks++; looks == 2 {
				deleting.mustDelete()
			}
		}
		return platform.Fault{}
	})
	_, err := w.deploy(past[1], plan.Options{})
	wantCase(t, err, guard.Overtaken, finding.CaseDeleted)
	w.p.Server.SetFault(nil)
	w.mustDeploy(past[1])
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("%+v, %v", v, err)
	}
}

// In the layout kv-assets a deletion deletes the files that the site's records name, including
// those of earlier deployments. It keeps what another site or no record names.
func TestDeleteOfKVAssets(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	w.config.NamespaceTitle = "shared"
	h := history(one, two)
	w.must(h[0])
	store := w.store()
	if err := store.Put(t.Context(), "somebody.0123456789.css", []byte("else's")); err != nil {
		t.Fatal(err)
	}
	w.config.Site = "blog2"
	w.must(h[0]) // the same keys
	others := values(t, store)
	maps.DeleteFunc(others, func(key, _ string) bool { return strings.HasPrefix(key, ".kv-sync/blog/") })
	w.config.Site = "blog"
	w.must(h[1])

	w.config.Layout = "" // another folder does not know it; the live version does
	e := w.engine()
	d, err := e.PlanDelete(t.Context(), false)
	if err != nil || d.Worker != "blog" || d.Keys == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if err := e.Delete(t.Context(), d); err != nil || !d.Done || !d.Offline {
		t.Fatalf("%+v, %v", d, err)
	}
	if left := values(t, store); !maps.Equal(left, others) {
		t.Errorf("left are %v, want %v", slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(others)))
	}
	w.config.Site, w.config.Layout = "blog2", "kv-assets"
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("the other site: %+v, %v", v, err)
	}
}

// The records are deleted after the files that they name, so that the next run can finish an
// interrupted deletion.
func TestDeleteOfKVAssetsIsFinished(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	w.must(history(one)[0])
	store := w.store()
	of, err := kvassets.Layout.Of(&site.Client{Config: w.timed()})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := of.Leftovers(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(keys, func(key string) bool { return strings.HasPrefix(key, ".kv-sync/") })
	if first != len(one) {
		t.Fatalf("of %v the first %d are not the files", keys, len(one))
	}
	if _, err := store.DeleteBulk(t.Context(), keys[:1]); err != nil { // and then it died
		t.Fatal(err)
	}
	w.mustDelete()
	if left := values(t, store); len(left) > 0 {
		t.Errorf("left are %v", slices.Sorted(maps.Keys(left)))
	}
}

// A run that deleted the Worker but lost the answer reports that the site is offline. If it was not
// cancelled, it continues.
func TestDeleteLooksWhetherTheWorkerIsGone(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{false, true} {
		w := start(t)
		w.config.Account = w.connect(1)
		w.mustDeploy(history(files{"/index.html": "1"})[0])
		ctx, cancel := context.WithCancel(t.Context())
		w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
			if r.Kind != "workers.scripts.delete" {
				return platform.Fault{}
			}
			if cancelled {
				cancel()
			}
			return platform.Fault{Kind: platform.FaultLoseReply}
		})
		e := w.engine()
		d, err := e.PlanDelete(ctx, false)
		if err != nil {
			t.Fatal(err)
		}
		err = e.Delete(ctx, d)
		cancel()
		if !d.Offline || cancelled != errors.Is(err, context.Canceled) || d.Done == cancelled {
			t.Errorf("cancelled %t: %v, offline %t, done %t", cancelled, err, d.Offline, d.Done)
		}
	}
}

// Promise 8: if the answer to the write of a project's tombstone is lost, the outcome of the deletion
// is not known. It is not reported as failed.
func TestDeletionOfAProjectWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, looks := range []bool{false, true} {
		w := startProject(t)
		w.config.Account = w.connect(1)
		w.mustDeploy(history(files{"/index.html": "1"})[0])
		e := w.engine()
		d, err := e.PlanDelete(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		sent := false
		w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
			switch sent = sent || r.Kind == "kv.values.put"; {
			case r.Kind == "kv.values.put" && looks:
				return platform.Fault{Kind: platform.FaultStatus, Status: 500}
			case sent && !looks:
				return platform.Fault{Kind: platform.FaultLoseReply}
			}
			return platform.Fault{}
		})
		if err := e.Delete(t.Context(), d); !errors.Is(err, cloud.ErrUnknown) || d.Offline {
			t.Errorf("a look answers %t: %v, offline %t", looks, err, d.Offline)
		}
	}
}

// A run that cannot look whether the Worker was deleted does not say that the site is live still.
func TestDeleteOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Account = w.connect(1)
	w.mustDeploy(history(files{"/index.html": "1"})[0])
	e := w.engine()
	d, err := e.PlanDelete(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	dead := false
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		switch {
		case r.Kind == "workers.scripts.delete":
			dead = true
			return platform.Fault{Kind: platform.FaultLoseReply}
		case dead:
			return platform.Fault{Kind: platform.FaultDrop}
		}
		return platform.Fault{}
	})
	if err := e.Delete(t.Context(), d); !errors.Is(err, cloud.ErrUnknown) || d.Offline {
		t.Errorf("got %v, offline %t", err, d.Offline)
	}
	w.p.Server.SetFault(nil)
	w.mustDelete()
}

// If the configuration now names another namespace, the keys of the live deployment are still
// deleted, and the plan names their namespace.
func TestDeleteUsesTheNamespaceOfWhatIsLive(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.mustDeploy(history(files{"/index.html": "1"})[0])
	store := w.store()
	other, err := w.account.CreateNamespace(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Namespace = other
	d := w.mustDelete()
	if left := values(t, store); len(left) > 0 || len(d.Notices) != 1 ||
		d.Notices[0].Finding.Case != finding.CaseDeleteElsewhere || d.Notices[0].Finding.Facts.Name != other {
		t.Errorf("left are %v; notices %v", slices.Sorted(maps.Keys(left)), d.Notices)
	}
}

// A deploy that loses against a deletion says so, unless it went live before. The next deletion removes
// what it uploaded.
func TestDeployThatLosesAgainstADelete(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		w := start(t)
		h := history(files{"/index.html": "1", "/a.css": "2"}, files{"/index.html": "new", "/a.css": "2"})
		w.mustDeploy(h[0])
		id, err := w.account.FindNamespace(t.Context(), "kv-sync")
		if err != nil {
			t.Fatal(err)
		}
		rival := *w
		rival.account = w.connect(0)
		rival.config.Account = rival.account
		var n atomic.Int64
		deleted := make(chan struct{})
		w.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
			if n.Add(1) == int64(at) {
				w.p.Server.SetFault(nil)
				rival.mustDelete()
				close(deleted)
			}
			return platform.Fault{}
		})
		_, err = w.deploy(h[1], plan.Options{})
		w.p.Server.SetFault(nil)
		if n.Load() < int64(at) {
			return
		}
		<-deleted // the deploy may end before, because it sends requests side by side
		_, gone := w.account.Workers("blog").Activations(t.Context())
		switch {
		case err == nil && gone == nil:
			if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
				t.Errorf("before request %d: %+v, %v", at, v, err)
			}
		case err != nil:
			wantCase(t, err, guard.Overtaken, finding.CaseDeleted)
		}
		if len(values(t, w.account.Store(id))) > 0 {
			w.mustDelete()
		}
		if left := values(t, w.account.Store(id)); len(left) > 0 {
			t.Errorf("before request %d: left are %v", at, left)
		}
	}
}
