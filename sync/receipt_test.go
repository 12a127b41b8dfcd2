package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// many returns a site of n files, more than a deploy would upload without looking for a receipt.
func many(n int, content string) files {
	f := files{}
	for i := range n {
		f[fmt.Sprintf("/page-%02d.html", i)] = fmt.Sprintf("%s %d", content, i)
	}
	return f
}

const all = 30

var (
	before = many(all, "before")
	after  = many(all, "after")
)

// startOnSeconds returns a world whose clock is on a whole second, as in keys.
func startOnSeconds(t *testing.T) *world {
	t.Helper()
	w := start(t)
	w.clock.now = w.clock.now.Truncate(time.Second)
	return w
}

func (w *world) tryUploadAhead(src manifest.Source) (*kvsync.Ahead, error) {
	return w.engine().UploadAhead(w.t.Context(), src, w.worker(), plan.Options{})
}

// uploadAhead uploads a commit ahead. It checks the number of uploaded blobs and that there is a
// receipt.
func (w *world) uploadAhead(src manifest.Source, blobs int) {
	w.t.Helper()
	a, err := w.tryUploadAhead(src)
	if err != nil {
		w.t.Fatal(err)
	}
	if !a.Receipt || a.Uploaded != blobs {
		w.t.Fatalf("receipt: %v, %d blobs were uploaded, want %d", a.Receipt, a.Uploaded, blobs)
	}
}

// namespace is where the site's keys are, also before there is a site.
func (w *world) namespace() cloud.Store {
	w.t.Helper()
	id := w.config.Namespace
	if id == "" {
		var err error
		if id, err = w.account.FindNamespace(w.t.Context(), "kv-sync"); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.account.Store(id)
}

// below lists every key with a prefix, of all sites.
func (w *world) below(prefix string) (out []string) {
	w.t.Helper()
	for cursor := ""; ; {
		page, next, err := w.namespace().List(w.t.Context(), prefix, cursor)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, k := range page {
			out = append(out, k.Name)
		}
		if cursor = next; next == "" {
			return out
		}
	}
}

// takes deploys. It checks the number of uploaded blobs in the result and in KV, and that the site
// is then complete.
func (w *world) takes(src *memory, uploaded int) *kvsync.Result {
	w.t.Helper()
	prefix := w.config.Site + "/b/"
	there := w.below(prefix)
	res := w.mustDeploy(src)
	got := 0
	for _, key := range w.below(prefix) {
		if !slices.Contains(there, key) {
			got++
		}
	}
	if res.Uploaded != uploaded || got != uploaded {
		w.t.Errorf("%d blobs were uploaded, and it says %d; want %d", got, res.Uploaded, uploaded)
	}
	w.wantSite(src.files)
	return res
}

// A deploy after an upload ahead sends no blobs. It does not open files whose object ids are known.
func TestDeployAfterAnUploadAhead(t *testing.T) {
	t.Parallel()
	big := maps.Clone(after)
	big["/big.bin"] = strings.Repeat("big", 2<<20)
	big["/copy.bin"] = big["/big.bin"]
	for name, first := range map[string]bool{"deploy": false, "first deploy": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			c := history(before, big)
			if !first {
				w.mustDeploy(c[0])
			}
			w.uploadAhead(c[1], all+1)
			if w.live() != nil == first {
				t.Fatal("the upload deployed something")
			}
			other := &memory{files: big, commit: c[1].commit, time: c[1].time, order: c[1].order} // another clone
			sent := w.account.Stats().BytesUp
			res := w.takes(other, 0)
			if sent = w.account.Stats().BytesUp - sent; sent > 64<<10 || other.opened.Load() != 0 {
				t.Errorf("%d bytes were sent, %d files were opened", sent, other.opened.Load())
			}
			if res.Plan.Ahead != all+2 || res.Plan.Blobs != 0 || res.Plan.Bytes != 0 || res.Plan.Writes != 2 {
				t.Errorf("the plan says %+v", res.Plan)
			}
			if again := w.mustDeploy(c[1]); again.Switched {
				t.Error("the same again was a deployment")
			}
		})
	}
}

