package kvsync_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// edit is a run-time write, as the overlay records it.
type edit struct {
	path, body string
	gone       bool // deleted
	typ        string
	headers    [][2]string
	nonce      byte // of this write; 0 is 1
	was        string
}

func (e edit) nonceText() string { return fmt.Sprintf("%016x", max(e.nonce, 1)) }

// edit simulates a write by a Worker: it leaves the blobs and the record as the Durable Object of
// the overlay does.
func (w *world) edit(edits ...edit) {
	w.t.Helper()
	entries := []map[string]any{}
	slices.SortFunc(edits, func(a, b edit) int { return strings.Compare(a.path, b.path) })
	for _, e := range edits {
		entry := map[string]any{"path": e.path, "nonce": e.nonceText(), "time": "2026-11-21T10:00:00Z", "was": []any{nil}}
		if e.was != "" {
			entry["was"] = []any{hashOf(e.was).String()}
		}
		if !e.gone {
			entry["hash"], entry["size"] = hashOf(e.body).String(), len(e.body)
			if entry["type"] = e.typ; e.typ == "" {
				entry["type"] = "text/plain; charset=utf-8"
			}
			if e.headers != nil {
				entry["headers"] = e.headers
			}
			w.put("/o/b/"+hashOf(e.body).String()+"."+e.nonceText(), []byte(e.body))
		}
		entries = append(entries, entry)
	}
	site := w.config.Site
	if w.config.Project != "" {
		site = "project/" + w.config.Project
	}
	record, err := json.Marshal(map[string]any{"format": 1, "site": site, "revision": 3, "entries": entries})
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("/o/record", record)
	w.put("/o/current", []byte("of which nothing here reads a byte"))
}

// put writes a key below the site's or the project's prefix.
func (w *world) put(key string, value []byte) {
	w.t.Helper()
	store, prefix := w.account.Store(w.config.Namespace), "project/"+w.config.Project
	if w.config.Project == "" {
		store, prefix = w.store(), w.config.Site
	}
	if err := store.Put(w.t.Context(), prefix+key, value); err != nil {
		w.t.Fatal(err)
	}
}

// overlay returns every key below o/ with its value.
func (w *world) overlay() files {
	w.t.Helper()
	out := files{}
	for _, key := range w.keys("blog/o/") {
		b, err := w.store().Get(w.t.Context(), key)
		if err != nil {
			w.t.Fatal(err)
		}
		out[key] = string(b)
	}
	return out
}

func adopted(m *manifest.Manifest) map[string]string {
	out := map[string]string{}
	for path, nonce := range m.Adopted {
		out[path] = nonce.String()
	}
	return out
}

