package kvsync_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

var (
	one   = files{"/index.html": "one", "/about.html": "about", "/style.css": "css"}
	two   = files{"/index.html": "two", "/about.html": "about", "/style.css": "css"}
	three = files{"/index.html": "three", "/about.html": "about", "/style.css": "css", "/new.html": "new"}
)

// The number of requests is part of the design: it depends on the change.
func TestLedger(t *testing.T) {
	w := start(t)
	h := history(one, two)
	folder := &memory{files: two}

	first := w.counted(func() { w.mustDeploy(h[0]) })
	want := []string{
		"workers.deployments.list",                   // there is no script
		"kv.namespaces.list", "kv.namespaces.create", // once for an account
		"kv.bulk.put",                  // the blobs, and beside them
		"workers.script-subdomain.get", // the site's address, on this machine
		"workers.subdomain.get",        // and in the world
		"kv.bulk.put",                  // the hashes being known: manifest and record
		"workers.scripts.put",          // upload and switch in one
		"workers.deployments.list",     // did somebody else deploy at the same moment?
		"workers.script-subdomain.set",
	}
	put := slices.Index(first, "workers.scripts.put")
	if last := len(first) - 1 - slices.Index(reversed(first), "kv.bulk.put"); put < last {
		t.Errorf("the script went out before the last bulk write: %v", first)
	}
	slices.Sort(want) // much of it runs side by side
	slices.Sort(first)
	if d := cmp.Diff(want, first); d != "" {
		t.Errorf("first deploy (-want +got):\n%s", d)
	}
	if got := w.counted(func() { w.mustDeploy(h[0]) }); !slices.Equal(got,
		[]string{"workers.deployments.list", "workers.versions.get"}) {
		t.Errorf("no change took %v", got)
	}

	w.config.Cache = &cache{}
	changed := w.counted(func() { w.mustDeploy(h[1]) })
	slices.Sort(changed[3:5])
	want = []string{
		"workers.deployments.list", "workers.versions.get",
		"kv.values.get",                          // the live manifest, not cached yet
		"kv.bulk.put", "workers.versions.create", // side by side
		"workers.deployments.create",
		"workers.deployments.list", // did a newer commit come at the same moment?
	}
	if d := cmp.Diff(want, changed); d != "" {
		t.Errorf("one changed file (-want +got):\n%s", d)
	}
	if got := w.counted(func() { w.mustDeploy(folder) }); len(got) > 7 {
		t.Errorf("a folder with one changed file took %d requests: %v", len(got), got)
	}
	folder.files = three
	cached := w.counted(func() { w.mustDeploy(folder) })
	if len(cached) > 6 || slices.Contains(cached, "kv.values.get") {
		t.Errorf("with the manifest cached it took %v", cached)
	}
	if got := w.counted(func() { w.mustDeploy(folder) }); len(got) != 2 {
		t.Errorf("an unchanged folder took %v", got)
	}
	w.wantSite(three)
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// cache is a Cache in memory.
type cache struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (c *cache) Get(name string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.m[name]
	return b, ok
}

func (c *cache) Put(name string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string][]byte)
	}
	c.m[name] = b
}

func TestDeployUploadsOnlyWhatChanged(t *testing.T) {
	w := start(t)
	big := files{"/big.bin": strings.Repeat("x", 600<<10), "/copy/big.bin": strings.Repeat("x", 600<<10),
		"/a.txt": "same", "/b.txt": "same"}
	maps.Copy(big, one)
	h := history(big, big)
	h[1].files = maps.Clone(big)
	h[1].files["/index.html"] = "changed"
	h[1].files["/moved.css"] = "css"
	delete(h[1].files, "/about.html")

	w.mustDeploy(h[0])
	w.wantSite(big)
	if blobs := w.keys("blog/b/"); len(blobs) != 5 {
		t.Errorf("8 files of 5 contents lie under %d keys: %v", len(blobs), blobs)
	}
	res := w.mustDeploy(h[1])
	w.wantSite(h[1].files)
	if res.Uploaded != 1 || len(res.Plan.Added) != 1 || len(res.Plan.Changed) != 1 || len(res.Plan.Removed) != 1 ||
		res.Plan.Unchanged != 5 {
		t.Errorf("got %d uploaded, plan %+v", res.Uploaded, res.Plan)
	}
	if res.Plan.Writes != 3 {
		t.Errorf("the plan says %d KV writes, want 3: the blob, the manifest, the record", res.Plan.Writes)
	}
	if res.PreviousVersion == "" || res.PreviousVersion == res.Version || res.PreviousDeployment == res.Deployment {
		t.Errorf("previous and new are %+v", res)
	}
}