// An upload ahead writes only blobs and a receipt. The receipt expires.
func TestUploadAheadSwitchesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	live, there := w.live().Deployment, w.below("")
	kinds := w.counted(func() { w.uploadAhead(c[1], all) })
	slices.Sort(kinds)
	want := []string{"kv.bulk.put", "kv.bulk.put", "kv.values.get", "kv.values.get", "workers.deployments.list",
		"workers.versions.get"}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	w.wantSite(before)
	receipt := "blog/r/" + c[1].commit
	for _, key := range w.below("") {
		if !slices.Contains(there, key) && !strings.HasPrefix(key, "blog/b/") && key != receipt {
			t.Errorf("it wrote %s", key)
		}
	}
	if acts, err := w.workers().Activations(t.Context()); err != nil || len(acts) != 1 || w.live().Deployment != live {
		t.Errorf("%d activations, %v", len(acts), err)
	}
	if left := time.Until(w.expiration(receipt)); left < 12*time.Hour-time.Minute || left > 12*time.Hour {
		t.Errorf("the receipt expires in %s, want half the grace period", left)
	}
	if w.config.Grace = 10 * time.Minute; !w.expiration(w.manifestKey(w.live())).IsZero() {
		t.Error("the manifest expires")
	}
	w.uploadAhead(&memory{files: many(all, "third"), commit: commitID(2), order: c[1].order}, all)
	if left := time.Until(w.expiration(receipt)); left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("with the shortest grace period the receipt expires in %s", left)
	}
}

// expiration returns when KV removes a key, or zero for never.
func (w *world) expiration(key string) time.Time {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet,
		fmt.Sprintf("%s/accounts/%s/storage/kv/namespaces/%s/keys?prefix=%s", w.p.BaseURL, w.p.AccountID, w.live().Namespace,
			key), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.p.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var list struct{ Result []struct{ Expiration int64 } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Result) != 1 {
		w.t.Fatalf("%s: %+v, %v", key, list, err)
	}
	if list.Result[0].Expiration == 0 {
		return time.Time{}
	}
	return time.Unix(list.Result[0].Expiration, 0)
}

// Blobs that a deploy can send together with its manifest get no receipt, and a deploy with so few
// bytes does not look for one.
func TestWhatIsWorthAReceipt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		changed, size int
		worth         bool
	}{{10, 1, false}, {11, 1, true}, {1, 3 << 20, false}, {1, 3<<20 + 1, true}} {
		w := start(t)
		next := maps.Clone(before)
		for i := range tc.changed {
			next[fmt.Sprintf("/page-%02d.html", i)] = strings.Repeat(string(rune('a'+i)), tc.size)
		}
		c := history(before, next)
		w.mustDeploy(c[0])
		there := w.below("")
		a, err := w.tryUploadAhead(c[1])
		if err != nil || a.Receipt != tc.worth || a.Uploaded > 0 != tc.worth || a.Plan.NoChange {
			t.Errorf("%+v: %+v, %v", tc, a, err)
		}
		if now := w.below(""); slices.Equal(now, there) == tc.worth {
			t.Errorf("%+v: keys are %v", tc, now)
		}
		asked := len(w.counted(func() { w.mustDeploy(c[1]) })) - 7
		if asked > 0 != tc.worth {
			t.Errorf("%+v: the deploy took %d requests more than 7", tc, asked)
		}
		w.wantSite(next)
		if a, err := w.tryUploadAhead(c[1]); err != nil || a.Receipt || !a.Plan.NoChange {
			t.Errorf("%+v, of what is live: %+v, %v", tc, a, err)
		}
	}
}

