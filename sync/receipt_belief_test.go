package kvsync_test

import (
	"bytes"
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
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// The entries of a receipt are used one by one, while their keys are younger than half the grace
// period. The platform still has the receipt in each of these cases, because KV may remove it late.
// Prune never deletes what a deploy can still use.
func TestReceiptIsBelievedByAge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		age      time.Duration
		believed bool
	}{
		{11 * time.Hour, true}, {12*time.Hour - time.Second, true},
		{12 * time.Hour, false}, {13 * time.Hour, false}, {25 * time.Hour, false},
		{-30 * time.Minute, true}, // this machine's clock lags, and prune's with it
	} {
		for _, prune := range []bool{false, true} {
			t.Run(fmt.Sprint(tc.age, prune), func(t *testing.T) {
				t.Parallel()
				w := startOnSeconds(t)
				w.config.Retain = 1
				c := history(before, after)
				w.mustDeploy(c[0])
				w.uploadAhead(c[1], all)
				w.pass(tc.age)
				if prune {
					pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
					if err != nil || pruned.Deleted > 0 != (tc.age > 24*time.Hour) {
						t.Fatalf("prune: %+v, %v", pruned, err)
					}
				}
				if tc.believed {
					w.takes(c[1], 0)
				} else {
					w.takes(c[1], all)
				}
				if said := strings.Join(w.notes, "\n"); strings.Contains(said, "planning again") {
					t.Errorf("it was believed first: %q", said) // and found too old at the switch
				}
				if len(w.below("blog/r/")) != 1 {
					t.Error("the receipt is gone")
				}
			})
		}
	}
}

// KV has removed the receipt, and prune has not yet deleted what it named.
func TestReceiptThatIsGone(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	w.drop("blog/r/" + c[1].commit)
	w.takes(c[1], all)
}

// If a receipt was young at the plan and is too old at the switch, the plan is made again and does
// not use it, even if some of its entries are young.
func TestReceiptThatGrowsOldMeanwhile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		passes time.Duration
		again  bool
	}{"too old": {2 * time.Hour, true}, "half the grace period to the second": {time.Hour, true},
		"not yet": {time.Hour - time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startOnSeconds(t)
			more := maps.Clone(after)
			more["/a.bin"], more["/z.bin"] = strings.Repeat("late", 1<<20), "late" // before the rest, and after it
			c := history(before, more)
			w.mustDeploy(c[0])
			w.uploadAhead(&memory{files: after, commit: c[1].commit, order: c[1].order}, all)
			w.pass(7 * time.Hour)
			w.uploadAhead(c[1], 2) // younger than the rest
			w.pass(4 * time.Hour)
			w.during("workers.versions.create", func() { w.pass(tc.passes) })
			res := w.mustDeploy(c[1])
			w.wantSite(more)
			if again := res.Uploaded == all+2; again != tc.again || !again && res.Uploaded != 0 {
				t.Errorf("%d blobs were uploaded", res.Uploaded)
			}
			if said := strings.Contains(strings.Join(w.notes, "\n"), "planning again"); said != tc.again {
				t.Errorf("notes %q", w.notes)
			}
		})
	}
}

// Whatever the value of a receipt's key, it is ignored unless it is this commit's own receipt. The
// deploy is then the same as without one.
func TestReceiptThatIsNotBelieved(t *testing.T) {
	t.Parallel()
	put := func(change func([]byte) []byte) func(*world, string) {
		return func(w *world, commit string) {
			b, err := w.store().Get(w.t.Context(), "blog/r/"+commit)
			if err == nil {
				err = w.store().Put(w.t.Context(), "blog/r/"+commit, change(b))
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
	replace := func(old, with string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Errorf("the receipt has no %q: %.300q", old, b)
			}
			return bytes.Replace(b, []byte(old), []byte(with), 1)
		}
	}
	other := commitID(7)
	for name, spoil := range map[string]func(*world, string){
		"nothing":                put(func([]byte) []byte { return nil }),
		"other bytes":            put(func([]byte) []byte { return []byte("{}\n") }),
		"cut short":              put(func(b []byte) []byte { return b[:len(b)-1] }),
		"longer":                 put(func(b []byte) []byte { return append(b, 0) }),
		"the line alone":         put(func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }),
		"no line":                put(func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }),
		"a newer format":         put(replace(`"format":1`, `"format":2`)),
		"another site":           put(replace(`"site":"blog"`, `"site":"shop"`)),
		"another commit":         put(replace(commitID(2), other)),
		"a damaged hash":         put(func(b []byte) []byte { b[60]++; return b }),
		"a damaged manifest":     put(func(b []byte) []byte { b[len(b)-40] ^= 1; return b }),
		"one member more":        put(replace(`{"format"`, `{"more":1,"format"`)),
		"in a namespace of old":  func(w *world, _ string) { w.config.Namespace = w.anotherNamespace() },
		"it cannot be read":      func(w *world, commit string) { w.failGet("blog/r/" + commit) },
		"of a commit beside":     func(w *world, commit string) { w.copyReceipt(commit, other) },
		"to repair, not for use": nil, "to forget, not for use": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			c := history(before, after)
			w.mustDeploy(c[0])
			w.uploadAhead(c[1], all)
			var opt plan.Options
			src := c[1]
			switch {
			case spoil == nil:
				opt.Repair, opt.Forget = strings.Contains(name, "repair"), strings.Contains(name, "forget")
			case name == "of a commit beside":
				src = &memory{files: after, commit: other, order: []string{c[0].commit, other}}
				spoil(w, c[1].commit)
			default:
				spoil(w, c[1].commit)
			}
			res, err := w.deploy(src, opt)
			if err != nil || res.Uploaded != all || res.Plan.Ahead != 0 {
				t.Fatalf("%+v, %v", res, err)
			}
			w.p.Server.SetFault(nil)
			w.wantSite(after)
		})
	}
}

