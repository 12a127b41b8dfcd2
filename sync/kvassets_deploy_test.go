package kvsync_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// compiled is the build of a Worker whose index becomes a module of the code. builds counts the
// builds, and made has the indexes that they got.
type compiled struct {
	builds int
	text   string
	made   map[string][]byte // by hash
	fail   error
}

func (c *compiled) worker() cloud.Worker {
	return cloud.Worker{Build: &cloud.Build{Binding: "ASSETS",
		Make: func(_ context.Context, index []byte) (cloud.Worker, error) {
			if c.made == nil {
				c.made = map[string][]byte{}
			}
			c.builds++
			c.made[manifest.HashOf(index).String()] = index
			w := script
			w.Modules = []cloud.Module{
				{Name: "main.js", Type: "application/javascript+module",
					Content: []byte("export default { fetch() { return new Response('" + c.text + "') } }")},
				{Name: "assets.bin", Type: "application/octet-stream", Content: index},
			}
			return w, c.fail
		}}}
}

// assetsWorld is a site in the layout kv-assets.
type assetsWorld struct {
	*world
	code *compiled
}

func startAssets(t *testing.T) *assetsWorld {
	w := &assetsWorld{start(t), &compiled{}}
	w.config.Layout = "kv-assets"
	return w
}

func (w *assetsWorld) deployAssets(ctx context.Context, e *kvsync.Engine, src manifest.Source,
	opt plan.Options) (*kvsync.Result, error) {
	return e.Deploy(ctx, src, w.code.worker(), opt)
}

func (w *assetsWorld) must(src *memory) *kvsync.Result {
	w.t.Helper()
	res, err := w.deployAssets(w.t.Context(), w.engine(), src, plan.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// served returns what visitors can get: every file that the index of the live version names.
func (w *assetsWorld) served() files {
	w.t.Helper()
	m := w.live()
	if m == nil {
		return nil
	}
	index, err := kvassets.DecodeIndex(w.code.made[m.Index])
	if err != nil {
		w.t.Fatal(err)
	}
	out := files{}
	for _, e := range index {
		b, err := w.store().Get(w.t.Context(), e.Key)
		if err != nil {
			w.t.Fatalf("%s: %v", e.Path, err)
		}
		out["/"+e.Path] = string(b)
	}
	return out
}

func (w *assetsWorld) wantServed(want files) {
	w.t.Helper()
	if got := w.served(); !maps.Equal(got, want) {
		w.t.Fatalf("live is %v, want %v", keysOf(got), keysOf(want))
	}
}

// Promises 3, 6 and 8 hold in this layout. The test injects each fault into each request. The live
// site is completely old or completely new, and the next run finishes.
func TestKVAssetsDeployCanFailAnywhere(t *testing.T) {
	h := history(one, two)
	for name, before := range map[string]*memory{"first": nil, "second": h[0]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := h[0]
			old := files(nil)
			if before != nil {
				src, old = h[1], one
			}
			for _, b := range requestFaults {
				for k := int64(1); ; k++ {
					w := startAssets(t)
					w.config.Account = w.connect(1)
					if before != nil {
						w.must(before)
					}
					run := func(ctx context.Context, e *kvsync.Engine) error {
						_, err := w.deployAssets(ctx, e, src, plan.Options{})
						return err
					}
					if !w.runWithFault(b, k, run) {
						if k < 6 {
							t.Fatalf("%s: only %d requests", b.name, k-1)
						}
						break
					}
					where := fmt.Sprintf("%s at request %d", b.name, k)
					if got := w.served(); !maps.Equal(got, old) && !maps.Equal(got, src.files) {
						t.Fatalf("%s: live is %v", where, keysOf(got))
					}
					if err := run(t.Context(), w.engine()); err != nil {
						t.Fatalf("%s: running again: %v", where, err)
					}
					if got := w.served(); !maps.Equal(got, src.files) {
						t.Fatalf("%s: after running again live is %v", where, keysOf(got))
					}
				}
			}
		})
	}
}

// The build runs after everything that the index names is in KV. A failed build changes nothing
// that is live.
func TestKVAssetsBuild(t *testing.T) {
	w := startAssets(t)
	h := history(one, two)
	w.must(h[0])
	w.code.fail = errors.New("it does not compile")
	kinds := w.counted(func() {
		if _, err := w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{}); !errors.Is(err, w.code.fail) {
			t.Errorf("it says %v", err)
		}
	})
	for _, k := range kinds {
		if strings.HasPrefix(k, "workers.") && (strings.HasSuffix(k, ".create") || strings.HasSuffix(k, ".put")) {
			t.Errorf("it sent %s", k)
		}
	}
	w.wantServed(one)
	// What the build had in its hands is there.
	var last kvassets.Index
	for _, b := range w.code.made {
		if index, err := kvassets.DecodeIndex(b); err != nil {
			t.Fatal(err)
		} else if len(index) == len(two) {
			last = index
		}
	}
	for _, e := range last {
		if _, err := w.store().Get(t.Context(), e.Key); err != nil {
			t.Errorf("%s: %v", e.Path, err)
		}
	}
	w.code.fail = nil
	if res := w.must(h[1]); res.Uploaded != 0 {
		t.Errorf("%d files were uploaded again", res.Uploaded)
	}
	w.wantServed(two)
}