// The number of requests of a deploy with a receipt is one more than without anything to upload. A
// folder has no receipt, so none is read.
func TestLedgerWithAReceipt(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Cache = &cache{}
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	got := w.counted(func() { w.mustDeploy(c[1]) })
	slices.Sort(got[3:5])
	folder := &memory{files: before}
	if kinds := w.counted(func() { w.mustDeploy(folder) }); slices.Contains(kinds, "kv.values.get") {
		t.Errorf("of a folder: %v", kinds)
	}
	want := []string{
		"workers.deployments.list", "workers.versions.get",
		"kv.values.get", // the receipt
		"kv.bulk.put",   // the manifest and the record
		"workers.versions.create", "workers.deployments.create", "workers.deployments.list",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// An upload ahead refuses what a deploy refuses, and what no deploy would use. It then writes
// nothing.
func TestUploadAheadRefuses(t *testing.T) {
	t.Parallel()
	c := history(before, after, many(all, "third"))
	for name, tc := range map[string]struct {
		prepare func(*world)
		src     manifest.Source
		opt     plan.Options
		guard   guard.ID
		says    string
	}{
		"a folder":          {src: &memory{files: after}, says: "only a commit"},
		"an older commit":   {src: c[0], guard: guard.Older},
		"an unknown commit": {src: &memory{files: c[2].files, commit: commitID(9)}, guard: guard.Order},
		"few files left": {src: &memory{files: many(10, "x"), commit: c[2].commit, order: c[2].order},
			guard: guard.Shrink},
		"a held commit": {prepare: func(w *world) {
			w.mustDeploy(c[2])
			if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
				t.Fatal(err)
			}
		}, src: c[2], guard: guard.Held},
		"a foreign version": {prepare: func(w *world) {
			v, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
			if err != nil {
				t.Fatal(err)
			}
			w.activateVersion(v, "by hand")
		}, src: c[2], guard: guard.Foreign},
		"a repair":       {src: c[2], opt: plan.Options{Repair: true}, says: "repairs or forgets"},
		"to forget":      {src: c[2], opt: plan.Options{Forget: true}, says: "repairs or forgets"},
		"changing files": {src: &changed{c[2], reads("xyz")}, says: "changed while"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.mustDeploy(c[0])
			w.mustDeploy(c[1])
			if tc.prepare != nil {
				tc.prepare(w)
			}
			there := w.below("")
			_, err := w.engine().UploadAhead(t.Context(), tc.src, script, tc.opt)
			if tc.guard != "" {
				wantGuard(t, err, tc.guard)
			} else if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("it says %v", err)
			}
			if now := w.below(""); !slices.Equal(now, there) {
				t.Errorf("it wrote something: %d keys were there, %d are", len(there), len(now))
			}
		})
	}
}

