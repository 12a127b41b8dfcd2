package kvsync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/version"
)

// wantKept checks that the guard stopped the prune and that no key was deleted.
func (w *world) wantKept(e *kvsync.Engine, guard guard.ID) {
	w.t.Helper()
	all := w.keys("blog/")
	_, err := e.Prune(w.t.Context(), layout.PruneOptions{})
	if guard != "" {
		wantGuard(w.t, err, guard)
	} else if err == nil {
		w.t.Error("prune went on")
	}
	if left := w.keys("blog/"); !slices.Equal(left, all) {
		w.t.Errorf("%d keys are left of %d", len(left), len(all))
	}
}

// Promise 4: while a version of another tool has part of the traffic, it is not known what that
// version reads.
func TestPruneStopsOverASplitWithForeign(t *testing.T) {
	t.Parallel()
	w, _ := aged(t, 5)
	foreign, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
	if err != nil {
		t.Fatal(err)
	}
	ours := w.activeVersion()
	for _, percent := range []float64{10, 60} {
		split := []cloud.Share{{Version: ours, Percent: 100 - percent}, {Version: foreign, Percent: percent}}
		if err := w.workers().Activate(t.Context(), split, "split", true); err != nil {
			t.Fatal(err)
		}
		w.wantKept(w.later(), guard.Foreign)
	}
}

// behind is an account in which listings are ahead of reads: these keys are listed and cannot be
// read yet.
type behind struct {
	cloud.Account
	keys []string
}

func (b behind) Store(id string) cloud.Store { return behindStore{b.Account.Store(id), b.keys} }

type behindStore struct {
	cloud.Store
	keys []string
}

func (b behindStore) Get(ctx context.Context, key string) ([]byte, error) {
	if slices.Contains(b.keys, key) {
		return nil, fmt.Errorf("read %s: %w", key, cloud.ErrNotFound)
	}
	return b.Store.Get(ctx, key)
}

// Promise 4: a listed manifest belongs to a deployment that went live, whether or not KV already
// shows its value.
func TestPruneStopsOverAListedManifest(t *testing.T) {
	t.Parallel()
	w, _ := aged(t, 4)
	acts, err := w.workers().Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := w.metaOf(acts[1].Versions[0].Version)
	// Only the record names it: Cloudflare's list is shorter than what is retained.
	w.config.Account = behind{short{w.account, 1}, []string{w.manifestKey(before)}}
	w.wantKept(w.later(), "")
}

// Promise 4: the same holds for the chunk index of a large file.
func TestPruneStopsOverAListedIndex(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Retain = 2
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("bz")})
	w.mustDeploy(h[0])
	index := "blog/b/" + w.manifest().Assets[0].Blob.String()
	w.mustDeploy(h[1])
	w.config.Account = behind{short{w.account, 1}, []string{index}}
	w.wantKept(w.later(), guard.Unread)

	// One that is gone names no chunks, so nothing is known about them.
	w.config.Account = w.account
	w.drop(index)
	w.wantKept(w.later(), guard.Unread)
}

// Promise 4: a record whose content does not match its key may name the wrong manifest.
func TestPruneStopsOverAnotherRecord(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*version.Record){
		"a newer format":     func(r *version.Record) { r.Format++ },
		"another site":       func(r *version.Record) { r.Site = "shop" },
		"another deployment": func(r *version.Record) { r.Deployment = "20260101-000000-00000000" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := aged(t, 3)
			key := "blog/d/" + w.live().Deployment
			b, err := w.store().Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			var r version.Record
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			change(&r)
			if b, err = json.Marshal(r); err == nil {
				err = w.store().Put(t.Context(), key, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.wantKept(w.later(), "")
		})
	}
}

// Promise 4: a version that the API does not return now is not treated as one of another tool,
// which has no blobs.
func TestPruneStopsOverAVersionThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w, _ := aged(t, 2)
	acts, err := w.workers().Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The last records are of runs that died, so it is the activations that count.
	w.neverLive(time.Hour)
	w.neverLive(2 * time.Hour)
	before := acts[1].Versions[0].Version
	w.config.Account = w.connect(1)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.versions.get" && strings.HasSuffix(r.Path, before) {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
	w.wantKept(w.later(), "")
}