// If nothing changed, the build runs and nothing is written. If only the code changed, no file is
// written.
func TestKVAssetsNoChange(t *testing.T) {
	w := startAssets(t)
	src := history(one)[0]
	first := w.must(src)
	kinds := w.counted(func() {
		if res := w.must(src); res.Switched || !res.Plan.NoChange || res.Deployment != first.Deployment {
			t.Errorf("%+v", res)
		}
	})
	if len(kinds) > 5 || w.code.builds != 2 {
		t.Errorf("%d builds, requests %v", w.code.builds, kinds)
	}
	w.code.text = "other"
	if res := w.must(src); !res.Switched || res.Uploaded != 0 || !res.Plan.WorkerChanged {
		t.Errorf("%+v", res)
	}
	m := w.live()
	v, err := w.account.Workers("blog").Version(t.Context(), w.must(src).Version)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ASSETS", cloud.BindingBlobs} {
		i := slices.IndexFunc(v.Bindings, func(b cloud.Binding) bool { return b.Name == name })
		var id string
		if i < 0 || json.Unmarshal(v.Bindings[i].Fields["namespace_id"], &id) != nil || id != m.Namespace {
			t.Errorf("%s is not the namespace: %+v", name, v.Bindings)
		}
	}
}

// A record from a machine whose clock was a day ahead does not prevent newer records.
func TestKVAssetsRecordFromTheFuture(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	now := time.Now().Add(24 * time.Hour)
	w.clock.now, w.config.Now = now, w.time
	w.must(&memory{files: files{"/a.txt": "ahead"}})
	w.clock.now = time.Now()
	next := &memory{files: files{"/a.txt": "now"}}
	w.code.fail = errors.New("it does not compile")
	if _, err := w.deployAssets(t.Context(), w.engine(), next, plan.Options{}); err == nil {
		t.Fatal("a build that failed was deployed")
	}
	w.code.fail = nil
	// What was uploaded then is named by the newest record alone.
	if res := w.must(next); res.Uploaded != 0 {
		t.Errorf("%d files were uploaded again", res.Uploaded)
	}
	w.wantServed(next.files)
}

// Code without its index would serve old pages.
func TestKVAssetsCodeWithoutItsIndex(t *testing.T) {
	w := startAssets(t)
	h := history(one, two)
	w.must(h[0])
	stale := w.code.worker()
	compile := stale.Build.Make
	old := w.code.made[w.live().Index]
	stale.Build.Make = func(ctx context.Context, _ []byte) (cloud.Worker, error) { return compile(ctx, old) }
	_, err := w.engine().Deploy(t.Context(), h[1], stale, plan.Options{})
	wantGuard(t, err, guard.Index)
	w.wantServed(one)

	// wasm-opt leaves long runs of zeros out: the index lies in the memory in one
	// piece, and not in the file.
	split := w.code.worker()
	split.Build.Make = func(ctx context.Context, index []byte) (cloud.Worker, error) {
		worker, err := compile(ctx, index)
		worker.Modules[1] = cloud.Module{Name: "site.wasm", Type: "application/wasm", Content: packedWasm(index)}
		return worker, err
	}
	if _, err := w.engine().Deploy(t.Context(), h[1], split, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w.wantServed(two)
}

// packedWasm is a module with the bytes at 1024 of its memory, in as many
// segments as there are runs of zeros.
func packedWasm(data []byte) []byte {
	leb := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	signed := func(n int) (b []byte) { // as a positive i32 is written
		for ; n >= 0x40; n >>= 7 {
			b = append(b, byte(n)|0x80)
		}
		return append(b, byte(n))
	}
	var segments []byte
	count := 0
	for at := 0; at < len(data); {
		if data[at] == 0 {
			at++
			continue
		}
		n := 1
		for at+n < len(data) && data[at+n] != 0 {
			n++
		}
		segments = slices.Concat(segments, []byte{0, 0x41}, signed(1024+at), []byte{0x0b}, leb(n), data[at:at+n])
		count++
		at += n
	}
	section := func(id byte, body []byte) []byte { return slices.Concat([]byte{id}, leb(len(body)), body) }
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(5, []byte{1, 0, 1}), // a memory of one page
		section(11, slices.Concat(leb(count), segments)))
}

