package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canary stands for a secret that must not leave the job.
const canary = "canary-0d1f9c"

// wantNoWrite checks that a job failed with this exit code and wrote nothing to the account.
func (r *runner) wantNoWrite(o outcome, code int, inLog ...string) {
	r.t.Helper()
	o.want(r.t, code, inLog...)
	for _, q := range r.platform.Server.Requests() {
		if q.Method != "GET" {
			r.t.Errorf("the job sent %s %s", q.Method, q.Path)
		}
	}
	if strings.Contains(o.log, canary) {
		r.t.Error("the log contains the secret")
	}
}

// A deploy publishes no file outside of the workspace and none of git's own files, even if a
// dependency, a link or a setting names one (promise 13).
func TestFilesOutsideTheWorkspaceAreNotPublished(t *testing.T) {
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
		links map[string]string // link in the workspace to target; OUTSIDE is a folder beside the workspace
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
		"public is a link to .git": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"public": ".git"}, code: 2, want: []string{"git's own files"}},
		"the directory input names a link to .git": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"site": ".git"}, with: map[string]string{"directory": "site"}, code: 2,
			want: []string{"git's own files"}},
		"public is a link to the outside": {files: map[string][]byte{"a": []byte("a")},
			links: map[string]string{"public": "OUTSIDE"}, code: 2, want: []string{"outside of"}},
		"kv-sync.toml names one outside": {files: map[string][]byte{"kv-sync.toml": []byte(`directory = "/etc"`)}, code: 2,
			want: []string{"kv-sync.toml", "outside of"}},
		"the environment names a folder outside": {files: page, env: map[string]string{"KV_SYNC_DIR": "/etc"}, code: 2,
			want: []string{"KV_SYNC_DIR", "outside of"}},
		"kv-sync.toml is a link": {files: page, links: map[string]string{"kv-sync.toml": "OUTSIDE/kv-sync.toml"},
			code: 2, want: []string{"kv-sync.toml", "outside of"}},
		"wrangler.toml is a link into .git": {files: page, links: map[string]string{"wrangler.toml": ".git/config"}, code: 2,
			want: []string{"wrangler.toml", "git's own files"}},
		"a project is a link to the outside": {files: map[string][]byte{"projects/a/public/index.html": []byte("a")},
			links: map[string]string{"projects/shop": "OUTSIDE"}, with: map[string]string{"project": "shop", "name": ""},
			code: 2, want: []string{"outside of"}},
		"main is a link to the outside": {files: map[string][]byte{"public/index.html": []byte("x"),
			"wrangler.toml": []byte("name = \"site\"\nmain = \"w.js\"")}, links: map[string]string{"w.js": "OUTSIDE/w.js"},
			code: 2, want: []string{"w.js", "outside of"}},
		"unbundled main is outside": {files: map[string][]byte{"public/index.html": []byte("x"), "wrangler.toml": []byte(
			"name = \"site\"\nmain = \"/proc/self/environ\"\nno_bundle = true")}, code: 2, want: []string{"outside of"}},
		"_headers is a link to the outside": {files: page, links: map[string]string{"public/_headers": "OUTSIDE/secret.txt"},
			with: map[string]string{"source": "folder"}, code: 3, want: []string{"_headers", "leaves"}},
		"a page is a link into /proc": {files: page, links: map[string]string{"public/env.txt": "/proc/self/environ"},
			code: 3, want: []string{"env.txt", "leaves"}},
		"a page is a link into .git": {files: page, links: map[string]string{"public/git.txt": "../.git/config"},
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
			if len(c.links) > 0 { // as if an earlier step of the job had made them
				r.git(workspace, "add", "-A", "-f")
				r.git(workspace, "commit", "-q", "-m", "links")
			}
			env := map[string]string{"KV_SYNC_CANARY": canary}
			for name, v := range c.env {
				env[name] = v
			}
			r.wantNoWrite(r.run(workspace, commit, c.with, env), c.code, c.want...)
		})
	}
}

// The directory input may name a folder outside of the workspace. A link to it is refused.
func TestDirectoryInputOutsideTheWorkspace(t *testing.T) {
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
