package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// rival returns an engine of another machine that deploys the same site.
func (w *world) rival() *world {
	r := *w
	r.account = w.connect(0)
	r.config.Account = r.account
	return &r
}

// hand activates a version with any message, as other tools can.
func (w *world) hand(version, message string) {
	w.t.Helper()
	err := w.connect(0).Workers("blog").Activate(w.t.Context(), []cloud.Share{{Version: version, Percent: 100}}, message,
		true)
	if err != nil {
		w.t.Fatal(err)
	}
}

// Promise 1: bytes whose hash is not their name are not a manifest, even if they can be decoded as
// one of the same site.
func TestManifestIsWhatItsNameSays(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	stale, err := w.store().Get(t.Context(), w.manifestKey(w.live()))
	if err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[1])
	right, err := w.store().Get(t.Context(), w.manifestKey(w.live()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store().Put(t.Context(), w.manifestKey(w.live()), stale); err != nil {
		t.Fatal(err)
	}
	if _, err := w.deploy(h[2], plan.Options{}); err == nil {
		t.Error("a deploy planned against another deployment's manifest")
	}
	if got, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err == nil {
		t.Errorf("prune took another deployment's manifest for a root: %+v", got)
	}
	if err := w.store().Put(t.Context(), w.manifestKey(w.live()), right); err != nil {
		t.Fatal(err)
	}
	// A cache is not trusted either.
	w.config.Cache = &cache{m: map[string][]byte{w.live().Manifest: stale}}
	w.mustDeploy(h[2])
	w.wantSite(three)
}

// announce makes a version live with other metadata in KV_SYNC.
func (w *world) announce(kind, field, says string) {
	w.t.Helper()
	u := cloud.Upload{Worker: script}
	namespace, err := w.account.FindNamespace(w.t.Context(), "kv-sync")
	if err != nil {
		w.t.Fatal(err)
	}
	u.Bindings = []cloud.Binding{
		{Name: cloud.BindingMeta, Type: kind, Fields: map[string]json.RawMessage{field: json.RawMessage(says)}},
		{Name: cloud.BindingBlobs, Type: "kv_namespace",
			Fields: map[string]json.RawMessage{"namespace_id": json.RawMessage(`"` + namespace + `"`)}},
	}
	if err := w.account.Workers("blog").PutScript(w.t.Context(), u); err != nil {
		w.t.Fatal(err)
	}
}

// The metadata of a version counts only if it has the known form, is of this site, and has a
// format that this release can read.
func TestWhatAVersionSays(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	meta := *w.live()
	says := func(change func(*version.Meta)) string {
		m := meta
		change(&m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	w.announce("plain_text", "text", `"mine"`)
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Foreign)
	w.announce("json", "json", says(func(m *version.Meta) { m.Site = "other" }))
	_, err = w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Foreign)
	w.announce("json", "json", says(func(m *version.Meta) { m.Format = 99 }))
	if _, err = w.deploy(h[1], plan.Options{TakeOver: true}); !errors.Is(err, manifest.ErrNewer) {
		t.Errorf("over a newer release's version it says %v", err)
	}

	// A manifest of another site is none of ours, whatever names it.
	other := *w
	other.config.Site = "other"
	other.mustDeploy(history(one)[0])
	ref := other.live().Manifest
	b, err := other.store().Get(t.Context(), other.manifestKey(other.live()))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.store().Put(t.Context(), w.manifestKey(other.live()), b); err != nil {
		t.Fatal(err)
	}
	w.announce("json", "json", says(func(m *version.Meta) { m.Manifest = ref }))
	if _, err = w.deploy(h[1], plan.Options{}); err == nil ||
		!strings.Contains(err.Error(), `belongs to the site "other"`) {
		t.Errorf("over a manifest of another site it says %v", err)
	}
}

// The identity of a folder includes everything that is served.
func TestFolderIDNamesAllThatIsServed(t *testing.T) {
	base := func() *manifest.Listing {
		return &manifest.Listing{
			Origin: manifest.Origin{Kind: "folder", Rules: "r1"},
			Files: []manifest.File{{Asset: manifest.Asset{Path: "/a", ContentType: "text/plain",
				Blob: manifest.Ref{Hash: manifest.HashOf([]byte("a"))}}}},
			Redirects: []manifest.Redirect{{From: "/x", To: "/y", Status: 301}},
			Headers:   []manifest.HeaderRule{{Path: "/*", Unset: []string{"server"}}},
		}
	}
	want := manifest.FolderID(base())
	for name, change := range map[string]func(*manifest.Listing){
		"rules":        func(l *manifest.Listing) { l.Origin.Rules = "r2" },
		"path":         func(l *manifest.Listing) { l.Files[0].Path = "/b" },
		"content":      func(l *manifest.Listing) { l.Files[0].Blob.Hash = manifest.HashOf([]byte("b")) },
		"content type": func(l *manifest.Listing) { l.Files[0].ContentType = "text/html" },
		"redirects":    func(l *manifest.Listing) { l.Redirects[0].Status = 302 },
		"headers":      func(l *manifest.Listing) { l.Headers[0].Unset = nil },
		"a file":       func(l *manifest.Listing) { l.Files = nil },
	} {
		l := base()
		change(l)
		if manifest.FolderID(l) == want {
			t.Errorf("%s is no part of the identity", name)
		}
	}
}

// A hold that is not a commit holds nothing back, because anyone can write messages.
func TestHoldMustBeACommit(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.hand(w.activeVersion(), "Rollback to x kv-sync-hold:nonsense")
	w.mustDeploy(h[1])
	w.wantSite(two)
}

// A configured namespace is used. Nothing is assumed to be in it because it was in the one before.
func TestAnotherNamespace(t *testing.T) {
	w := start(t)
	h := history(one, files{"/index.html": "one", "/about.html": "about"}, three)
	w.mustDeploy(h[0])
	before := w.live()
	other, err := w.account.CreateNamespace(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Namespace = other
	res := w.mustDeploy(h[1])
	if w.live().Namespace != other || res.Uploaded != 2 {
		t.Errorf("it lives in %s with %d blobs uploaded, want %s and 2", w.live().Namespace, res.Uploaded, other)
	}
	w.wantSite(h[1].files)
	if r := w.manifest().Retired; len(r) != 0 {
		t.Errorf("retired are %v, whose blobs lie elsewhere", r)
	}
	if res := w.mustDeploy(h[1]); res.Switched {
		t.Error("an unchanged site was deployed again")
	}
	// The same content in yet another namespace is a change.
	w.config.Namespace = before.Namespace
	if res := w.mustDeploy(h[1]); !res.Switched || w.live().Namespace != before.Namespace {
		t.Errorf("moving back did %+v", res)
	}
	w.wantSite(h[1].files)
	w.config.Namespace = other
	w.mustDeploy(h[2])
	// What lies in a namespace that was left cannot keep this one from being pruned.
	if _, err := w.account.Store(before.Namespace).DeleteBulk(t.Context(),
		[]string{w.manifestKey(before)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Error(err)
	}
	w.wantSite(three)
}

// With AnyOrder nothing is restored after the switch, because an older commit was to go live.
func TestAnyOrderStays(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.during("workers.deployments.create", func() { w.rival().mustDeploy(h[2]) })
	if _, err := w.deploy(h[1], plan.Options{AnyOrder: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(two)
}

// A newer commit that is restored keeps the message of its activation. It is not restored over a
// later switch by somebody else.
func TestNewerCommitComesBackWhole(t *testing.T) {
	w := start(t)
	h := history(one, two, three, two, three)
	first := w.mustDeploy(h[0])
	w.during("workers.deployments.create", func() { w.rival().mustDeploy(h[2]) })
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Older)
	acts, err := w.account.Workers("blog").Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if acts[0].Message != acts[2].Message || !strings.Contains(acts[0].Message, w.live().Deployment) {
		t.Errorf("it came back as %q, was %q", acts[0].Message, acts[2].Message)
	}

	w.during("workers.deployments.create", func() {
		w.rival().mustDeploy(h[4])
		w.during("workers.deployments.list", func() { w.hand(first.Version, "by hand") })
	})
	_, _ = w.deploy(h[3], plan.Options{}) // whatever it says
	w.wantSite(one)
}

// short is an account whose list of deployments is limited, as Cloudflare's is.
type short struct {
	cloud.Account
	n int
}

func (s short) Workers(name string) cloud.Workers { return shortWorkers{s.Account.Workers(name), s.n} }

type shortWorkers struct {
	cloud.Workers
	n int
}

func (s shortWorkers) Activations(ctx context.Context) ([]cloud.Activation, error) {
	a, err := s.Workers.Activations(ctx)
	return a[:min(len(a), s.n)], err
}

// in returns an engine that runs at that later time.
func (w *world) in(d time.Duration) *kvsync.Engine {
	w.t.Helper()
	c := w.config
	now := w.time().Add(d)
	c.Now = func() time.Time { return now }
	c.Account = kvsync.TimedAccount{Account: c.Account, Clock: c.Now}
	e, err := kvsync.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// If Cloudflare's list is too short to contain what is retained, the records are used, also those
// of earlier versions, which do not say what was live before.
func TestPruneGoesByTheRecordsToo(t *testing.T) {
	w, contents := aged(t, 6)
	for _, key := range w.keys("blog/d/") {
		b, err := w.store().Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		r, err := version.DecodeRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		r.Past = nil
		if b, err = json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if err := w.store().Put(t.Context(), key, b); err != nil {
			t.Fatal(err)
		}
	}
	w.config.Account = short{w.account, 1}
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{Retain: 3})
	w.config.Account = w.account
	if err != nil || got.Deleted != 9 {
		t.Errorf("it deleted %+v, %v; want the blob, the manifest and the record of three", got, err)
	}
	w.wantSite(contents[5])
	for _, want := range []files{contents[4], contents[3]} { // within the grace period
		if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Fatal(err)
		}
		w.wantSite(want)
	}
}

// A deployment that was live within the grace period is a root, even if it began long before and is
// no longer in Cloudflare's list. Half a grace period may be between the id of its successor and
// that successor's switch.
func TestPruneSparesWhatWasLiveOfLate(t *testing.T) {
	w := start(t)
	w.config.Retain = 1
	src := &memory{files: files{"/a": "1", "/b": "b", "/c": "c"}}
	w.mustDeploy(src)
	blobs := w.keys("blog/b/")
	w.pass(10 * 24 * time.Hour)
	src.files = files{"/a": "2", "/b": "b", "/c": "c"}
	w.mustDeploy(src)
	w.config.Account = short{w.account, 1}
	for _, tc := range []struct {
		after time.Duration
		gone  bool
	}{{30 * time.Hour, false}, {35*time.Hour + 59*time.Minute, false}, {36 * time.Hour, true}} {
		e := w.in(tc.after)
		if _, err := e.Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, k := range w.keys("blog/b/") {
			if slices.Contains(blobs, k) {
				kept++
			}
		}
		if gone := kept != len(blobs); gone != tc.gone {
			t.Errorf("%v after it was replaced, %d of its %d blobs are left", tc.after, kept, len(blobs))
		}
	}
}

// The grace period counts in full, from the time in the key.
func TestPruneSparesToTheEndOfTheGracePeriod(t *testing.T) {
	w := start(t)
	w.mustDeploy(history(one)[0])
	garbage := "blog/b/" + strings.Repeat("0", 64) + fmt.Sprintf(".%08x00000000", w.time().Unix())
	if err := w.store().Put(t.Context(), garbage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]int{0: 0, 24*time.Hour - time.Minute: 0, 24*time.Hour + time.Minute: 1} {
		if got, err := w.in(after).Prune(t.Context(), layout.PruneOptions{DryRun: true}); err != nil || got.Deleted != want {
			t.Errorf("after %v it would delete %+v, %v", after, got, err)
		}
	}
}

// The record of a run that died before it wrote its manifest does not prevent a prune.
func TestPruneGoesOnOverARecordThatNeverWentLive(t *testing.T) {
	w, contents := aged(t, 5)
	at := w.time().Add(29 * 24 * time.Hour).UTC()
	id := at.Format("20060102-150405") + "-00000000"
	b, err := json.Marshal(version.Record{Format: 1, Deployment: id, Site: "blog", Manifest: strings.Repeat("0", 64) +
		"." + fmt.Sprintf("%016x", at.Unix()<<32)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store().Put(t.Context(), "blog/d/"+id, b); err != nil {
		t.Fatal(err)
	}
	if got, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted == 0 {
		t.Errorf("it deleted %+v, %v", got, err)
	}
	w.wantSite(contents[4])
}

// Every setting of a Worker that affects how it runs makes a new version. Nothing else does.
func TestEveryPartOfAWorkerCounts(t *testing.T) {
	w := start(t)
	src := history(one)[0]
	mine := script
	text := func(s string) []cloud.Binding {
		return []cloud.Binding{{Name: "MODE", Type: "plain_text",
			Fields: map[string]json.RawMessage{"text": json.RawMessage(s)}}}
	}
	deploy := func() *kvsync.Result {
		t.Helper()
		res, err := w.engine().Deploy(t.Context(), src, mine, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	mine.Bindings, mine.Settings = text(`"a"`), map[string]json.RawMessage{"limits": json.RawMessage(`{"cpu_ms":50}`)}
	deploy()
	for _, tc := range []struct {
		name   string
		change func()
	}{
		{"a module", func() {
			mine.Modules = []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
				Content: []byte("export class Room {}; export default { fetch() { return new Response('new') } }")}}
		}},
		{"a binding's value", func() { mine.Bindings = text(`"b"`) }},
		{"a setting's value",
			func() { mine.Settings = map[string]json.RawMessage{"limits": json.RawMessage(`{"cpu_ms":60}`)} }},
		{"the date", func() { mine.CompatibilityDate = "2026-11-02" }},
		{"a flag", func() { mine.CompatibilityFlags = []string{"nodejs_compat"} }},
		{"how pathnames are matched", func() { w.config.Serving.HTMLHandling = "none" }},
		{"what is not found", func() { w.config.Serving.NotFound = "none" }},
		{"a migration", func() {
			mine.Migrations = []cloud.Migration{{Tag: "v1", Step: json.RawMessage(`{"new_sqlite_classes":["Room"]}`)}}
		}},
	} {
		tc.change()
		if res := deploy(); !res.Switched || !res.Plan.WorkerChanged {
			t.Errorf("%s changed, and the plan says %+v", tc.name, res.Plan)
		}
		if res := deploy(); res.Switched {
			t.Errorf("%s: deployed twice", tc.name)
		}
	}
}

// retyped serves its files as HTML.
type retyped struct{ *memory }

func (r retyped) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	l, err := r.memory.Files(ctx, base)
	for i := range l.Files {
		l.Files[i].ContentType = "text/html; charset=utf-8"
	}
	l.Origin.ID = manifest.FolderID(l)
	return l, err
}

// A plan counts equal contents once. A new content type is a change without an upload.
func TestPlanCounts(t *testing.T) {
	w := start(t)
	src := &memory{files: files{"/a": "same", "/b": "same", "/c": "c"}, hashed: true}
	p, err := w.engine().Plan(t.Context(), src, script, plan.Options{})
	if err != nil || p.Blobs != 2 || p.Bytes != 5 || p.Writes != 4 || len(p.Added) != 3 {
		t.Errorf("three files of two contents: %+v, %v", p, err)
	}
	w.mustDeploy(src)
	p, err = w.engine().Plan(t.Context(), retyped{src}, script, plan.Options{})
	if err != nil || len(p.Changed) != 3 || p.Unchanged != 0 || p.Blobs != 0 {
		t.Errorf("three files of another type: %+v, %v", p, err)
	}
}

// A deploy may remove half of the files without a confirmation.
func TestShrinkByHalf(t *testing.T) {
	w := start(t)
	src := &memory{files: files{"/a": "a", "/b": "b", "/c": "c", "/d": "d"}}
	w.mustDeploy(src)
	src.files = files{"/a": "a", "/b": "b"}
	w.mustDeploy(src)
	w.wantSite(src.files)
}

// What an earlier plan of the same run has confirmed is not sent again.
func TestPlanningAgainSendsNothingTwice(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() {
		w.pass(settled)
		w.rival().mustDeploy(h[1])
	})
	w.mustDeploy(h[2])
	w.wantSite(three)
	n := 0
	for _, k := range w.keys("blog/b/") {
		if strings.Contains(k, manifest.HashOf([]byte("three")).String()) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one content of one run lies under %d keys", n)
	}
}

// AnyOrder does not end a hold, and does not override it if the order is unknown.
func TestHoldWantsItsOwnFlag(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	rebuilt := &memory{files: three, commit: h[1].commit, order: h[1].order} // other content
	_, err := w.deploy(rebuilt, plan.Options{AnyOrder: true})
	wantGuard(t, err, guard.Held)
	stranger := &memory{files: three, commit: commitID(99), order: h[0].order}
	_, err = w.deploy(stranger, plan.Options{})
	wantGuard(t, err, guard.Order)
	// The same holds if it is newer than the live commit.
	stranger.order = []string{h[0].commit, stranger.commit}
	_, err = w.deploy(stranger, plan.Options{})
	wantGuard(t, err, guard.Order)
	w.wantSite(one)
}

// A rollback accepts a commit in upper and lower case, and ends a split.
func TestRollbackOutOfASplit(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	h[0].commit, h[0].order[0] = strings.Repeat("ab", 20), strings.Repeat("ab", 20)
	a, b := w.mustDeploy(h[0]), w.mustDeploy(h[1])
	split := func(first, second cloud.Share) {
		t.Helper()
		if err := w.account.Workers("blog").Activate(t.Context(), []cloud.Share{first, second}, "split", true); err != nil {
			t.Fatal(err)
		}
	}
	split(cloud.Share{Version: b.Version, Percent: 90}, cloud.Share{Version: a.Version, Percent: 10})
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: b.Version})
	if err != nil || !res.Switched {
		t.Fatalf("to the larger share: %+v, %v", res, err)
	}
	w.wantSite(two)
	split(cloud.Share{Version: b.Version, Percent: 90}, cloud.Share{Version: a.Version, Percent: 10})
	if res, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil ||
		res.PreviousVersion != a.Version || res.Version != b.Version {
		t.Fatalf("to what was live before the split: %+v, %v", res, err)
	}
	w.wantSite(two)
	if res, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil || res.Version != a.Version {
		t.Fatalf("to the deployment before: %+v, %v", res, err)
	}
	w.wantSite(one)
	if _, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: b.Deployment}); err != nil {
		t.Fatal(err)
	}
	if _, err = w.engine().Rollback(t.Context(),
		kvsync.RollbackOptions{To: strings.ToUpper(h[0].commit[:10])}); err != nil {
		t.Error(err)
	}
	w.wantSite(one)
}

