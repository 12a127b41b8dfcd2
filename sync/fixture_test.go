package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// files is the content of a site by pathname.
type files map[string]string

// memory is a source with its files in memory. With a commit it knows unchanged content by its
// object id. Without one it is a folder: the hashes that the base does not have are computed by the
// upload.
type memory struct {
	files  files
	commit string
	time   time.Time
	// order lists commits, oldest first; one that is not in it is unknown.
	order []string
	// hashed is set if the hashes are known even without a base, as from a stat cache.
	hashed bool
	// remembered has the assets whose hashes the engine computed and reported.
	remembered []manifest.Asset
	// pulled are the run-time writes that it says it has.
	pulled map[string]manifest.Nonce
	// built is set if the source is a folder that was built from the commit.
	built bool
	// edition is that of the rules that selected the files, and git ignores the files in ignored.
	edition int
	ignored []string
	// repository is where the commit is from.
	repository manifest.Repository
	// opened counts how often files were opened.
	opened atomic.Int64
}

// hashes caches the hashes of large contents, which the tests use often.
var hashes sync.Map

// hashOf returns the hash of a file that the source reports.
func hashOf(body string) manifest.Hash {
	if known, ok := hashes.Load(body); ok {
		return known.(manifest.Hash)
	}
	h := manifest.NewHasher(int64(len(body)))
	_, _ = io.WriteString(h, body)
	sum := h.Sum()
	if len(body) > 1<<20 {
		hashes.Store(body, sum)
	}
	return sum
}

func (m *memory) Origin(context.Context) (manifest.Origin, error) {
	o := manifest.Origin{Kind: "folder", Rules: "r1", Dir: "public", Commit: m.commit, Time: m.time,
		Repository: m.repository, Edition: m.edition}
	if m.isCommit() {
		tree := make(map[string]manifest.Hash)
		for path, body := range m.files {
			tree[path] = hashOf(body)
		}
		o.Kind, o.ID = "commit", "commit:"+manifest.HashOf([]byte(fmt.Sprint(tree))).String()[:40]+":r1"
	}
	return o, nil
}

func (m *memory) isCommit() bool { return m.commit != "" && !m.built }

func (m *memory) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	o, err := m.Origin(ctx)
	l := &manifest.Listing{Origin: o, Pulled: m.pulled, Ignored: m.ignored}
	var changed []string
	if m.isCommit() {
		l.Dirs = m.dirs()
		if base != nil {
			changed, _, _ = m.Changed(ctx, base.Origin, base.Dirs) // it never fails
		}
	}
	for _, path := range slices.Sorted(maps.Keys(m.files)) {
		if base != nil && base.Unread > 0 && base.At(path) == nil && !slices.Contains(changed, dirOf(path)) {
			continue
		}
		body := m.files[path]
		a := manifest.Asset{Path: path, Size: int64(len(body)), ContentType: "text/plain; charset=utf-8",
			Modified: m.time.Unix()}
		hash := hashOf(body)
		if base != nil || m.hashed {
			a.Blob.Hash = hash
		}
		if m.isCommit() {
			a.OID = hash.String()[:40]
		}
		l.Files = append(l.Files, manifest.File{Asset: a, Open: func() (io.ReadCloser, error) {
			m.opened.Add(1)
			return io.NopCloser(strings.NewReader(body)), nil
		}})
	}
	if !m.isCommit() {
		l.Origin.ID = manifest.FolderID(l)
	}
	return l, err
}