// A rollback to an earlier index checks its files first, keeps them as roots, and verify checks
// them.
func TestKVAssetsRollback(t *testing.T) {
	w := startAssets(t)
	w.config.Retain = 3
	h := history(one, two)
	first := w.must(h[0])
	w.must(h[1])
	// Indexes that were never deployed push it out of the last ones, and time out of
	// the grace period: that it can be rolled back to is what keeps it.
	for i := range 4 {
		w.pass(40 * time.Hour)
		w.code.fail = errors.New("broken")
		_, err := w.deployAssets(t.Context(), w.engine(), &memory{files: files{"/x": fmt.Sprint(i),
			"/index.html": two["/index.html"]}, time: time.Unix(1, 0)}, plan.Options{AllowShrink: true})
		if !errors.Is(err, w.code.fail) {
			t.Fatal(err)
		}
	}
	w.code.fail = nil
	w.pass(40 * time.Hour)
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	v, err := w.engine().Verify(t.Context(), true)
	if err != nil || !v.Whole() || len(v.Deployments) != 2 || v.Deployments[1].Files != len(one) {
		t.Fatalf("%+v, %v", v, err)
	}
	past, err := w.engine().History(t.Context())
	if err != nil || len(past) != 2 || past[1].Record == nil || past[1].Record.Files != len(one) {
		t.Fatalf("%+v, %v", past, err)
	}
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	if err != nil || res.Deployment != first.Deployment {
		t.Fatalf("%+v, %v", res, err)
	}
	w.wantServed(one)

	// It is held back, and a file that is gone is in the way.
	_, err = w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
	if _, err := w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{Release: true}); err != nil {
		t.Fatal(err)
	}
	w.wantServed(two)
	index, err := kvassets.DecodeIndex(w.code.made[w.metaOf(first.Version).Index])
	if err != nil {
		t.Fatal(err)
	}
	gone := slices.IndexFunc(index, func(e kvassets.Entry) bool { return two["/"+e.Path] != one["/"+e.Path] })
	if _, err := w.store().DeleteBulk(t.Context(), []string{index[gone].Key}); err != nil {
		t.Fatal(err)
	}
	_, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: first.Deployment})
	wantGuard(t, err, guard.Missing)
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Whole() {
		t.Errorf("%+v, %v", v, err)
	}
}

// A prune follows a deploy when it is due. It deletes only what no deployment needs.
func TestKVAssetsPruneAfterDeploy(t *testing.T) {
	w := startAssets(t)
	w.config.Retain = 1
	h := history(one, two)
	w.must(h[0])
	if res := w.must(h[1]); res.Pruned != 0 {
		t.Errorf("%+v", res)
	}
	w.pass(100 * time.Hour)
	w.code.text = "third"
	if res := w.must(h[1]); res.Pruned != 1 || len(res.Notices) > 0 {
		t.Errorf("%+v", res)
	}
	w.wantServed(two)
	own, err := w.engine().Verify(t.Context(), true)
	if err != nil || own.Unrooted != 0 {
		t.Errorf("%+v, %v", own, err)
	}
}

// Sites can move from one layout to the other, and a rollback moves them back.
func TestKVAssetsAndContent(t *testing.T) {
	w := startAssets(t)
	h := history(one, two, one)
	w.config.Layout = ""
	content := w.mustDeploy(h[0])
	w.config.Layout = "kv-assets"
	indexed := w.must(h[1])
	w.wantServed(two)
	w.config.Layout = ""
	_, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Layout)
	w.mustDeploy(h[2])
	w.wantSite(one)
	for _, to := range []*kvsync.Result{indexed, content} {
		if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: to.Deployment}); err != nil ||
			!res.Switched {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	w.wantSite(one)
	w.pass(48 * time.Hour)
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Error(err)
	}
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() || len(v.Deployments) != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

// The guards of every deploy hold in this layout.
func TestKVAssetsGuards(t *testing.T) {
	w := startAssets(t)
	h := history(one, two)
	w.must(h[1])
	_, err := w.deployAssets(t.Context(), w.engine(), h[0], plan.Options{})
	wantGuard(t, err, guard.Older)
	_, err = w.deployAssets(t.Context(), w.engine(), &memory{files: files{}, time: time.Unix(1, 0)}, plan.Options{})
	wantGuard(t, err, guard.Shrink)
	if w.code.builds != 1 {
		t.Errorf("%d builds", w.code.builds)
	}
	w.during("workers.versions.create", func() {
		other := &compiled{text: "theirs", made: w.code.made}
		e, err := kvsync.New(w.timed())
		if err == nil {
			_, err = e.Deploy(t.Context(), h[1], other.worker(), plan.Options{})
		}
		if err != nil {
			t.Error(err)
		}
	})
	w.code.text = "ours"
	w.must(h[1])
	w.wantServed(two)
	w.fault("kv.bulk.put", platform.Fault{Kind: platform.FaultStatus, Status: 403})
	if _, err := w.deployAssets(t.Context(), w.engine(), &memory{files: files{"/index.html": "new", "/n": "n"},
		time: time.Unix(1, 0)}, plan.Options{AllowShrink: true}); err == nil {
		t.Error("a refused upload is no failure")
	}
	w.p.Server.SetFault(nil)
	w.wantServed(two)
}

// A hold in this layout remains in force beyond the list of deployments, too, and prune keeps it.
func TestKVAssetsHoldOutlivesTheList(t *testing.T) {
	w := startAssets(t)
	h := history(one, two)
	w.must(h[0])
	w.must(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.activateVersion(w.activeVersion(), "")
	w.activateVersion(w.activeVersion(), "")
	w.pass(48 * time.Hour)
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.config.Account = listing{w.account, 2}
	_, err := w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantServed(one)
}