// anotherNamespace returns a namespace to which the site is to move.
func (w *world) anotherNamespace() string {
	id, err := w.account.CreateNamespace(w.t.Context(), "another")
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// failGet makes the reads of one key fail.
func (w *world) failGet(key string) {
	w.config.Account = w.connect(1)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.values.get" && strings.Contains(r.Path, strings.ReplaceAll(key, "/", "%2F")) {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
}

// copyReceipt copies the receipt of one commit to the key of another.
func (w *world) copyReceipt(from, to string) {
	b, err := w.store().Get(w.t.Context(), "blog/r/"+from)
	if err == nil {
		err = w.store().Put(w.t.Context(), "blog/r/"+to, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Other deploys or rollbacks between the upload and the deploy do not affect what was uploaded.
func TestReceiptAfterOthers(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*world, []*memory) int{
		"nobody":       func(*world, []*memory) int { return 0 },
		"a deployment": func(w *world, c []*memory) int { w.mustDeploy(c[2]); return 0 },
		"a rollback": func(w *world, _ []*memory) int {
			if _, err := w.engine().Rollback(w.t.Context(), kvsync.RollbackOptions{}); err != nil {
				w.t.Fatal(err)
			}
			return 0
		},
		"one at the last moment": func(w *world, c []*memory) int {
			rival := w.rival()
			w.during("workers.deployments.create", func() { rival.mustDeploy(c[2]) })
			return 0
		},
		"its other half was carried over, and is old": func(w *world, c []*memory) int {
			w.pass(11 * time.Hour)
			w.mustDeploy(&memory{files: many(all, "third"), commit: c[2].commit, order: c[2].order})
			return all / 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startOnSeconds(t)
			half := many(all, "after")
			for i := range all / 2 {
				path := fmt.Sprintf("/page-%02d.html", i)
				half[path] = before[path]
			}
			c := history(many(all, "first"), before, many(all, "between"), half)
			w.mustDeploy(c[0])
			w.mustDeploy(c[1])
			w.pass(2 * time.Hour)
			w.uploadAhead(c[3], all/2)
			want := between(w, c)
			res := w.mustDeploy(c[3])
			w.wantSite(half)
			if res.Uploaded != want {
				t.Errorf("%d blobs were uploaded, want %d", res.Uploaded, want)
			}
			if name == "nobody" && res.Plan.Ahead != all/2 { // the other half is carried over from what is live
				t.Errorf("%d files were uploaded ahead", res.Plan.Ahead)
			}
		})
	}
}

// The index of a chunked file may name chunks that were live. It is used only while they are still
// live. A small file beside it is used in any case.
func TestReceiptOfAFileInChunks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		between  bool
		uploaded int
	}{"nothing between": {false, 0}, "another deployment between": {true, 2}} { // the new chunk, and the index
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			next := maps.Clone(after)
			next["/film.mp4"] = reel("az")
			c := history(files{"/film.mp4": reel("ay")}, files{"/film.mp4": reel("aay"), "/x": "x"}, next)
			w.mustDeploy(c[0])
			w.uploadAhead(c[2], all+2)
			if tc.between {
				w.mustDeploy(c[1])
			}
			there := w.below("blog/b/")
			res := w.mustDeploy(c[2])
			w.wantSite(next)
			if now := w.below("blog/b/"); res.Uploaded != tc.uploaded || len(now) != len(there)+tc.uploaded {
				t.Errorf("%d blobs were uploaded, and %d are new", res.Uploaded, len(now)-len(there))
			}
			if res.Plan.AtMost != tc.between {
				t.Errorf("the plan is %+v", res.Plan)
			}
		})
	}
}