// neverLive writes the record of a run that died before its switch.
func (w *world) neverLive(after time.Duration) {
	w.t.Helper()
	at := w.time().Add(after).UTC()
	id := at.Format("20060102-150405") + "-00000000"
	b, err := json.Marshal(version.Record{Format: 1, Deployment: id, Site: "blog", Manifest: strings.Repeat("0", 64) +
		"." + fmt.Sprintf("%016x", at.Unix()<<32)})
	if err == nil {
		err = w.store().Put(w.t.Context(), "blog/d/"+id, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Retention counts deployments. Changes of secrets, which make versions of the same deployment, and
// rollbacks do not use it up.
func TestRetentionCountsDeployments(t *testing.T) {
	t.Parallel()
	w, contents := aged(t, 2) // both are retained
	for i := range 9 {
		w.secretEdit("KEY", fmt.Sprint(i))
	}
	// The last records are of runs that died, so it is the activations that count.
	w.neverLive(time.Hour)
	w.neverLive(2 * time.Hour)
	if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.later().Rollback(t.Context(), kvsync.RollbackOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(contents[0])
	if v, err := w.later().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("%+v, %v", v, err)
	}
}

// dated is an account whose activations have these ages, newest first.
type dated struct {
	cloud.Account
	now  time.Time
	ages []time.Duration
}

func (d dated) Workers(name string) cloud.Workers { return datedWorkers{d.Account.Workers(name), d} }

type datedWorkers struct {
	cloud.Workers
	dated
}

func (d datedWorkers) Activations(ctx context.Context) ([]cloud.Activation, error) {
	acts, err := d.Workers.Activations(ctx)
	for i := range min(len(acts), len(d.ages)) {
		acts[i].Created = d.now.Add(-d.ages[i])
	}
	return acts, err
}

// A deployment is retained for the grace period after the next deployment, whatever the number of
// deployments and however long it was live.
func TestRetentionWithinTheGracePeriod(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Retain = 1
	h := history(one, two, three, one)
	var ids []string
	for _, src := range h {
		ids = append(ids, w.mustDeploy(src).Deployment)
	}
	const day = 24 * time.Hour
	w.config.Account = dated{w.account, w.time(), []time.Duration{time.Hour, 2 * time.Hour, 10 * day, 20 * day}}
	past, err := w.engine().History(t.Context())
	if err != nil || len(past) != 4 {
		t.Fatalf("%+v, %v", past, err)
	}
	for i, retained := range []bool{true, true, true, false} { // the third was live until two hours ago
		if past[i].ID != ids[3-i] || past[i].Retained != retained {
			t.Errorf("deployment %d: retained is %v", i, past[i].Retained)
		}
	}
}

// halfAccount lists the first half of the keys as if it were the complete list.
type halfAccount struct{ cloud.Account }

func (h halfAccount) Store(id string) cloud.Store { return halfStore{h.Account.Store(id)} }

type halfStore struct{ cloud.Store }

func (s halfStore) List(ctx context.Context, prefix, _ string) ([]cloud.KeyInfo, string, error) {
	var all []cloud.KeyInfo
	err := cloud.EachKey(ctx, s.Store, prefix, func(k cloud.KeyInfo) error { all = append(all, k); return nil })
	return all[:len(all)/2], "", err
}

// newestAccount lists only the newest activation after a look at a switch, and of the keys only the
// blobs.
type newestAccount struct {
	cloud.Account
	switched, cut *bool
}

func (a newestAccount) Workers(name string) cloud.Workers {
	return newestWorkers{a.Account.Workers(name), a}
}

func (a newestAccount) Store(id string) cloud.Store {
	return newestStore{a.Account.Store(id), a}
}

type newestStore struct {
	cloud.Store
	of newestAccount
}

func (s newestStore) List(ctx context.Context, prefix, cursor string) ([]cloud.KeyInfo, string, error) {
	keys, cursor, err := s.Store.List(ctx, prefix, cursor)
	if *s.of.cut {
		keys = slices.DeleteFunc(keys, func(k cloud.KeyInfo) bool { return !strings.HasPrefix(k.Name, "blog/b/") })
	}
	return keys, cursor, err
}

type newestWorkers struct {
	cloud.Workers
	of newestAccount
}

func (w newestWorkers) Activations(ctx context.Context) ([]cloud.Activation, error) {
	all, err := w.Workers.Activations(ctx)
	if *w.of.cut {
		all = all[:1]
	}
	*w.of.cut = *w.of.switched
	return all, err
}

func (w newestWorkers) Activate(ctx context.Context, versions []cloud.Share, message string, force bool) error {
	err := w.Workers.Activate(ctx, versions, message, force)
	*w.of.switched = true
	return err
}

// Promise 4: directly after a switch, a list of deployments without the one before is incomplete.
func TestPruneAfterADeployStopsOverAShortList(t *testing.T) {
	t.Parallel()
	w, contents := aged(t, 5)
	w.pass(30 * 24 * time.Hour)
	before := w.keys("blog/")
	var switched, cut bool
	w.config.Account = newestAccount{w.config.Account, &switched, &cut}
	res := w.mustDeploy(history(append(contents, files{"/a": "newest", "/b": "b", "/c": "c"})...)[len(contents)])
	if !cut || res.Pruned != 0 || len(res.Notices) == 0 {
		t.Errorf("the list was cut: %v; %d keys were deleted, with the notices %v", cut, res.Pruned, res.Notices)
	}
	left := w.keys("blog/")
	for _, key := range before {
		if !slices.Contains(left, key) {
			t.Errorf("%s was deleted", key)
		}
	}
}

// Promise 4: a listing that ends too early may lack the key that keeps a blob.
func TestPruneStopsOverAPartialListing(t *testing.T) {
	t.Parallel()
	w, _ := aged(t, 5)
	w.pass(30 * 24 * time.Hour)
	w.config.Account = halfAccount{w.account}
	w.wantKept(w.engine(), guard.Unread)
}