// dirs are the directories of the commit. The tree of each depends on all files below it.
func (m *memory) dirs() (dirs []manifest.Dir) {
	below := map[string][]string{"/": nil}
	for _, path := range slices.Sorted(maps.Keys(m.files)) {
		for dir := dirOf(path); ; dir = dirOf(dir) {
			below[dir] = append(below[dir], path+" "+hashOf(m.files[path]).String())
			if dir == "/" {
				break
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(below)) {
		tree := manifest.HashOf([]byte(strings.Join(below[dir], "\n"))).String()[:40]
		dirs = append(dirs, manifest.Dir{Path: dir, Tree: tree})
	}
	return dirs
}

func dirOf(name string) string { return path.Dir(name) }

// Changed implements [manifest.Source].
func (m *memory) Changed(_ context.Context, _ manifest.Origin, live []manifest.Dir) (changed []string, ok bool,
	err error) {
	trees := map[string]string{}
	for _, d := range live {
		trees[d.Path] = d.Tree
	}
	for _, d := range m.dirs() {
		if trees[d.Path] != d.Tree {
			changed = append(changed, d.Path)
		}
		delete(trees, d.Path)
	}
	return slices.AppendSeq(changed, maps.Keys(trees)), m.isCommit(), nil
}

func (m *memory) Compare(_ context.Context, active, next string) (manifest.Relation, error) {
	a, b := slices.Index(m.order, active), slices.Index(m.order, next)
	switch {
	case active == next:
		return manifest.RelationSame, nil
	case a < 0 || b < 0:
		return manifest.RelationUnknown, nil
	case b > a:
		return manifest.RelationNewer, nil
	}
	return manifest.RelationOlder, nil
}

func (m *memory) Remember(assets []manifest.Asset) {
	if !m.isCommit() { // commits are shared by tests that run side by side
		m.remembered = assets
	}
}

func commitID(n int) string { return fmt.Sprintf("%040x", n) }

// history returns commits 1, 2, 3 …, each newer than the one before.
func history(contents ...files) []*memory {
	var order []string
	var out []*memory
	for i, f := range contents {
		order = append(order, commitID(i+1))
		out = append(out, &memory{files: f, commit: commitID(i + 1), time: time.Unix(1_700_000_000+int64(i), 0)})
	}
	for _, m := range out {
		m.order = order
	}
	return out
}

// script is the smallest Worker: these tests check what is stored, not what is served.
var script = cloud.Worker{
	Main: "main.js", CompatibilityDate: "2026-11-01", Routing: &manifest.Routing{},
	Modules: []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export default { fetch() { return new Response('ok') } }")}},
}

// world is one site on a local platform.
type world struct {
	t       *testing.T
	p       *platformtest.Fixture
	account *cloudflare.Account
	config  site.Config
	notes   []string
	clock   *clock
}

// clock is the time of the API and of this machine. It also advances while the platform answers.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (w *world) time() time.Time { return w.clock.time() }

// pass advances the clock.
func (w *world) pass(d time.Duration) {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	w.clock.now = w.clock.now.Add(d)
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, p: platformtest.Start(t), clock: &clock{now: time.Now()}}
	w.account = w.connect(0)
	w.config = site.Config{
		Site: "blog", Account: w.account, Now: w.clock.time,
		Progress: func(p site.Progress) {
			if p.Note != "" {
				w.notes = append(w.notes, p.Note)
			}
		},
	}
	return w
}

// connect returns an adapter that sends each request at most tries times.
func (w *world) connect(tries int) *cloudflare.Account {
	a, err := cloudflare.New(cloudflare.Options{Token: w.p.Token, AccountID: w.p.AccountID, BaseURL: w.p.BaseURL,
		Tries: tries})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(a.Close)
	return a
}

func (w *world) engine() *kvsync.Engine {
	w.t.Helper()
	e, err := kvsync.New(w.timed())
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// timed returns the configuration with an API whose clock is the world's.
func (w *world) timed() site.Config {
	c := w.config
	c.Account = kvsync.TimedAccount{Account: c.Account, Clock: w.clock.time}
	return c
}

func (w *world) deploy(src *memory, opt plan.Options) (*kvsync.Result, error) {
	return w.engine().Deploy(w.t.Context(), src, w.worker(), opt)
}

// worker returns the script, with a companion if the site has an overlay.
func (w *world) worker() cloud.Worker {
	if w.config.Serving.Overlay && w.config.Project == "" {
		return overlaid(script)
	}
	return script
}

func (w *world) mustDeploy(src *memory) *kvsync.Result {
	w.t.Helper()
	res, err := w.deploy(src, plan.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// counted runs f and returns the kinds of requests that the server saw.
func (w *world) counted(f func()) []string {
	w.p.Server.ResetRequests()
	f()
	var kinds []string
	for _, r := range w.p.Server.Requests() {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

// live returns the metadata of the active version, or nil.
func (w *world) live() *version.Meta {
	w.t.Helper()
	acts, err := w.account.Workers(w.config.Site).Activations(w.t.Context())
	if errors.Is(err, cloud.ErrNotFound) {
		return nil
	} else if err != nil {
		w.t.Fatal(err)
	}
	return w.metaOf(acts[0].Versions[0].Version)
}

func (w *world) metaOf(id string) *version.Meta {
	w.t.Helper()
	v, err := w.account.Workers(w.config.Site).Version(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingMeta {
			var m version.Meta
			if err := json.Unmarshal(b.Fields["json"], &m); err != nil {
				w.t.Fatal(err)
			}
			return &m
		}
	}
	return nil
}

func (w *world) manifest() *manifest.Manifest {
	w.t.Helper()
	m := w.live()
	manifest, err := w.engine().Client().Manifest(w.t.Context(), m)
	if err != nil {
		w.t.Fatal(err)
	}
	return manifest
}

// manifestKey is the key of the manifest of a version, or of its root.
func (w *world) manifestKey(m *version.Meta) string {
	w.t.Helper()
	key, _, _, err := manifest.Keys(w.config.Site).Named(m.Manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

func (w *world) store() cloud.Store { return w.account.Store(w.live().Namespace) }

// site reads the whole live site, blob by blob. It fails the test if a blob is missing or does not
// have the content that its key names.
func (w *world) site() files {
	w.t.Helper()
	if w.live() == nil {
		return nil
	}
	out := files{}
	for _, a := range w.manifest().Assets {
		body := w.blob(a.Path, a.Blob.String())
		if a.Chunked() {
			body = w.joined(a, body)
		}
		if hashOf(body) != a.Blob.Hash || int64(len(body)) != a.Size {
			w.t.Fatalf("%s: the blob is not what its key says", a.Path)
		}
		out[a.Path] = body
	}
	return out
}

func (w *world) blob(path, ref string) string {
	w.t.Helper()
	b, err := w.store().Get(w.t.Context(), "blog/b/"+ref)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	return string(b)
}

// joined joins the chunks that the index of a file names.
func (w *world) joined(a manifest.Asset, index string) string {
	w.t.Helper()
	var whole strings.Builder
	for _, ref := range refsOf(w.t, index) {
		chunk := w.blob(a.Path, ref)
		if !strings.HasPrefix(ref, hashOf(chunk).String()) {
			w.t.Fatalf("%s: a chunk is not what its key says", a.Path)
		}
		whole.WriteString(chunk)
	}
	return whole.String()
}

// refsOf returns the chunks of an index, in the format of docs/format.md.
func refsOf(t *testing.T, index string) []string {
	t.Helper()
	n := (len(index) - 24) / 40
	if n < 2 || len(index) != 24+40*n || index[:4] != "KVSC" {
		t.Fatalf("this is no index: %.40q", index)
	}
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%x.%x", index[24+32*i:][:32], index[24+32*n+8*i:][:8]))
	}
	return out
}

// keys lists the names below a prefix.
func (w *world) keys(prefix string) []string {
	w.t.Helper()
	var out []string
	for cursor := ""; ; {
		page, next, err := w.store().List(w.t.Context(), prefix, cursor)
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

func (w *world) wantSite(want files) {
	w.t.Helper()
	if got := w.site(); !maps.Equal(got, want) {
		w.t.Fatalf("live is %v, want %v", keysOf(got), keysOf(want))
	}
}

func keysOf(f files) []string {
	var out []string
	for k, v := range f {
		out = append(out, fmt.Sprintf("%s=%.20q", k, v))
	}
	slices.Sort(out)
	return out
}

func wantGuard(t *testing.T, err error, by guard.ID) {
	t.Helper()
	var g *guard.Error
	if !errors.As(err, &g) || g.Guard != by {
		t.Fatalf("got %v, want the guard %q", err, by)
	}
}

// wantCase checks that err is of this guard and this case.
func wantCase(t *testing.T, err error, by guard.ID, c finding.Case) {
	t.Helper()
	wantGuard(t, err, by)
	var g *guard.Error
	if errors.As(err, &g); g.Finding.Case != c {
		t.Errorf("got %v, want the case %q", err, c)
	}
}

// wantFound checks that err is this finding.
func wantFound(t *testing.T, err error, c finding.Case) {
	t.Helper()
	var f *finding.Finding
	if !errors.As(err, &f) || f.Case != c {
		t.Errorf("got %v, want the case %q", err, c)
	}
}

// wantShrink checks that the guard stopped the run and names every file that would be removed.
func wantShrink(t *testing.T, err error, before, after files) {
	t.Helper()
	wantGuard(t, err, guard.Shrink)
	var g *guard.Error
	errors.As(err, &g)
	want := maps.Clone(before)
	maps.DeleteFunc(want, func(path, _ string) bool { _, stays := after[path]; return stays })
	var named []string
	for _, ch := range g.Removed {
		named = append(named, ch.Path)
	}
	if gone := slices.Sorted(maps.Keys(want)); !slices.Equal(named, gone) {
		t.Errorf("%v is named, and %v would go", named, gone)
	}
}

// fault makes every request of a kind fail in one way.
func (w *world) fault(kind string, f platform.Fault) {
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == kind {
			return f
		}
		return platform.Fault{}
	})
}

// changed is a source whose files have other bytes than its listing says.
type changed struct {
	*memory
	open func() io.Reader
}

func (c *changed) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	listing, err := c.memory.Files(ctx, base)
	for i := range listing.Files {
		listing.Files[i].Open = func() (io.ReadCloser, error) { return io.NopCloser(c.open()), nil }
	}
	return listing, err
}

// reads returns what opens a file with these bytes.
func reads(body string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(body) }
}

// noListAccount lists no keys, as a store that has lost its index.
type noListAccount struct{ cloud.Account }

func (n noListAccount) Store(id string) cloud.Store { return noListStore{n.Account.Store(id)} }

type noListStore struct{ cloud.Store }

func (noListStore) List(context.Context, string, string) ([]cloud.KeyInfo, string, error) {
	return nil, "", nil
}