func TestPlanWritesNothing(t *testing.T) {
	w := start(t)
	h := history(one, two)
	for i, src := range h {
		kinds := w.counted(func() {
			p, err := w.engine().Plan(t.Context(), src, script, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.First != (i == 0) || p.NoChange {
				t.Errorf("plan %+v", p)
			}
		})
		for _, k := range kinds {
			if !strings.HasSuffix(k, ".list") && !strings.HasSuffix(k, ".get") {
				t.Errorf("planning sent %s", k)
			}
		}
		w.mustDeploy(src)
	}
}

// A folder has one identity, whether or not its hashes were known before.
func TestFolderIdentity(t *testing.T) {
	for _, hashed := range []bool{false, true} {
		w := start(t)
		src := &memory{files: one, hashed: hashed}
		w.mustDeploy(src)
		if res := w.mustDeploy(src); res.Switched {
			t.Errorf("hashes known before %v: an unchanged folder was deployed twice", hashed)
		}
	}
}

// The engine reports the hashes that the upload computed to the source, which keeps them.
func TestHashesAreRemembered(t *testing.T) {
	w := start(t)
	src := &memory{files: one}
	w.mustDeploy(src)
	for _, a := range src.remembered {
		if a.Blob.Hash != manifest.HashOf([]byte(one[a.Path])) {
			t.Errorf("%s is remembered with the hash %s", a.Path, a.Blob.Hash)
		}
	}
	if len(src.remembered) != len(one) {
		t.Errorf("%d files are remembered", len(src.remembered))
	}
}

// Modified is the time when a content was first seen. It is not part of the identity of a manifest.
func TestModifiedStaysWithTheContent(t *testing.T) {
	w := start(t)
	src := &memory{files: one, time: time.Unix(1000, 0)}
	w.mustDeploy(src)
	src.time, src.files = time.Unix(2000, 0), two
	w.mustDeploy(src)
	for _, a := range w.manifest().Assets {
		if want := map[bool]int64{true: 2000, false: 1000}[a.Path == "/index.html"]; a.Modified != want {
			t.Errorf("%s was modified at %d, want %d", a.Path, a.Modified, want)
		}
	}
	src.time = time.Unix(3000, 0)
	if res := w.mustDeploy(src); res.Switched {
		t.Error("a new time alone made a deployment")
	}
}

// Promise 11: a deploy does not rely on the key of an earlier run.
func TestOnlyTheActiveManifestIsBelieved(t *testing.T) {
	w := start(t)
	h := history(one, two, one)
	for _, src := range h {
		w.mustDeploy(src)
	}
	w.wantSite(one)
	n := 0
	for _, k := range w.keys("blog/b/") {
		if strings.Contains(k, manifest.HashOf([]byte("one")).String()) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("content that came back lies under %d keys, want a second one of its own", n)
	}
}

func TestBindings(t *testing.T) {
	w := start(t)
	foreign := script
	foreign.Bindings = []cloud.Binding{
		{Name: "SECRET", Type: "secret_text", Fields: map[string]json.RawMessage{"text": json.RawMessage(`"s3cret"`)}},
		{Name: "THEIRS", Type: "plain_text", Fields: map[string]json.RawMessage{"text": json.RawMessage(`"kept"`)}},
	}
	workers := w.account.Workers("blog")
	if err := workers.PutScript(t.Context(), cloud.Upload{Worker: foreign}); err != nil {
		t.Fatal(err)
	}

	_, err := w.deploy(history(one)[0], plan.Options{})
	wantGuard(t, err, guard.Foreign)

	mine := script
	mine.Bindings = []cloud.Binding{{Name: "MODE", Type: "plain_text",
		Fields: map[string]json.RawMessage{"text": json.RawMessage(`"a"`)}}}
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
	if got, want := w.bindings(), []string{"KV_SYNC", "KV_SYNC_BLOBS", "MODE", "SECRET", "THEIRS"}; !slices.Equal(got,
		want) {
		t.Errorf("after taking over: %v, want %v", got, want)
	}

	// A version that was never active must not leak its settings into the next one.
	leak := script
	leak.Bindings = append(slices.Clone(mine.Bindings), cloud.Binding{Name: "LEAK", Type: "plain_text",
		Fields: map[string]json.RawMessage{"text": json.RawMessage(`"x"`)}},
		cloud.Binding{Name: "THEIRS", Type: "plain_text",
			Fields: map[string]json.RawMessage{"text": json.RawMessage(`"preview"`)}})
	if _, err := workers.UploadVersion(t.Context(), cloud.Upload{Worker: leak}); err != nil {
		t.Fatal(err)
	}
	// A binding that the configuration had and has no more is ours to drop.
	if _, err := w.deploy(history(one)[0], plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := w.bindings(), []string{"KV_SYNC", "KV_SYNC_BLOBS", "SECRET", "THEIRS"}; !slices.Equal(got, want) {
		t.Errorf("after the configuration dropped MODE: %v, want %v", got, want)
	}
	v, err := workers.Version(t.Context(), w.activeVersion())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range v.Bindings {
		if b.Name == "THEIRS" && string(b.Fields["text"]) != `"kept"` {
			t.Errorf("THEIRS is %s, which is the preview version's", b.Fields["text"])
		}
	}
}

func (w *world) activeVersion() string {
	w.t.Helper()
	acts, err := w.account.Workers("blog").Activations(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return acts[0].Versions[0].Version
}

func (w *world) bindings() []string {
	w.t.Helper()
	v, err := w.account.Workers("blog").Version(w.t.Context(), w.activeVersion())
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, b := range v.Bindings {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	return names
}

func TestBindingNameTaken(t *testing.T) {
	w := start(t)
	mine := script
	mine.Bindings = []cloud.Binding{{Name: cloud.BindingMeta, Type: "plain_text"}}
	_, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{})
	wantFound(t, err, finding.CaseBindingTaken)
	if w.live() != nil {
		t.Error("something went live")
	}
}

// Migrations make upload and switch one call, so everything must be confirmed before it.
func TestMigrationsGoByScriptUpload(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	durable := script
	durable.Modules = []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export class Room {}; export default { fetch() { return new Response('ok') } }")}}
	durable.Bindings = []cloud.Binding{{Name: "ROOM", Type: "durable_object_namespace",
		Fields: map[string]json.RawMessage{"class_name": json.RawMessage(`"Room"`)}}}
	durable.Migrations = []cloud.Migration{{Tag: "v1", Step: json.RawMessage(`{"new_sqlite_classes":["Room"]}`)}}

	w.mustDeploy(h[0])
	kinds := w.counted(func() {
		if _, err := w.engine().Deploy(t.Context(), h[1], durable, plan.Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if slices.Contains(kinds, "workers.versions.create") ||
		slices.Index(kinds, "workers.scripts.put") < slices.Index(kinds, "kv.bulk.put") {
		t.Errorf("with a migration: %v", kinds)
	}
	w.wantSite(two)
	kinds = w.counted(func() {
		if _, err := w.engine().Deploy(t.Context(), h[2], durable, plan.Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if slices.Contains(kinds, "workers.scripts.put") {
		t.Errorf("with the migration applied: %v", kinds)
	}
	w.wantSite(three)
}

func TestShrink(t *testing.T) {
	w := start(t)
	_, err := w.deploy(history(files{})[0], plan.Options{})
	wantGuard(t, err, guard.Shrink)
	h := history(one, files{"/index.html": "one"}, files{})
	w.mustDeploy(h[0])
	for _, src := range h[1:] {
		_, err := w.deploy(src, plan.Options{})
		wantShrink(t, err, one, src.files)
		w.wantSite(one)
		if _, err := w.deploy(src, plan.Options{AllowShrink: true}); err != nil {
			t.Fatal(err)
		}
		w.wantSite(src.files)
		if _, err := w.deploy(h[0], plan.Options{AnyOrder: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// Promise 12: a file of a retained deployment stays listed at its pathname.
func TestRetired(t *testing.T) {
	w := start(t)
	w.config.Retain, w.config.Grace = 3, time.Hour
	src := &memory{files: files{"/app.1.js": "1", "/index.html": "i", "/x": "x"}}
	w.mustDeploy(src)
	step := func(n int) {
		w.pass(2 * time.Hour)
		src.files = files{fmt.Sprintf("/app.%d.js", n): fmt.Sprint(n), "/index.html": "i", "/x": "x"}
		w.mustDeploy(src)
	}
	step(2)
	if got := w.retired(); !slices.Equal(got, []string{"/app.1.js"}) {
		t.Errorf("after one deploy %v", got)
	}
	step(3)
	if got := w.retired(); !slices.Equal(got, []string{"/app.1.js", "/app.2.js"}) {
		t.Errorf("after two %v", got)
	}
	step(4) // three are retained: 4, 3 and 2
	if got := w.retired(); !slices.Equal(got, []string{"/app.2.js", "/app.3.js"}) {
		t.Errorf("after three %v", got)
	}
	src.files = files{"/app.2.js": "2 again", "/index.html": "i", "/x": "x"}
	w.pass(time.Minute)
	w.mustDeploy(src)
	if got := w.retired(); slices.Contains(got, "/app.2.js") {
		t.Errorf("a path that is served again is still retired: %v", got)
	}
}

// Promise 12: such a file stays listed for the grace period, too, however many deployments follow.
func TestRetiredForTheGracePeriod(t *testing.T) {
	w := start(t)
	w.config.Retain, w.config.Grace = 2, time.Hour
	step := func(n int, later time.Duration, want ...string) {
		w.pass(later)
		w.mustDeploy(&memory{files: files{fmt.Sprintf("/app.%d.js", n): fmt.Sprint(n), "/index.html": "i"}})
		if got := w.retired(); !slices.Equal(got, want) {
			t.Errorf("after deployment %d: %v, want %v", n, got, want)
		}
	}
	step(1, 0)
	step(2, 10*time.Minute, "/app.1.js")
	step(3, 10*time.Minute, "/app.1.js", "/app.2.js")
	step(4, 10*time.Minute, "/app.1.js", "/app.2.js", "/app.3.js")
	step(5, time.Hour, "/app.4.js")
}

// retired lists the pathnames of removed files that stay reachable.
func (w *world) retired() (paths []string) {
	w.t.Helper()
	for _, r := range w.manifest().Retired {
		paths = append(paths, r.Path)
	}
	return paths
}

// A live deployment by an older kv-sync does not record which requests its code handled. If the new
// Worker is the same, removed files are retired as usual. If it differs, this deploy retires
// nothing, and the plan says why (promise 12).
func TestRetiredAfterAnUpgrade(t *testing.T) {
	for name, c := range map[string]struct {
		date    string // of the new Worker
		unknown bool
	}{"the same Worker": {script.CompatibilityDate, false}, "another Worker": {"2026-11-02", true}} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			h := history(files{"/a": "a", "/b": "b", "/c": "c"}, files{"/a": "a", "/b": "b"}, files{"/a": "a"})
			older := script
			older.Routing = nil
			if _, err := w.engine().Deploy(t.Context(), h[0], older, plan.Options{}); err != nil ||
				w.manifest().Routing != nil {
				t.Fatalf("%v, routing %v", err, w.manifest().Routing)
			}
			now := script
			now.CompatibilityDate = c.date
			for i, src := range h[1:] {
				res, err := w.engine().Deploy(t.Context(), src, now, plan.Options{})
				if err != nil {
					t.Fatal(err)
				}
				lost := c.unknown && i == 0
				if p := res.Plan; len(p.Retired) == 0 != lost || len(p.Guarded) != 0 != lost || p.RoutingUnknown != lost {
					t.Errorf("deploy %d: retired %v, guarded %v, routing unknown %v", i, p.Retired, p.Guarded, p.RoutingUnknown)
				}
				if got := len(w.manifest().Retired); got != len(res.Plan.Retired) {
					t.Errorf("deploy %d: %d are listed, and the plan says %v", i, got, res.Plan.Retired)
				}
			}
		})
	}
}

// Files of a deployment that a rollback replaced are retired only if no code guarded them.
func TestGuardedIsNotRetiredAfterRollback(t *testing.T) {
	for routing, want := range map[*manifest.Routing]int{
		{}:                             1,
		{Worker: []string{"/secret*"}}: 0,
		{Worker: []string{manifest.EveryRequest}}: 0,
		nil: 0,
		{Worker: []string{"*"}, Retire: []string{"/secret.txt"}}: 1,
	} {
		w := start(t)
		h := history(files{"/a": "1", "/b": "b"}, files{"/a": "1", "/b": "b", "/secret.txt": "2"},
			files{"/a": "3", "/b": "b"})
		w.mustDeploy(h[0])
		guarding := script
		guarding.CompatibilityDate, guarding.Routing = "2026-11-02", routing // another Worker
		if _, err := w.engine().Deploy(t.Context(), h[1], guarding, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Fatal(err)
		}
		w.mustDeploy(h[2])
		if got := len(w.manifest().Retired); got != want {
			t.Errorf("under %+v %d are retired, want %d", routing, got, want)
		}
	}
}

// Removing a pattern from retire is a change: the files that it kept reachable become unreachable
// with the next deploy, even if nothing else changed.
func TestRetireIsPartOfTheWorker(t *testing.T) {
	w := start(t)
	h := history(files{"/a": "a", "/b": "b"}, files{"/a": "a"})
	every := script
	every.Routing = &manifest.Routing{Worker: []string{manifest.EveryRequest}, Retire: []string{"/b"}}
	for i, src := range []*memory{h[0], h[1], h[1]} {
		if i == 2 {
			every.Routing = &manifest.Routing{Worker: []string{manifest.EveryRequest}}
		}
		res, err := w.engine().Deploy(t.Context(), src, every, plan.Options{})
		if err != nil || !res.Switched {
			t.Fatalf("deploy %d: %+v, %v", i, res, err)
		}
		if got := len(w.manifest().Retired); got != i%2 {
			t.Errorf("deploy %d: %d are retired", i, got)
		}
	}
}

// Settings that are not part of a version are applied after the switch, and only if the Worker
// changed.
func TestScriptSettings(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	mine := script
	mine.Settings = map[string]json.RawMessage{"logpush": json.RawMessage("true"),
		"limits": json.RawMessage(`{"cpu_ms":50}`)}
	for i, src := range h[1:] {
		kinds := w.counted(func() {
			res, err := w.engine().Deploy(t.Context(), src, mine, plan.Options{})
			if err != nil || len(res.Notices) > 0 {
				t.Fatal(res, err)
			}
		})
		if patched := slices.Contains(kinds, "workers.script-settings.patch"); patched != (i == 0) {
			t.Errorf("deploy %d: %v", i, kinds)
		}
	}
}

// A file that should never have been published is unreachable after the switch.
func TestForget(t *testing.T) {
	w := start(t)
	h := history(one, files{"/index.html": "one", "/style.css": "css"})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if len(w.manifest().Retired) != 1 {
		t.Fatalf("retired: %v", w.manifest().Retired)
	}
	res, err := w.deploy(h[1], plan.Options{Forget: true})
	if err != nil || !res.Switched || len(w.manifest().Retired) != 0 {
		t.Errorf("%+v, %v, retired %v", res, err, w.manifest().Retired)
	}
	w.wantSite(h[1].files)
}

// Where no tab is open, removed files become unreachable with the switch. Unlike with Forget,
// nothing is deployed if nothing changed.
func TestKeepNone(t *testing.T) {
	w := start(t)
	h := history(one, files{"/index.html": "one", "/style.css": "css"})
	w.mustDeploy(h[0])
	if _, err := w.deploy(h[1], plan.Options{KeepNone: true}); err != nil || len(w.manifest().Retired) != 0 {
		t.Errorf("%v, retired %v", err, w.manifest().Retired)
	}
	w.wantSite(h[1].files)
	if res, err := w.deploy(h[1], plan.Options{KeepNone: true}); err != nil || res.Switched {
		t.Errorf("the same once more: %+v, %v", res, err)
	}
}

func TestSiteNames(t *testing.T) {
	w := start(t)
	for _, name := range []string{"", "-a", "A", "a/b", "a b", "ä", strings.Repeat("a", 64), "a\n", "../a"} {
		c := w.config
		c.Site = name
		if _, err := kvsync.New(c); err == nil {
			t.Errorf("%q was taken for a site's name", name)
		}
	}
}

// Promise 9: two sites in one namespace do not touch each other.
func TestSitesAreIsolated(t *testing.T) {
	w := start(t)
	other := w.timed()
	other.Site = "blog-2" // begins with the name of the first
	e, err := kvsync.New(other)
	if err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(history(one)[0])
	if _, err := e.Deploy(t.Context(), history(two)[0], script, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	theirs := w.keys("blog-2/")
	if len(theirs) < 5 {
		t.Fatalf("the other site has %v", theirs)
	}
	h := history(one, two, three)
	for _, src := range h[1:] {
		w.mustDeploy(src)
	}
	w.pass(1000 * time.Hour)
	src := &memory{files: files{"/a": "1"}}
	for i := range 7 {
		src.files = files{"/a": fmt.Sprint(i)}
		if _, err := w.deploy(src, plan.Options{AllowShrink: true}); err != nil {
			t.Fatal(err)
		}
		w.pass(100 * time.Hour)
	}
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := w.keys("blog-2/"); !slices.Equal(got, theirs) {
		t.Errorf("work on one site changed another's keys: %v, were %v", got, theirs)
	}
}

// A file that changes during the upload is an error. No blob is stored under a wrong key.
func TestFileChangesMeanwhile(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	changing := &changed{h[1], reads("xyz")}
	_, err := w.engine().Deploy(t.Context(), changing, script, plan.Options{})
	if !errors.Is(err, manifest.ErrChanged) {
		t.Errorf("got %v", err)
	}
	w.wantSite(one)
}
