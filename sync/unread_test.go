package kvsync_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Promise 7: a listing that lags behind does not make a rollback fail. A listing that KV does not
// answer does.
func TestRollbackAsksForWhatTheListingLacks(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.config.Account = noListAccount{w.connect(1)} // lists nothing
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.values.get" && strings.Contains(r.Path, "%2Fb%2F") {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
	if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err == nil {
		t.Errorf("whether the blobs are there was not known: %+v", res)
	}
	w.p.Server.SetFault(nil)
	w.wantSite(two)
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

// A blob that is no longer retained may be missing. Verify names it.
func TestVerifyIsWholeWithoutWhatIsNotRetained(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Retain = 1
	h := history(one, two)
	w.mustDeploy(h[0])
	gone := w.manifest().Assets[slices.IndexFunc(w.manifest().Assets,
		func(a manifest.Asset) bool { return a.Path == "/index.html" })]
	w.mustDeploy(h[1])
	w.drop("blog/b/" + gone.Blob.String())
	for passed, whole := range map[time.Duration]bool{0: false, 100 * time.Hour: true} {
		v, err := w.in(passed).Verify(t.Context(), false)
		if err != nil || v.Whole() != whole || len(v.Deployments) != 2 ||
			!slices.Equal(v.Deployments[1].Missing, []string{"/index.html"}) {
			t.Errorf("after %s: %+v, %v", passed, v, err)
		}
	}
}

// endless is a reader that never ends, as a pipe may. It fails at last, so that the test ends.
type endless struct{ read *int64 }

func (e endless) Read(p []byte) (int, error) {
	if *e.read += int64(len(p)); *e.read > 64<<20 {
		return 0, errors.New("nobody stopped reading")
	}
	return len(p), nil
}

// A file without a known hash must have the listed size. So half of a file does not go live, and a
// file that grows needs no more memory.
func TestUnhashedFileThatChanges(t *testing.T) {
	t.Parallel()
	var read int64
	for name, open := range map[string]func() io.Reader{
		"shrinks": reads("hal"),
		"grows":   func() io.Reader { return endless{&read} },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			src := &changed{&memory{files: files{"/index.html": "whole"}}, open}
			if _, err := w.engine().Deploy(t.Context(), src, script, plan.Options{}); !errors.Is(err, manifest.ErrChanged) {
				t.Errorf("it says %v", err)
			}
			if w.live() != nil {
				t.Error("it is live")
			}
		})
	}
	if read > 1<<20 {
		t.Errorf("%d bytes were read of a file that had five", read)
	}
}

// Promise 11: a cached manifest is used only if it is the live one, byte for byte, because what
// another one names may be deleted.
func TestCachedManifestIsHashed(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(files{"/a": "1", "/b": "b"}, files{"/a": "2", "/b": "b"}, files{"/a": "1", "/b": "b", "/c": "c"})
	w.mustDeploy(h[0])
	stale, err := w.store().Get(t.Context(), w.manifestKey(w.live()))
	if err != nil {
		t.Fatal(err)
	}
	old := w.manifest().Assets[0].Blob
	w.mustDeploy(h[1])
	w.config.Cache = &cache{m: map[string][]byte{w.live().Manifest: stale}}
	w.mustDeploy(h[2])
	w.wantSite(h[2].files)
	if w.manifest().Assets[0].Blob == old {
		t.Error("a blob was carried over that nothing live named")
	}
}

// flakyAccount is a KV whose first read of each key with one of the parts returns the page of a proxy.
type flakyAccount struct {
	cloud.Account
	parts []string
	seen  map[string]bool
	mu    *sync.Mutex
}

func (f flakyAccount) Store(id string) cloud.Store { return flakyStore{f.Account.Store(id), f} }

type flakyStore struct {
	cloud.Store
	h flakyAccount
}

func (s flakyStore) Get(ctx context.Context, key string) ([]byte, error) {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	for _, part := range s.h.parts {
		if strings.Contains(key, part) && !s.h.seen[key] {
			s.h.seen[key] = true
			return []byte("<html>busy</html>"), nil
		}
	}
	return s.Store.Get(ctx, key)
}

// busy makes the first read of each key with one of the parts return the page of a proxy.
func (w *world) busy(parts ...string) {
	w.config.Account = flakyAccount{w.account, parts, map[string]bool{}, new(sync.Mutex)}
}

// One page of a proxy instead of a value does not stop a deploy, a rollback, a prune or a verify,
// of a site or of a project.
func TestOneBadReadIsRepeated(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"site": start(t), "project": startProject(t)} {
		h := history(one, two, three)
		w.mustDeploy(h[0])
		w.mustDeploy(h[1])
		busy := func() { w.busy("/m/", "/d/", "/current", "/b/") }
		busy()
		if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Errorf("%s: prune: %v", name, err)
		}
		busy()
		if _, err := w.deploy(h[2], plan.Options{}); err != nil {
			t.Errorf("%s: deploy: %v", name, err)
		}
		busy()
		if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Errorf("%s: rollback: %v", name, err)
		}
		busy()
		if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
			t.Errorf("%s: verify: %+v, %v", name, v, err)
		}
	}
}

// The same holds for a receipt, for the records of the layout kv-assets, and for the manifest of
// the layout pathname.
func TestOneBadReadInOtherLayouts(t *testing.T) {
	t.Parallel()
	ahead := startOnSeconds(t)
	h := history(before, after)
	ahead.mustDeploy(h[0])
	ahead.uploadAhead(h[1], all)
	ahead.busy("/r/")
	if res := ahead.mustDeploy(h[1]); res.Uploaded != 0 {
		t.Errorf("%d files were uploaded in spite of a receipt", res.Uploaded)
	}

	assets := startAssets(t)
	changed := maps.Clone(before)
	changed["/page-00.html"] = "changed"
	few := history(before, changed)
	assets.must(few[0])
	assets.busy("kv-sync", "page")
	if res := assets.must(few[1]); res.Uploaded != 1 {
		t.Errorf("%d files were uploaded, want 1: the record of the last deploy is lost", res.Uploaded)
	}
	assets.busy("kv-sync", "page")
	if v, err := assets.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("verify: %+v, %v", v, err)
	}

	s := newFaultyStore()
	s.fault, s.last = func() storeFault { return none }, map[string]time.Time{}
	project := func(account cloud.Account, src *memory) {
		t.Helper()
		e, err := kvsync.New(site.Config{Project: "shop", Layout: "pathname", Account: account, Namespace: "ns"})
		if err == nil {
			_, err = e.Deploy(t.Context(), src, cloud.Worker{}, plan.Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	project(faultyAccount{s}, h[0])
	project(flakyAccount{faultyAccount{s}, []string{"/manifest"}, map[string]bool{}, new(sync.Mutex)}, h[1])
	s.wantProject(t, after)
}

// A rollback to a deployment whose manifest is damaged is refused with a remedy.
func TestRollbackToADamagedManifest(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	key := w.manifestKey(w.live())
	w.mustDeploy(h[1])
	w.put(strings.TrimPrefix(key, "blog"), []byte("damaged"))
	w.config.Cache = nil
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantCase(t, err, guard.Missing, finding.CaseBlobsUnread)
	w.wantSite(two)
}
