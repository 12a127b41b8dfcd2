package kvsync_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

const (
	chunkSize = 16 << 20
	restSize  = manifest.MaxValueBytes - chunkSize + 1
)

// noise returns the bytes of a chunk, which differ for each number.
func noise(n, size int) string {
	rnd := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, size)
	_, _ = rnd.Read(b) // it never fails
	return string(b)
}

// The smallest files that are chunked. They have two chunks: the first is a or b, and the second y
// or z.
var reels = sync.OnceValue(func() map[string]string {
	a, b, y, z := noise(1, chunkSize), noise(2, chunkSize), noise(3, restSize), noise(4, restSize)
	return map[string]string{"ay": a + y, "az": a + z, "bz": b + z, "aay": a + a + y, "aab": a + a + b}
})

func reel(name string) string { return reels()[name] }

// chunkKeys returns the keys of the chunks of the live file at a path.
func (w *world) chunkKeys(path string) []string {
	w.t.Helper()
	for _, a := range w.manifest().Assets {
		if a.Path == path {
			return refsOf(w.t, w.blob(path, a.Blob.String()))
		}
	}
	w.t.Fatalf("%s is not live", path)
	return nil
}

func countOf(kinds []string, kind string) (n int) {
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}

func TestLargeFileIsChunked(t *testing.T) {
	for _, kind := range []string{"commit", "folder", "folder of known hashes"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			src := history(files{"/index.html": "hi", "/film.mp4": reel("aay"), "/again.mp4": reel("aay")})[0]
			if kind != "commit" {
				src.commit, src.hashed = "", kind != "folder"
			}
			var res *kvsync.Result
			kinds := w.counted(func() { res = w.mustDeploy(src) })
			w.wantSite(src.files)
			// Equal chunks, in a file and in two, share a key.
			if n := countOf(kinds, "kv.values.put"); n != 2 {
				t.Errorf("%d chunks were sent, want 2: %v", n, kinds)
			}
			if keys := w.chunkKeys("/film.mp4"); keys[0] != keys[1] || !slices.Equal(keys, w.chunkKeys("/again.mp4")) {
				t.Errorf("keys are %v", keys)
			}
			if res.Uploaded != 4 { // two chunks, an index, a page
				t.Errorf("it says that it uploaded %d blobs, want 4", res.Uploaded)
			}
			// The page, three chunks and an index, the manifest and the record.
			if want := 1 + 4 + 2; kind == "folder of known hashes" && res.Plan.Writes != want || res.Plan.Writes < want {
				t.Errorf("it planned %d writes, want %d", res.Plan.Writes, want)
			}
			if again := w.mustDeploy(src); again.Switched {
				t.Error("the same files were deployed again")
			}
		})
	}
}

// Content that did not change keeps its key.
func TestUnchangedChunksStay(t *testing.T) {
	w := start(t)
	h := history(
		files{"/film.mp4": reel("ay"), "/old.mp4": reel("aab")},
		files{"/film.mp4": reel("az"), "/old.mp4": reel("aab")}, // its second chunk changed
		files{"/new.mp4": reel("az"), "/old.mp4": reel("aab")},  // renamed
		files{"/cut.mp4": reel("bz"), "/old.mp4": reel("aab")},  // renamed and changed
	)
	res := w.mustDeploy(h[0])
	if res.Plan.AtMost {
		t.Error("a first plan calls its numbers a guess")
	}
	first := w.chunkKeys("/film.mp4")

	kinds := w.counted(func() { res = w.mustDeploy(h[1]) })
	second := w.chunkKeys("/film.mp4")
	if countOf(kinds, "kv.values.put") != 1 || second[0] != first[0] || second[1] == first[1] {
		t.Errorf("requests %v\nkeys %v\nwere %v", kinds, second, first)
	}
	if res.Uploaded != 2 || res.Plan.Blobs != 2 {
		t.Errorf("it says that it uploaded %d blobs, want a chunk and an index", res.Uploaded)
	}
	if !res.Plan.AtMost {
		t.Error("the plan was sure of what only the upload finds out")
	}
	kinds = w.counted(func() { res = w.mustDeploy(h[2]) })
	if countOf(kinds, "kv.values.put") != 0 || res.Uploaded != 0 || !slices.Equal(w.chunkKeys("/new.mp4"), second) {
		t.Errorf("a new name took %v", kinds)
	}
	kinds = w.counted(func() { w.mustDeploy(h[3]) })
	if keys := w.chunkKeys("/cut.mp4"); countOf(kinds, "kv.values.put") != 1 || keys[1] != second[1] ||
		keys[0] == first[0] {
		t.Errorf("a new name with one new chunk took %v", kinds)
	}
	w.wantSite(h[3].files)
	// Old tabs: what is gone is named still, and every chunk of it is there.
	if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: h[0].commit}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(h[0].files)
}