// A deploy adopts exactly the edits that it deploys. Every other edit still covers what is
// deployed.
func TestAdopted(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(
		files{"/a": "a", "/b": "b", "/c": "c", "/d": "d", "/e": "e", "/f": "f", "/old": "old"},
		files{"/a": "a2", "/b": "b2", "/c": "c2", "/d": "d", "/e": "e", "/f": "f", "/new": "n", "/new/_redirects": "/x /y"},
		files{"/a": "a3", "/b": "b2", "/c": "c2", "/d": "d", "/e": "e", "/f": "f", "/new": "n", "/old": "back"},
	)
	w.mustDeploy(h[0])
	edits := []edit{
		{path: "/a", body: "a2", nonce: 1},                                           // is what git has by then
		{path: "/b", body: "b9", nonce: 2},                                           // is not
		{path: "/c", body: "c2", nonce: 3, headers: [][2]string{{"x-robots", "no"}}}, // has headers, which git cannot
		{path: "/d", body: "d", nonce: 4, typ: "text/html"},                          // is of another type
		{path: "/e", gone: true, nonce: 5},                                           // deployed all the same
		{path: "/old", gone: true, nonce: 6},                                         // gone in git too
		{path: "/only", body: "here", nonce: 7},                                      // covers nothing
		{path: "/new/_redirects", body: "/x /y", nonce: 8},                           // a rule
	}
	w.edit(edits...)
	before := w.overlay()

	res := w.mustDeploy(h[1])
	want := map[string]string{"/a": "0000000000000001", "/old": "0000000000000006"}
	if d := cmp.Diff(want, adopted(w.manifest())); d != "" {
		t.Errorf("adopted (-want +got):\n%s", d)
	}
	shadowed := []plan.Shadow{{Path: "/b", Changed: true}, {Path: "/c", Changed: true}, {Path: "/d"},
		{Path: "/e", Deleted: true}}
	if d := cmp.Diff(shadowed, res.Plan.Shadowed); d != "" {
		t.Errorf("shadowed (-want +got):\n%s", d)
	}
	if n := res.Plan.Notices; len(n) != 1 || n[0].String() !=
		"edits made at run time: they cover 4 files, and visitors will not see what this deploy adds or changes at /b, /c" {
		t.Errorf("it says %v", n)
	}
	for _, r := range w.manifest().Retired {
		if r.Path == "/old" {
			t.Error("what was deleted at run time is back for open tabs")
		}
	}

	// An adopted edit stays adopted, whatever git makes of it, until the overlay
	// has forgotten it.
	w.mustDeploy(h[2])
	if d := cmp.Diff(want, adopted(w.manifest())); d != "" {
		t.Errorf("adopted later (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, w.overlay()); d != "" {
		t.Errorf("the deploys changed the overlay:\n%s", d)
	}
	w.edit(edit{path: "/a", body: "again", nonce: 9})
	res = w.mustDeploy(h[1].after(h[2], "4"))
	if got := adopted(w.manifest()); len(got) > 0 || len(res.Plan.Shadowed) != 1 {
		t.Errorf("of a new write at an adopted path %v is adopted, %v is covered", got, res.Plan.Shadowed)
	}
}

// after returns a commit with the same content that is newer than another commit.
func (m *memory) after(other *memory, id string) *memory {
	next := &memory{files: maps.Clone(m.files), commit: strings.Repeat(id, 40), time: other.time.Add(time.Second)}
	next.files["/"+id] = id
	next.order = append(slices.Clone(other.order), next.commit)
	other.order = next.order
	return next
}

// If a pulled edit was changed in git, the changed content is deployed. If a deletion was pulled,
// the file does not come back for open tabs.
func TestPulledIsAdopted(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(files{"/a": "a", "/b": "b", "/old": "old", "/c": "c"},
		files{"/a": "mended", "/b": "mended too", "/c": "c"})
	w.mustDeploy(h[0])
	w.edit(edit{path: "/a", body: "edited", nonce: 1}, edit{path: "/b", body: "edited again", nonce: 2},
		edit{path: "/old", gone: true, nonce: 3})
	h[1].pulled = map[string]manifest.Nonce{"/a": {7: 1}, "/b": {7: 9}, "/old": {7: 3}, "/c": {7: 4}}
	res := w.mustDeploy(h[1])
	if d := cmp.Diff(map[string]string{"/a": "0000000000000001", "/old": "0000000000000003"},
		adopted(w.manifest())); d != "" {
		t.Errorf("adopted (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]plan.Shadow{{Path: "/b", Changed: true}}, res.Plan.Shadowed); d != "" ||
		len(w.manifest().Retired) > 0 {
		t.Errorf("shadowed (-want +got):\n%s\nretired %v", d, w.manifest().Retired)
	}
}

// If the source lists a page as pulled but does not have it, visitors keep seeing it. Every deploy
// says so to whoever discarded the pull or did not commit the page.
func TestPulledIsNotPublished(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(files{"/a": "a"}, files{"/a": "a", "/b": "b"}, files{"/a": "a", "/b": "c"})
	w.mustDeploy(h[0])
	w.edit(edit{path: "/page.html", body: "written", nonce: 1})
	noticed := func(s *memory) bool {
		s.pulled = map[string]manifest.Nonce{"/page.html": {7: 1}}
		return slices.ContainsFunc(w.mustDeploy(s).Plan.Notices, func(n manifest.Problem) bool {
			return strings.Contains(n.Reason, "does not have 1 edit that it lists as pulled (/page.html)")
		})
	}
	for _, s := range h[1:] {
		if !noticed(s) || adopted(w.manifest())["/page.html"] != "" {
			t.Errorf("it is not said, or the edit is dropped: adopted %v", adopted(w.manifest()))
		}
	}
}

// If a pull was discarded but its record stayed, visitors keep seeing the edits.
func TestDiscardedPullDropsNoEdit(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	before := files{"/page": "old", "/gone": "old", "/fixed": "old"}
	h := history(before, files{"/page": "old", "/gone": "old", "/fixed": "fixed", "/other": "x"})
	w.mustDeploy(h[0])
	w.edit(edit{path: "/page", body: "mine", nonce: 1, was: "old"}, edit{path: "/gone", gone: true, nonce: 2, was: "old"},
		edit{path: "/fixed", body: "typo", nonce: 3, was: "old"})
	h[1].pulled = map[string]manifest.Nonce{"/page": {7: 1}, "/gone": {7: 2}, "/fixed": {7: 3}}
	res := w.mustDeploy(h[1])
	if d := cmp.Diff(map[string]string{"/fixed": "0000000000000003"}, adopted(w.manifest())); d != "" {
		t.Errorf("adopted (-want +got):\n%s", d)
	}
	said := fmt.Sprint(res.Plan.Notices)
	if !strings.Contains(said, "does not have 2 edits that it lists as pulled (/gone, /page)") {
		t.Errorf("it says %s", said)
	}
}

// A page that was made at run time, pulled, and then deleted at run time before the pulled commit
// is deployed comes back, because the overlay no longer has a record of it.
func TestPulledAndDeletedSince(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(files{"/a": "a"}, files{"/a": "a", "/kept": "k", "/since": "s", "/git": "g"},
		files{"/a": "a", "/kept": "k", "/since": "s", "/git": "g2"})
	w.mustDeploy(h[0])
	w.edit(edit{path: "/kept", body: "k", nonce: 1})
	h[1].pulled = map[string]manifest.Nonce{"/kept": {7: 1}, "/since": {7: 2}}
	h[2].pulled = h[1].pulled
	res := w.mustDeploy(h[1])
	if n := res.Plan.Notices; len(n) != 1 || n[0].String() != "edits made at run time: this deploy brings back 1 file "+
		"that came into git from there, and that the overlay has no more (/since)" {
		t.Errorf("it says %v", n)
	}
	if res := w.mustDeploy(h[2]); len(res.Plan.Notices) > 0 {
		t.Errorf("of what is live it says %v", res.Plan.Notices)
	}
}

// Only the Durable Object writes below o/. No command or schedule of kv-sync writes or deletes a
// key there (promise 10).
func TestEditsSurvive(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	w.config.Retain = 1
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "edited"}, edit{path: "/about.html", gone: true},
		edit{path: "/mine.html", body: "one", nonce: 2})
	w.put("/o/b/"+hashOf("uncommitted").String()+".0000000000000001", []byte("uncommitted"))
	w.put("/o/later", []byte("of a newer kv-sync"))
	before := w.overlay()
	if len(before) != 6 {
		t.Fatalf("the overlay has %v", slices.Sorted(maps.Keys(before)))
	}
	same := func(after string) {
		t.Helper()
		if d := cmp.Diff(before, w.overlay()); d != "" {
			t.Fatalf("after %s (-want +got):\n%s", after, d)
		}
	}
	w.mustDeploy(h[1])
	same("a deploy")
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	same("a rollback")
	w.mustDeploy(h[2])
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted == 0 {
		t.Fatalf("prune deleted %+v, %v", got, err)
	}
	same("a prune")
	if _, err := w.engine().History(t.Context()); err != nil {
		t.Error(err)
	}
	v, err := w.engine().Verify(t.Context(), true)
	want := &kvsync.VerifiedOverlay{Edits: 3, Files: 2}
	if err != nil || !v.Overlay.Whole() || !cmp.Equal(want, v.Overlay) || v.Unrooted != 0 {
		t.Errorf("%v, %+v, its overlay %+v", err, v, v.Overlay)
	}
	if _, err := w.deploy(h[2], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	same("a repair")
	w.config.Serving.Overlay = false
	if _, err := w.deploy(h[2], plan.Options{HideEdits: true}); err != nil {
		t.Fatal(err)
	}
	same("the overlay was switched off")
}

func TestVerifyOverlay(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	w.mustDeploy(history(one)[0])
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Overlay != nil || !v.Whole() {
		t.Errorf("of a site without edits: %+v, %v", v.Overlay, err)
	}
	w.edit(edit{path: "/a", body: "a"}, edit{path: "/b", body: "b"}, edit{path: "/c", body: "c"},
		edit{path: "/d", gone: true})
	w.drop("blog/o/b/" + hashOf("a").String() + ".0000000000000001")
	w.put("/o/b/"+hashOf("b").String()+".0000000000000001", []byte("not b"))
	v, err := w.engine().Verify(t.Context(), true)
	want := &kvsync.VerifiedOverlay{Edits: 4, Files: 3, Missing: []string{"/a"}, Corrupt: []string{"/b"}}
	if err != nil || v.Whole() || !cmp.Equal(want, v.Overlay) {
		t.Errorf("%+v, %v", v.Overlay, err)
	}
	w.put("/o/record", []byte("{"))
	if v, err = w.engine().Verify(t.Context(), false); err != nil || v.Whole() || v.Overlay.Problem == "" {
		t.Errorf("with a damaged record: %+v, %v", v.Overlay, err)
	}
}

// A deploy succeeds over a damaged overlay record. What was adopted stays adopted, and nothing else
// is adopted.
func TestDeployOverADamagedRecord(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "two"})
	w.mustDeploy(h[1])
	want := map[string]string{"/index.html": "0000000000000001"}
	if got := adopted(w.manifest()); !maps.Equal(got, want) {
		t.Fatalf("adopted is %v", got)
	}
	for i, record := range []string{`{"format":2}`, `{`, ""} {
		if record == "" {
			w.drop("blog/o/record")
		} else {
			w.put("/o/record", []byte(record))
		}
		res := w.mustDeploy(h[1].after(h[2], fmt.Sprint(4+i)))
		h[2] = h[2].after(h[2], fmt.Sprint(4+i)) // the order goes on from there
		if got := adopted(w.manifest()); !maps.Equal(got, want) || (len(res.Plan.Notices) == 1) != (record != "") {
			t.Errorf("over the record %q adopted is %v, it says %v", record, got, res.Plan.Notices)
		}
	}
}

