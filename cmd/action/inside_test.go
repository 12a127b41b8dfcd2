package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary stands for a secret that must not leave the job.
const canary = "canary-0d1f9c"

// nothingSent wants a job to be refused before it wrote anything.
func (r *runner) nothingSent(o outcome, code int, inLog ...string) {
	r.t.Helper()
	o.want(r.t, code, inLog...)
	for _, q := range r.platform.Server.Requests() {
		if q.Method != "GET" {
			r.t.Errorf("it sent %s %s", q.Method, q.Path)
		}
	}
	if strings.Contains(o.log, canary) {
		r.t.Error("the log shows what is secret")
	}
}

// Nothing of the job's that is outside of the workspace, or git's own, goes live,
// even if a dependency or the repository says so (promise 13).
func TestNothingLeaks(t *testing.T) {
	const worker = `import { hi } from "nice-dep"; export default { fetch: () => new Response(hi()) }`
	dependency := func(code string, more map[string][]byte) map[string][]byte {
		files := map[string][]byte{
			"public/index.html": []byte("x"), "w.js": []byte(worker),
			"wrangler.jsonc":                     []byte(`{"name": "site", "compatibility_date": "2026-01-01", "main": "w.js"}`),
			"node_modules/nice-dep/index.js":     []byte(code + "; export const hi = () => e"),
			"node_modules/nice-dep/package.json": []byte(`{"name": "nice-dep", "main": "index.js"}`),
		}
		for name, text := range more {
			files[name] = text
		}
		return files
	}
	page := map[string][]byte{"public/index.html": []byte("x")}
	for name, c := range map[string]struct {
		files map[string][]byte
		links map[string]string // to what, from the workspace; OUTSIDE is a folder beside it
		with  map[string]string
		env   map[string]string
		code  int
		want  []string
	}{
		"a dependency imports the environment": {files: dependency(
			`import e from "/proc/self/environ" with { type: "text" }`, nil),
			code: 3, want: []string{"node_modules/nice-dep/index.js", "environ cannot be bundled", "outside of"}},
		"a dependency imports git's settings": {files: dependency(`import e from "../../.git/config" with { type: "text" }`,
			nil),
			code: 3, want: []string{"node_modules/nice-dep/index.js", "git's own files"}},
		"a dependency imports a link to the runner's files": {files: dependency(`import e from "./e.txt"`, nil),
			links: map[string]string{"node_modules/nice-dep/e.txt": "OUTSIDE/secret.txt"},
			code:  3, want: []string{"node_modules/nice-dep/index.js", "secret.txt", "outside of"}},
		"a dependency imports the event": {files: dependency(`import e from "../../../event.json"`, nil),
			code: 3, want: []string{"event.json", "outside of"}},
		"the folder is git's": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"public": ".git"}, code: 2, want: []string{"git's own files"}},
		"the folder that is named, too": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"site": ".git"}, with: map[string]string{"directory": "site"}, code: 2,
			want: []string{"git's own files"}},
		"the folder is outside": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"public": "OUTSIDE"}, code: 2, want: []string{"outside of"}},
		"a file names the folder": {files: map[string][]byte{"kv-sync.toml": []byte(`directory = "/etc"`)}, code: 2,
			want: []string{"kv-sync.toml", "outside of"}},
		"a step before names the folder": {files: page, env: map[string]string{"KV_SYNC_DIR": "/etc"}, code: 2,
			want: []string{"KV_SYNC_DIR", "outside of"}},
		"configuration is outside": {files: page, links: map[string]string{"kv-sync.toml": "OUTSIDE/kv-sync.toml"},
			code: 2, want: []string{"kv-sync.toml", "outside of"}},
		"configuration is git's": {files: page, links: map[string]string{"wrangler.toml": ".git/config"}, code: 2,
			want: []string{"wrangler.toml", "git's own files"}},
		"a project is outside": {files: map[string][]byte{"projects/a/public/index.html": []byte("a")},
			links: map[string]string{"projects/shop": "OUTSIDE"}, with: map[string]string{"project": "shop", "name": ""},
			code: 2, want: []string{"outside of"}},
		"main is outside": {files: map[string][]byte{"public/index.html": []byte("x"),
			"wrangler.toml": []byte("name = \"site\"\nmain = \"w.js\"")}, links: map[string]string{"w.js": "OUTSIDE/w.js"},
			code: 2, want: []string{"w.js", "outside of"}},
		"without bundling": {files: map[string][]byte{"public/index.html": []byte("x"), "wrangler.toml": []byte(
			"name = \"site\"\nmain = \"/proc/self/environ\"\nno_bundle = true")}, code: 2, want: []string{"outside of"}},
		"rules of the site are outside": {files: page, links: map[string]string{"public/_headers": "OUTSIDE/secret.txt"},
			with: map[string]string{"source": "folder"}, code: 3, want: []string{"_headers", "leaves"}},
		"a page is a link to the job's": {files: page, links: map[string]string{"public/env.txt": "/proc/self/environ"},
			code: 3, want: []string{"env.txt", "leaves"}},
		"a page is a link to git's file": {files: page, links: map[string]string{"public/git.txt": "../.git/config"},
			code: 3, want: []string{"git.txt", "leaves"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t)
			commit := r.push(c.files)
			dir := t.TempDir()
			outside, workspace := filepath.Join(dir, "outside"), filepath.Join(dir, "workspace")
			for name, text := range map[string]string{"secret.txt": canary, "index.html": canary,
				"kv-sync.toml": `namespace = "` + canary + `"`, "w.js": `export default { fetch: () => "` + canary + `" }`} {
				write(t, filepath.Join(outside, name), []byte(text))
			}
			r.checkOut(workspace, commit)
			r.git(workspace, "config", "http.https://github.com/.extraheader", "AUTHORIZATION: basic "+canary)
			for name, target := range c.links {
				at := filepath.Join(workspace, name)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(strings.ReplaceAll(target, "OUTSIDE", outside), at); err != nil {
					t.Fatal(err)
				}
			}
			give(t, workspace)
			if len(c.links) > 0 { // a step before made them
				r.git(workspace, "add", "-A", "-f")
				r.git(workspace, "commit", "-q", "-m", "links")
			}
			env := map[string]string{"KV_SYNC_CANARY": canary}
			for name, v := range c.env {
				env[name] = v
			}
			r.nothingSent(r.run(workspace, commit, c.with, env), c.code, c.want...)
		})
	}
}

// An input may name a folder outside of the workspace, and that one alone.
func TestInputNamesAFolderOutside(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"a": []byte("a")})
	dir := t.TempDir()
	outside, workspace := filepath.Join(dir, "outside"), filepath.Join(dir, "workspace")
	write(t, filepath.Join(outside, "index.html"), []byte("built elsewhere"))
	r.checkOut(workspace, commit)
	r.run(workspace, commit, map[string]string{"directory": outside}, nil).want(t, 0)
	if got := r.get("/"); got != "built elsewhere" {
		t.Errorf("the site answers %q", got)
	}
	if err := os.Symlink(outside, filepath.Join(workspace, "public")); err != nil {
		t.Fatal(err)
	}
	give(t, workspace)
	r.git(workspace, "add", "-A")
	r.git(workspace, "commit", "-q", "-m", "link")
	if err := os.RemoveAll(filepath.Join(dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	r.run(workspace, commit, nil, nil).want(t, 2, "outside of")
}