// A second upload of the same commit finds the first one's receipt.
func TestUploadAheadTwice(t *testing.T) {
	t.Parallel()
	w := startOnSeconds(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	w.pass(11 * time.Hour)
	w.uploadAhead(c[1], 0)
	w.pass(2 * time.Hour) // the first one is not believed any more
	w.uploadAhead(c[1], all)
	w.pass(11 * time.Hour)
	w.takes(c[1], 0)
}

// If part of the upload already exists, the entries that are reused from the first receipt keep
// their age in the second one.
func TestUploadAheadAfterAnother(t *testing.T) {
	t.Parallel()
	w := startOnSeconds(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	w.pass(7 * time.Hour)
	more := maps.Clone(after)
	maps.Copy(more, files{"/large.bin": strings.Repeat("l", 4<<20)})
	amended := &memory{files: more, commit: c[1].commit, order: c[1].order}
	w.uploadAhead(amended, 1)
	w.pass(7 * time.Hour)
	w.takes(amended, all)
}

// If the commit was amended before the push, its receipt is not used, and prune finds what it names
// as garbage.
func TestReceiptOfACommitThatNeverComes(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Retain = 1
	c := history(before, after, many(all, "amended"))
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	w.pass(time.Minute)
	w.takes(c[2], all)
	w.pass(100 * time.Hour)
	pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || pruned.Deleted != 2*all+2 { // of the upload and of the first deployment
		t.Errorf("%+v, %v", pruned, err)
	}
	w.wantSite(c[2].files)
}

// Receipts do not affect prune, verify and history: what is unrooted is unrooted, whether or not a
// receipt names it.
func TestReceiptsAreKnown(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	if err := w.store().Put(t.Context(), "blog/r/whatever", []byte("x")); err != nil {
		t.Fatal(err)
	}
	v, err := w.engine().Verify(t.Context(), true)
	if err != nil || !v.Whole() || v.Unrooted != all {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if past, err := w.engine().History(t.Context()); err != nil || len(past) != 1 {
		t.Errorf("history: %+v, %v", past, err)
	}
	w.pass(100 * time.Hour)
	pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || pruned.Deleted != all {
		t.Errorf("prune: %+v, %v", pruned, err)
	}
	if got := w.below("blog/r/"); len(got) != 2 {
		t.Errorf("receipts are %v", got)
	}
}

// closed checks that a receipt, if there is one, names only keys that exist.
func (w *world) closed(where, commit string) {
	w.t.Helper()
	b, err := w.namespace().Get(w.t.Context(), "blog/r/"+commit)
	if errors.Is(err, cloud.ErrNotFound) {
		return
	}
	_, rest, ok := strings.Cut(string(b), "\n")
	m, derr := manifest.DecodeStored([]byte(rest))
	if err != nil || derr != nil || !ok {
		w.t.Fatal(where, err, derr)
	}
	there := make(map[string]bool)
	for _, key := range w.below("blog/b/") {
		there[key] = true
	}
	for _, a := range m.Assets {
		if !there["blog/b/"+a.Blob.String()] {
			w.t.Fatalf("%s: the receipt names %s, which is not there", where, a.Path)
		}
	}
}

// TestEveryRequestOfAnUploadAheadCanFail injects each fault into each request of an upload and of
// the deploy after it. The deploy never relies on a missing blob.
func TestEveryRequestOfAnUploadAheadCanFail(t *testing.T) {
	t.Parallel()
	old, big := many(3, "before"), many(3, "after")
	big["/big.bin"], big["/other.bin"] = strings.Repeat("big", 3<<18), strings.Repeat("other", 1<<19) // raw, each
	c := history(old, big)
	upload := func(ctx context.Context, e *kvsync.Engine) error {
		_, err := e.UploadAhead(ctx, c[1], script, plan.Options{})
		return err
	}
	deploy := func(ctx context.Context, e *kvsync.Engine) error {
		_, err := e.Deploy(ctx, c[1], script, plan.Options{})
		return err
	}
	partial := requestFault{"half of it not written", false, platform.FaultPartial}
	for name, tc := range map[string]struct {
		first, after bool
		run          func(context.Context, *kvsync.Engine) error
	}{
		"upload": {run: upload}, "upload before all": {first: true, run: upload}, "deploy": {after: true, run: deploy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, b := range append(slices.Clip(requestFaults), partial) {
				for k := int64(1); ; k++ {
					w := start(t)
					w.config.Account = w.connect(1)
					if _, err := w.account.CreateNamespace(t.Context(), "kv-sync"); err != nil {
						t.Fatal(err)
					}
					live := files(nil)
					if !tc.first {
						w.mustDeploy(c[0])
						live = old
					}
					if tc.after {
						w.uploadAhead(c[1], len(big))
					}
					if !w.runWithFault(b, k, tc.run) {
						if k < 6 {
							t.Fatalf("%s: only %d requests", b.name, k-1)
						}
						break
					}
					where := fmt.Sprintf("%s at request %d", b.name, k)
					if got := w.site(); !maps.Equal(got, live) && (!tc.after || !maps.Equal(got, big)) {
						t.Fatalf("%s: live is %v", where, keysOf(got))
					}
					w.closed(where, c[1].commit)
					w.mustDeploy(c[1])
					w.wantSite(big)
				}
			}
		})
	}
}

// If the upload takes so long that no deploy would use its receipt, it writes none and says so.
func TestUploadAheadThatTakesTooLong(t *testing.T) {
	t.Parallel()
	w := startOnSeconds(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.during("kv.bulk.put", func() { w.pass(12 * time.Hour) })
	a, err := w.tryUploadAhead(c[1])
	if err != nil || a.Receipt || a.Uploaded != all || len(w.below("blog/r/")) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if !strings.Contains(strings.Join(w.notes, "\n"), "longer than half the grace period") {
		t.Errorf("notes %q", w.notes)
	}
	w.takes(c[1], all)
}