// A request that fails is repeated from memory.
func TestLargeFileIsReadOnce(t *testing.T) {
	w := start(t)
	src := history(files{"/film.mp4": reel("ay")})[0]
	var mu sync.Mutex
	failed := map[string]bool{}
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Kind != "kv.values.put" || failed[r.Path] {
			return platform.Fault{}
		}
		failed[r.Path] = true
		return platform.Fault{Kind: platform.FaultStatus, Status: 503}
	})
	w.mustDeploy(src)
	if len(failed) != 2 || src.opened.Load() != 1 {
		t.Errorf("%d chunks failed once, and the file was opened %d times", len(failed), src.opened.Load())
	}
	w.wantSite(src.files)
}

// TestLargeFilesFail injects each fault into each write of a deploy that changes a chunked file.
// The live site is completely old or completely new, and the next run finishes.
func TestLargeFilesFail(t *testing.T) {
	h := history(files{"/film.mp4": reel("ay"), "/a": "a"}, files{"/film.mp4": reel("az"), "/a": "b"})
	for _, b := range []requestFault{
		{"killed before it", true, platform.FaultDrop},
		{"killed after it", true, platform.FaultLoseReply},
		{"reply lost", false, platform.FaultLoseReply},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for k := 1; ; k++ {
				w := start(t)
				w.config.Account = w.connect(1)
				w.mustDeploy(h[0])
				if !w.runWithWriteFault(b, k, func(ctx context.Context, e *kvsync.Engine) {
					_,
						_ = e.Deploy(ctx, h[1], script, plan.Options{})
				}) {
					if k < 4 {
						t.Fatalf("only %d writes", k-1)
					}
					break
				}
				if got := w.site(); !maps.Equal(got, h[0].files) && !maps.Equal(got, h[1].files) {
					t.Fatalf("write %d: live is %v", k, keysOf(got))
				}
				w.mustDeploy(h[1])
				w.wantSite(h[1].files)
			}
		})
	}
}

// runWithWriteFault is runWithFault at the k-th write to KV.
func (w *world) runWithWriteFault(b requestFault, k int, run func(context.Context, *kvsync.Engine)) bool {
	ctx, kill := context.WithCancel(w.t.Context())
	defer kill()
	var mu sync.Mutex
	writes := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Kind == "kv.values.put" || r.Kind == "kv.bulk.put" {
			writes++
			if writes == k {
				if b.dies {
					kill()
				}
				return platform.Fault{Kind: b.kind}
			}
		}
		if writes >= k && b.dies {
			return platform.Fault{Kind: platform.FaultDrop}
		}
		return platform.Fault{}
	})
	run(ctx, w.engine())
	w.p.Server.SetFault(nil)
	mu.Lock() // a request that was given up may still be under way
	defer mu.Unlock()
	return writes >= k
}

func TestLargeFileThatChanges(t *testing.T) {
	for name, body := range map[string]string{
		"shorter": reel("ay")[:len(reel("ay"))-1], "one chunk": reel("ay")[:chunkSize], "longer": reel("ay") + "!",
		"another": reel("az"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			h := history(one, files{"/film.mp4": reel("ay")})
			w.mustDeploy(h[0])
			_, err := w.engine().Deploy(t.Context(), &changed{h[1], reads(body)}, script, plan.Options{AllowShrink: true})
			if !errors.Is(err, manifest.ErrChanged) || !strings.Contains(err.Error(), "/film.mp4") {
				t.Errorf("it says %v", err)
			}
			w.wantSite(one)
			if n := len(w.keys("blog/b/")); n > len(one)+2 {
				t.Errorf("an index was written: %d keys", n)
			}
		})
	}
}