// A deploy whose configuration no longer has the overlay is refused while edits are not in git.
func TestOverlayIsSwitchedOff(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "two"}, edit{path: "/x/_headers", body: "rules"})
	w.config.Serving.Overlay = false
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Overlay)
	if !strings.Contains(err.Error(), "miss 1 edit made") { // the other one is what is deployed
		t.Error(err)
	}
	w.put("/o/record", []byte("{"))
	_, err = w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Overlay)
	w.wantSite(one)

	w.edit(edit{path: "/index.html", body: "two"})
	if w.mustDeploy(h[1]); w.live().Overlay != nil || w.manifest().Serving.Overlay || len(w.manifest().Adopted) > 0 {
		t.Errorf("off, it says %+v, and the manifest %+v", w.live().Overlay, w.manifest().Serving)
	}
	w.edit(edit{path: "/index.html", body: "edited"})
	w.mustDeploy(h[2]) // it is off already

	w.config.Serving.Overlay = true
	w.mustDeploy(h[2])
	w.config.Serving.Overlay = false
	if _, err := w.deploy(h[2], plan.Options{HideEdits: true}); err != nil {
		t.Error(err)
	}
}

// A site with edits cannot move to another namespace, because the edits would stay in the old one.
func TestOverlayStaysInItsNamespace(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "edited"})
	id, err := w.account.CreateNamespace(t.Context(), "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Namespace = id
	for _, on := range []bool{true, false} {
		w.config.Serving.Overlay = on
		_, err = w.deploy(h[1], plan.Options{HideEdits: true})
		wantGuard(t, err, guard.Overlay)
	}
	w.config.Serving.Overlay = true
	w.edit(edit{path: "/index.html", body: "two"})
	w.mustDeploy(h[1])
	if says, _ := w.companion(); says["namespace"] != id || w.live().Namespace != id {
		t.Errorf("the companion is left in %v", says["namespace"])
	}
	if got := adopted(w.manifest()); len(got) != 1 { // the overlay may tell of it for a while
		t.Errorf("adopted is %v", got)
	}
}