// Deploys within the grace period of each other do not delay the prune.
func TestBusySitesArePrunedToo(t *testing.T) {
	w := start(t)
	w.config.Retain = 1
	src, pruned := &memory{}, 0
	for i := range 12 {
		src.files = files{"/a": fmt.Sprint(i), "/b": "b", "/c": "c"}
		pruned += w.mustDeploy(src).Pruned
		w.pass(10 * time.Hour)
	}
	if pruned == 0 {
		t.Error("twelve deploys in five days pruned nothing")
	}
}

// Retired assets stay listed for the whole grace period, whatever the number of retained
// deployments. The age of a plan counts from the first byte that was uploaded.
func TestGraceCountsBesideTheNumberRetained(t *testing.T) {
	w := start(t)
	w.config.Retain = 1
	src := &memory{files: files{"/app.1.js": "1", "/b": "b", "/c": "c"}}
	w.during("kv.bulk.put", func() { w.pass(13 * time.Hour) })
	w.mustDeploy(src)
	if !strings.Contains(strings.Join(w.notes, "\n"), "planning again") {
		t.Errorf("an upload that took 13 hours was switched to: %q", w.notes)
	}
	for i, want := range []int{1, 1, 1, 0} { // a deploy every ten hours
		src.files = files{"/b": fmt.Sprint(i), "/c": "c"}
		w.mustDeploy(src)
		if got := len(w.manifest().Retired); got != want {
			t.Errorf("%d hours after it went, %d are listed as retired, want %d", 10*i, got, want)
		}
		w.pass(10 * time.Hour)
	}
}