// hurt deletes or damages one blob of the live /film.mp4: its index, or its second chunk.
func (w *world) hurt(what, how string) {
	w.t.Helper()
	var key string
	for _, a := range w.manifest().Assets {
		if a.Path == "/film.mp4" {
			key = "blog/b/" + a.Blob.String()
		}
	}
	if what == "chunk" {
		key = "blog/b/" + w.chunkKeys("/film.mp4")[1]
	}
	if how == "gone" {
		w.drop(key)
		return
	}
	value := []byte("something else")
	if what == "index" {
		value = []byte(w.blob("/film.mp4", strings.TrimPrefix(key, "blog/b/")))
		value[30] ^= 1
	}
	if err := w.store().Put(w.t.Context(), key, value); err != nil {
		w.t.Fatal(err)
	}
}

// Promises 1 and 7, and how to repair, for chunks and for their index.
func TestDamagedLargeFile(t *testing.T) {
	for _, what := range []string{"index", "chunk"} {
		for _, how := range []string{"gone", "damaged"} {
			t.Run(what+" "+how, func(t *testing.T) {
				t.Parallel()
				w := start(t)
				h := history(files{"/film.mp4": reel("ay"), "/a": "a"}, files{"/film.mp4": reel("ay"), "/a": "b"},
					files{"/film.mp4": reel("az"), "/a": "c"})
				w.mustDeploy(h[0])
				w.mustDeploy(h[1])
				w.hurt(what, how)

				// The content of a chunk shows only when it is read.
				for _, read := range []bool{false, true} {
					v, err := w.engine().Verify(t.Context(), read)
					if err != nil {
						t.Fatal(err)
					}
					d := v.Deployments[0]
					found := slices.Concat(d.Missing, d.Corrupt)
					want := []string{"/film.mp4"}
					if what == "chunk" && how == "damaged" && !read {
						want = nil
					}
					if !slices.Equal(found, want) || v.Whole() != (want == nil) || how == "gone" && len(d.Corrupt) > 0 ||
						how == "damaged" && len(d.Missing) > 0 {
						t.Errorf("verify, data %v: %+v", read, d)
					}
				}
				if what == "index" {
					_, err := w.later().Prune(t.Context(), layout.PruneOptions{})
					if err == nil || !strings.Contains(err.Error(), "nothing was deleted") {
						t.Errorf("prune says %v", err)
					}
					// Nothing of it is relied on, either.
					if res := w.mustDeploy(h[2]); res.Uploaded != 4 {
						t.Errorf("%d blobs uploaded, want two chunks, an index and a page", res.Uploaded)
					}
					w.wantSite(h[2].files)
					return
				}
				if _, err := w.deploy(h[1], plan.Options{Repair: true, AnyOrder: true, Release: true}); err != nil {
					t.Fatal(err)
				}
				w.wantSite(h[1].files)
			})
		}
	}
}

// A root that keeps an index keeps its chunks, and nothing else keeps them.
func TestPruneKeepsChunks(t *testing.T) {
	w := start(t)
	w.config.Retain = 2
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("bz")}, files{"/film.mp4": reel("az")},
		files{"/film.mp4": reel("az"), "/a": "a"})
	var keys [][]string
	for _, src := range h {
		w.mustDeploy(src)
		keys = append(keys, w.chunkKeys("/film.mp4"))
		w.pass(time.Minute)
	}
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	there := w.keys("blog/b/")
	for i, key := range slices.Concat(keys[0], keys[1], keys[3]) {
		// Of the second film, z was carried over into the third.
		if kept := i >= 3; slices.Contains(there, "blog/b/"+key) != kept {
			t.Errorf("chunk %d is there: %v", i, !kept)
		}
	}
	if got.Deleted != 2+3+2+2 { // indexes, chunks, manifests, records
		t.Errorf("it deleted %+v", got)
	}
	w.wantSite(h[3].files)
	if v, err := w.later().Verify(t.Context(), true); err != nil || !v.Whole() || v.Unrooted != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// If an index cannot be read now, prune deletes nothing.
