package kvsync_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// recipe is a platform with the loader of docs/pathname-layout.md, unchanged, in real workerd with
// the real @cloudflare/worker-bundler. It serves what a deploy wrote.
type recipe struct {
	*world
	store cloud.Store
	code  string // of a project, as in the document
}

func startRecipe(t *testing.T) *recipe {
	t.Helper()
	w := &recipe{world: start(t)}
	id, err := w.account.CreateNamespace(t.Context(), "kv-sync")
	if err != nil {
		t.Fatal(err)
	}
	w.store = w.account.Store(id)
	blocks := documented(t, "../docs/pathname-layout.md")
	w.code = blocks["js"][1]

	root := t.TempDir()
	writeTree(t, root, files{
		"/loader.js":      blocks["js"][0],
		"/wrangler.jsonc": strings.Replace(blocks["jsonc"][0], "0123456789abcdef0123456789abcdef", id, 1),
	})
	if err := os.Symlink(filepath.Join(workerBundler(t), "node_modules"),
		filepath.Join(root, "node_modules")); err != nil {
		t.Fatal(err)
	}
	inside, err := boundary.New(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Allow(workerBundler(t)); err != nil { // installed once, for all tests
		t.Fatal(err)
	}
	set, _, err := config.Load(config.Inputs{Root: root, Boundary: inside, Flags: map[string]string{"directory": "."}})
	if err != nil {
		t.Fatal(err)
	}
	built, err := bundle.Bundle(t.Context(), set.Code)
	if err != nil {
		t.Fatal(err)
	}
	set.Worker.Main, set.Worker.Modules = built.Main, built.Modules
	if err := w.account.Workers(set.Name).PutScript(t.Context(), cloud.Upload{Worker: set.Worker}); err != nil {
		t.Fatal(err)
	}
	return w
}

// documented returns the code blocks of a document by language.
func documented(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks
}

// workerBundler installs the packages that the benchmark of the Worker side
// pins, and returns their folder.
func workerBundler(t *testing.T) string {
	t.Helper()
	manifest, err := os.ReadFile("../bench/serving/package.json")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("../bench/serving/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	dir, err := platformtest.InstallPackages(ctx, manifest, lock)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeTree(t *testing.T, root string, tree files) {
	t.Helper()
	for path, body := range tree {
		name := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// publish deploys a folder with these files as a project.
func (r *recipe) publish(project string, tree files) {
	r.t.Helper()
	root := r.t.TempDir()
	writeTree(r.t, root, tree)
	src, err := source.OpenFolder(r.t.Context(), source.Options{WorkDir: root})
	if err != nil {
		r.t.Fatal(err)
	}
	defer src.Close()
	r.config.Site, r.config.Project, r.config.Layout = "", project, "pathname"
	if _, err := r.engine().Deploy(r.t.Context(), src, cloud.Worker{}, plan.Options{}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *recipe) put(key, value string) {
	r.t.Helper()
	if err := r.store.Put(r.t.Context(), key, []byte(value)); err != nil {
		r.t.Fatal(err)
	}
}

// reply is what a visitor of a project gets.
type reply struct {
	status int
	header http.Header
	body   string
}

// visit requests a pathname as a browser does: encoded, and following redirects.
func (r *recipe) visit(project, path string, header ...string) reply {
	r.t.Helper()
	at, err := url.Parse(r.p.SiteURL("platform"))
	if err != nil {
		r.t.Fatal(err)
	}
	at.Path = path
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Host = project + ".localhost:" + at.Port()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// serves fails unless each file of the project is served with its content and type.
func (r *recipe) serves(project string, tree files) {
	r.t.Helper()
	for path, body := range tree {
		got := r.visit(project, path)
		etag := `"` + manifest.HashOf([]byte(body)).String() + `"`
		if got.status != 200 || got.body != body || got.header.Get("Content-Type") != rules.ContentType(path) ||
			got.header.Get("ETag") != etag {
			r.t.Errorf("%s%s: got %d %v %.60q, want %.60q", project, path, got.status, got.header, got.body, body)
		}
		if got := r.visit(project, path, "If-None-Match", etag); got.status != 304 || got.body != "" {
			r.t.Errorf("%s%s: got %d for the ETag that it has", project, path, got.status)
		}
	}
}

func TestPathnameLayoutInTheDocumentedLoader(t *testing.T) {
	t.Parallel()
	w := startRecipe(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	shop := files{
		"/index.html": "<h1>Shop</h1>", "/style.css": "body { color: red }", "/app.0a1b2c3d4e.js": "let v = 1",
		"/pixel.png":       string(every),
		"/docs/index.html": "<h1>Docs</h1>", "/docs/intro.html": "Intro", "/über uns/preise & größen.html": "<p>ä</p>",
		"/a+b (1)/100%.txt": "100 %",
		"/leer.txt":         "", "/no-type": "?",
	}
	w.publish("shop", shop)
	w.publish("other", files{"/index.html": "the other's"})
	w.put("code/shop", w.code)
	w.put("code/other", w.code)

	w.serves("shop", shop)
	w.serves("other", files{"/index.html": "the other's"})
	for path, body := range map[string]string{"/": shop["/index.html"], "/docs/": shop["/docs/index.html"],
		"/docs/intro": "Intro"} {
		if got := w.visit("shop", path); got.status != 200 || got.body != body {
			t.Errorf("%s: got %d %q", path, got.status, got.body)
		}
	}
	if got := w.visit("shop", "/api/x"); got.body != `{"hello":"world"}` {
		t.Errorf("the project's own code: %q", got.body)
	}
	for _, path := range []string{"/nowhere", "/style.css/", "/kv-sync", "/__proto__", "/../other/assets/index.html",
		"/docs/index.htm"} {
		if got := w.visit("shop", path); got.status != 404 {
			t.Errorf("%s: got %d %q, want 404", path, got.status, got.body)
		}
	}
	if got := w.visit("nobody", "/"); got.status != 404 {
		t.Errorf("a project that does not exist: %d", got.status)
	}

	// Another code is another Worker.
	w.put("code/other", `export default { fetch: () => new Response("new code") }`)
	if got := w.visit("other", "/"); got.body != "new code" {
		t.Errorf("after the code changed: %q", got.body)
	}

	w.changeUnderCaches(shop)

	// A file that the manifest names and that is not there is never an empty page.
	if _, err := w.store.DeleteBulk(t.Context(), []string{"project/shop/assets/style.css"}); err != nil {
		t.Fatal(err)
	}
	if got := w.visit("shop", "/style.css"); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("a missing file: %d %q", got.status, got.body)
	}
}

// changeUnderCaches deploys a change while the location's caches still have the old values. Times
// are scaled down: the loader's 60 s are half a second.
func (r *recipe) changeUnderCaches(shop files) {
	r.t.Helper()
	r.p.Server.SetBehaviour(platform.Behaviour{EdgeTTL: 500 * time.Millisecond})
	defer r.p.Server.SetBehaviour(platform.Behaviour{})
	r.serves("shop", shop)
	after := files{"/style.css": "body { color: blue }", "/new page.html": "new", "/docs/index.html": "<h1>New docs</h1>"}
	for path, body := range shop {
		if _, changed := after[path]; !changed && path != "/docs/intro.html" {
			after[path] = body
		}
	}
	r.publish("shop", after)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		style, docs, page, intro := r.visit("shop", "/style.css"), r.visit("shop", "/docs/"),
			r.visit("shop", "/new page.html"), r.visit("shop", "/docs/intro.html")
		for path, got := range map[string]reply{"/style.css": style, "/docs/": docs, "/new page.html": page,
			"/docs/intro.html": intro} {
			if got.status == 200 && got.body == "" {
				r.t.Fatalf("%s: an empty page", path)
			}
		}
		if style.body == after["/style.css"] && docs.body == after["/docs/index.html"] && page.body == "new" &&
			intro.status == 404 {
			break
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("still: %q %q %q %d", style.body, docs.body, page.body, intro.status)
		}
	}
	r.serves("shop", after)
}