// In the first deploy of a folder the hashes are known only after the upload.
func TestAdoptedOfUnhashedFiles(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "two"}, edit{path: "/about.html", body: "edited"})
	meta := w.live()
	if err := w.account.Workers("blog").PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	w.config.Namespace = meta.Namespace
	src := &memory{files: two}
	res, err := w.deploy(src, plan.Options{TakeOver: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := adopted(w.manifest()); len(got) != 1 || got["/index.html"] == "" {
		t.Errorf("adopted is %v", got)
	}
	if d := cmp.Diff([]plan.Shadow{{Path: "/about.html", Changed: true}}, res.Plan.Shadowed); d != "" ||
		len(res.Plan.Notices) != 1 {
		t.Errorf("shadowed (-want +got):\n%s\n%v", d, res.Plan.Notices)
	}
}

func TestRollbackToBeforeTheOverlay(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.config.Serving.Overlay = true
	w.mustDeploy(h[1])
	to := kvsync.RollbackOptions{To: h[0].commit, DryRun: true}
	if res, err := w.engine().Rollback(t.Context(), to); err != nil || len(res.Notices) > 0 {
		t.Errorf("without edits it says %v, %v", res.Notices, err)
	}
	w.edit(edit{path: "/index.html", body: "edited"})
	for _, to.DryRun = range []bool{true, false} {
		res, err := w.engine().Rollback(t.Context(), to)
		if err != nil || len(res.Notices) != 1 || !strings.Contains(res.Notices[0].Reason, "1 edit") {
			t.Errorf("it says %v, %v", res.Notices, err)
		}
	}
	w.wantSite(one)
}

// A project has its own overlay, and the companion of its loader.
func TestOverlayOfAProject(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	w.config.Serving.Overlay = true
	h := history(one, two)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "two"}, edit{path: "/about.html", body: "edited"})
	res := w.mustDeploy(h[1])
	if d := cmp.Diff([]plan.Shadow{{Path: "/about.html"}}, res.Plan.Shadowed); d != "" {
		t.Errorf("shadowed (-want +got):\n%s", d)
	}
	w.wantProject(two)
	if _, err := w.account.Workers("shop-overlay").Activations(t.Context()); err == nil {
		t.Error("a project has a companion of its own")
	}
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || len(w.keysOf("project/shop/o/")) != 4 {
		t.Errorf("after a prune of %+v (%v) %v is left", got, err, w.keysOf("project/shop/o/"))
	}
	w.config.Serving.Overlay = false
	_, err = w.deploy(h[0].after(h[1], "4"), plan.Options{})
	wantGuard(t, err, guard.Overlay)
}