func TestPruneWithoutIndexes(t *testing.T) {
	w := start(t)
	w.config.Retain = 1
	w.config.Account = w.connect(1)
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("bz")})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	all := w.keys("blog/")
	for _, a := range w.manifest().Assets {
		w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
			if r.Kind == "kv.values.get" && strings.HasSuffix(r.Path, a.Blob.String()) {
				return platform.Fault{Kind: platform.FaultStatus, Status: 403}
			}
			return platform.Fault{}
		})
	}
	if got, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err == nil {
		t.Errorf("it went on: %+v", got)
	}
	w.p.Server.SetFault(nil)
	if now := w.keys("blog/"); !slices.Equal(now, all) {
		t.Errorf("keys are %v, were %v", now, all)
	}
}

// A run that died before it wrote its index left a record and a manifest. They never went live, and
// do not prevent a prune.
func TestPruneAfterAnUploadThatDied(t *testing.T) {
	w := start(t)
	w.config.Account = w.connect(1)
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("bz")})
	w.mustDeploy(h[0])
	before := len(w.keys("blog/"))
	var bulk atomic.Int64
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.put" && bulk.Add(1) == 2 { // the first one has manifest and record
			return platform.Fault{Kind: platform.FaultDrop}
		}
		return platform.Fault{}
	})
	if _, err := w.deploy(h[1], plan.Options{}); err == nil {
		t.Fatal("the deploy went on")
	}
	w.p.Server.SetFault(nil)
	if n := len(w.keys("blog/")); n != before+4 { // chunks, manifest, record
		t.Fatalf("%d keys, had %d", n, before)
	}
	if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Error(err)
	}
	w.wantSite(h[0].files)
}

// If somebody else switches in between, confirmed chunks are not sent again.
func TestLargeFileOvertaken(t *testing.T) {
	w := start(t)
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("ay"), "/x": "x"}, files{"/film.mp4": reel("bz")})
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() { w.mustDeploy(h[1]) })
	var res *kvsync.Result
	kinds := w.counted(func() { res = w.mustDeploy(h[2]) })
	if n := countOf(kinds, "kv.values.put"); n != 2 || !res.Switched {
		t.Errorf("%d chunks were sent, want each once: %v", n, kinds)
	}
	w.wantSite(h[2].files)
}

// A small file may consist of the bytes that are hashed for the index of a large one.
func TestFileThatIsHashedAsAnIndex(t *testing.T) {
	w := start(t)
	h := history(files{"/film.mp4": reel("ay")}, nil, nil)
	w.mustDeploy(h[0])
	index := w.blob("/film.mp4", w.manifest().Assets[0].Blob.String())
	prefix := index[:24+32*2]
	h[1].files = files{"/film.mp4": reel("ay"), "/prefix": prefix}
	w.mustDeploy(h[1]) // beside one that is live
	w.wantSite(h[1].files)
	h[2].files = files{"/film.mp4": prefix, "/prefix": reel("ay")}
	if _, err := w.deploy(h[2], plan.Options{Repair: true}); err != nil { // both in one run
		t.Fatal(err)
	}
	w.wantSite(h[2].files)
}

// Large files of a project are chunked, verified and pruned like those of a site.
func TestProjectWithLargeFile(t *testing.T) {
	w := startProject(t)
	w.config.Retain = 1
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("az")})
	w.mustDeploy(h[0])
	w.pass(time.Minute)
	w.mustDeploy(h[1])
	if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	v, err := w.later().Verify(t.Context(), true)
	if err != nil || !v.Whole() || v.Unrooted != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if got := len(w.keysOf("project/shop/b/")); got != 5 { // two chunks, an index, the version, its manifest
		t.Errorf("%d blobs are left, want 5", got)
	}
}

// An index that cannot be read may name chunks that are gone.
func TestRollbackReadsEveryIndex(t *testing.T) {
	w := start(t)
	h := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("az")})
	w.mustDeploy(h[0])
	index := ""
	for _, a := range w.manifest().Assets {
		index = a.Blob.String()
	}
	w.mustDeploy(h[1])
	w.config.Account = w.connect(1)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.values.get" && strings.Contains(r.Path, index) {
			return platform.Fault{Kind: platform.FaultStatus, Status: 500}
		}
		return platform.Fault{}
	})
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err == nil ||
		!strings.Contains(err.Error(), "/film.mp4") {
		t.Errorf("got %v", err)
	}
	w.p.Server.SetFault(nil)
	w.wantSite(h[1].files)
}