// In a first deployment the hashes of the files are not known. Uploaded files are found by their
// object ids, and the others are read.
func TestReceiptKnowsFilesByTheirID(t *testing.T) {
	t.Parallel()
	w := start(t)
	more := maps.Clone(after)
	more["/more.html"], more["/again.html"] = "more", after["/page-00.html"]
	src := history(more)[0]
	w.uploadAhead(&memory{files: after, commit: src.commit, order: src.order}, all)
	res := w.takes(src, 1)
	if n := src.opened.Load(); n != 1 || res.Plan.Ahead != all+1 {
		t.Errorf("%d files were opened, the plan is %+v", n, res.Plan)
	}
}

func TestReceiptOfAProject(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"deploy": false, "first deploy": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startProject(t)
			c := history(before, after)
			if !first {
				w.mustDeploy(c[0])
			}
			live := w.current("shop")
			w.uploadAhead(c[1], all)
			if now := w.current("shop"); fmt.Sprint(now) != fmt.Sprint(live) {
				t.Error("the upload switched")
			}
			there := len(w.below("project/shop/b/"))
			var res *kvsync.Result
			kinds := w.counted(func() { res = w.mustDeploy(c[1]) })
			if n := len(kinds); n > 8 { // 7 for one changed file whose live manifest is not cached
				t.Errorf("it took %d requests: %v", n, kinds)
			}
			w.wantProject(after)
			// The version and its served manifest are new.
			if now := len(w.below("project/shop/b/")); res.Uploaded != 0 || now != there+2 {
				t.Errorf("%d blobs were uploaded, and %d are new", res.Uploaded, now-there)
			}
			w.pass(100 * time.Hour)
			if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
				t.Fatal(err)
			}
			if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() || v.Unrooted != 0 {
				t.Errorf("%+v, %v", v, err)
			}
			if got := w.below("project/shop/r/"); len(got) != 1 {
				t.Errorf("receipts are %v", got)
			}
		})
	}
}

// For a site with an overlay, only the files are uploaded ahead. The deploy itself handles the
// companion and what it adopts.
func TestReceiptWithAnOverlay(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Serving.Overlay = true
	c := history(before, after, many(all, "third"))
	w.uploadAhead(c[0], all)
	if _, err := w.account.Workers("blog-overlay").Activations(t.Context()); !errors.Is(err, cloud.ErrNotFound) {
		t.Errorf("the upload made a companion: %v", err)
	}
	w.takes(c[0], 0)
	w.edit(edit{path: "/page-00.html", body: c[1].files["/page-00.html"]}, edit{path: "/page-01.html", body: "edited"})
	edits := w.overlay()
	w.uploadAhead(c[1], all)
	res := w.takes(c[1], 0)
	if m := w.manifest(); len(m.Adopted) != 1 || m.Adopted["/page-00.html"] == (manifest.Nonce{}) {
		t.Errorf("adopted are %v", m.Adopted)
	}
	if len(res.Plan.Shadowed) != 1 || res.Plan.Shadowed[0].Path != "/page-01.html" || !maps.Equal(w.overlay(), edits) {
		t.Errorf("shadowed are %+v", res.Plan.Shadowed)
	}
}

// A plan also reads the receipt, and says what was uploaded ahead.
func TestPlanWithAReceipt(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.uploadAhead(c[1], all)
	there := w.below("")
	p, err := w.engine().Plan(t.Context(), c[1], script, plan.Options{})
	if err != nil || p.Ahead != all || p.Blobs != 0 || p.Writes != 2 || len(p.Changed) != all {
		t.Errorf("%+v, %v", p, err)
	}
	if !slices.Equal(w.below(""), there) {
		t.Error("it wrote something")
	}
}

// If the blobs were uploaded but their receipt could not be written, the upload fails.
func TestReceiptThatIsNotWritten(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(before, after)
	w.mustDeploy(c[0])
	w.config.Account = w.connect(1)
	writes := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.put" {
			writes++
		}
		if writes == 2 {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
	a, err := w.tryUploadAhead(c[1])
	w.p.Server.SetFault(nil)
	if err == nil || !strings.Contains(err.Error(), "the receipt") || writes != 2 || len(w.below("blog/r/")) != 0 {
		t.Errorf("%+v, %v, after %d writes", a, err, writes)
	}
	w.takes(c[1], all)
}
