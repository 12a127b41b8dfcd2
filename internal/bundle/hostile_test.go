//go:build unix

package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// canary is the content of the secret files. No module of a bundle may contain it.
const canary = "canary-0d1f9c"

// hostileRepository makes a repository whose dependency "nice" tries to bundle secrets: files
// outside of the repository, git's settings and this process's environment. It returns the top
// of the repository and the folder outside. OUTSIDE in a file or link is replaced by that folder.
func hostileRepository(t *testing.T, dependency map[string]string, links map[string]string) (root, outside string) {
	t.Helper()
	t.Setenv("KV_SYNC_CANARY", canary)
	outside = project(t, map[string]string{
		"secret": canary, "secret.js": `export default "` + canary + `"`, "secret.json": `{"default": "` + canary + `"}`,
		"tsconfig.json": `{"compilerOptions": {"jsxFactory": "` + strings.ReplaceAll(canary, "-", "_") + `"}}`,
		"package.json":  `{"name": ` + canary + `}`, "broken.json": canary,
		"main.js": `export default { fetch: () => "` + canary + `" }`, "secret.wasm": canary, "secret.txt": canary,
		"secret.css": "/* " + canary + " */",
	})
	files := map[string]string{
		"top/.git/config": canary, "top/.git/hooks/code.js": `export default "` + canary + `"`,
		"top/app/w.js": `import hi from "nice"; export default { fetch: () => hi }`,
		"top/.env":     canary, "top/packages/.npmrc": canary,
		"top/app/node_modules/nice/package.json": `{"name": "nice", "main": "index.js"}`,
	}
	for name, text := range dependency {
		files["top/app/node_modules/nice/"+name] = strings.NewReplacer("OUTSIDE", outside).Replace(text)
	}
	root = project(t, files)
	for name, target := range links {
		at := filepath.Join(root, "top/app/node_modules/nice", name)
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target == "FIFO" {
			err = syscall.Mkfifo(at, 0o600)
		} else {
			err = os.Symlink(strings.ReplaceAll(target, "OUTSIDE", outside), at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "top"), outside
}

// A dependency cannot bundle a file from outside of the repository, git's own files or the
// process's environment, whatever it imports. The error names the file and the importing file.
func TestHostileDependency(t *testing.T) {
	const by = "node_modules/nice/index.js:1"
	js := func(code string) map[string]string { return map[string]string{"index.js": code} }
	for name, c := range map[string]struct {
		files, links map[string]string
		options      bundle.Options
		want         []string
		harmless     bool // the code is bundled, without the secret
	}{
		"text attribute": {
			files: js(`export { default } from "/proc/self/environ" with { type: "text" }`),
			want:  []string{by, "environ cannot be bundled", "outside of"},
		},
		"bytes attribute": {
			files: js(`export { default } from "/proc/self/environ" with { type: "bytes" }`), want: []string{by, "outside of"},
		},
		"json attribute": {
			files: js(`export { default } from "OUTSIDE/secret.json" with { type: "json" }`),
			want:  []string{by, "secret.json", "outside of"},
		},
		"code": {
			files: js(`export { default } from "OUTSIDE/secret.js"`), want: []string{by, "secret.js", "outside of"},
		},
		"json": {
			files: js(`export { default } from "OUTSIDE/secret.json"`), want: []string{by, "secret.json"},
		},
		"require": {files: js(`module.exports = require("OUTSIDE/secret.js")`), want: []string{by, "secret.js"}},
		"dynamic import": {
			files: js(`export default await import("OUTSIDE/secret.js")`), want: []string{by, "secret.js"},
		},
		"relative": {
			files: js(`export { default } from "../../../../../../../../../../../../proc/self/environ" with { type: "text" }`),
			want:  []string{by, "outside of"},
		},
		"glob import": {
			files: js("const x = 'code'; export default await import(`../../../.git/hooks/${x}.js`)"),
			want:  []string{".git/hooks/code.js", "git's own"},
		},
		"file URL": {
			files: js(`export { default } from "file:///proc/self/environ" with { type: "text" }`), want: []string{by},
		},
		"text rule": {
			files: js(`export { default } from "OUTSIDE/secret.txt"`), want: []string{by, "secret.txt", "outside of"},
		},
		"wasm rule": {
			files: js(`export { default } from "OUTSIDE/secret.wasm"`), want: []string{by, "secret.wasm", "outside of"},
		},
		"wasm rule with query": {
			files: js(`export { default } from "OUTSIDE/secret.wasm?module"`), want: []string{by, "secret.wasm", "outside of"},
		},
		"own rule": {files: js(`export { default } from "/proc/self/environ"`),
			options: bundle.Options{Rules: []bundle.Rule{{Type: "Data", Globs: []string{"**/environ"}}}},
			want:    []string{by, "outside of"}},
		"alias": {
			files:   js(`export { default } from "innocent"`),
			options: bundle.Options{Alias: map[string]string{"innocent": "/proc/self/environ"}}, want: []string{by},
		},
		"git by name": {
			files: js(`export { default } from "../../../.git/config" with { type: "text" }`), want: []string{by, "git's own"},
		},
		"git in capitals": {
			files: map[string]string{"index.js": `export { default } from "./.GIT/config" with { type: "text" }`,
				".GIT/config": canary}, want: []string{
				by, "git's own",
			},
		},
		"credentials": {
			files: js(`export { default } from "../../../.env" with { type: "text" }`),
			want:  []string{by, ".env", "credentials"},
		},
		"npm's token": {
			files: js(`export { default } from "../../../packages/.npmrc" with { type: "text" }`),
			want:  []string{by, "credentials"},
		},
		"style sheet": {
			files: map[string]string{"index.js": `import "./a.css"; export default 1`,
				"a.css": `@import url(OUTSIDE/secret.css);`}, want: []string{
				"a.css:1", "secret.css", "outside of",
			},
		},
		"url in style sheet": {
			files: map[string]string{"index.js": `import "./a.css"; export default 1`, "a.css": `p { background: ` +
				`url(/proc/self/environ) }`}, want: []string{
				"a.css:1",
			},
		},
		"link to a file": {
			files: js(`export { default } from "./data.txt"`), links: map[string]string{"data.txt": "OUTSIDE/secret"},
			want: []string{by, "secret", "outside of"},
		},
		"link to code": {
			files: js(`export { default } from "./data.js"`), links: map[string]string{"data.js": "OUTSIDE/secret.js"},
			want: []string{by, "secret.js", "outside of"},
		},
		"link to credentials": {
			files: js(`export { default } from "./data.txt"`), links: map[string]string{"data.txt": "../../../.env"},
			want: []string{by, "credentials"},
		},
		"link to a folder": {
			files: js(`export { default } from "./lib/secret.txt"`), links: map[string]string{"lib": "OUTSIDE"},
			want: []string{by, "outside of"},
		},
		"link to git": {
			files: js(`export { default } from "./lib/config" with { type: "text" }`),
			links: map[string]string{"lib": "../../../.git"}, want: []string{by, "git's own"},
		},
		"link to a process": {
			files: js(`export { default } from "./env" with { type: "text" }`),
			links: map[string]string{"env": "/proc/self/environ"}, want: []string{by, "outside of"},
		},
		"link to a device": {
			files: js(`export { default } from "./zero" with { type: "text" }`), links: map[string]string{"zero": "/dev/zero"},
			want: []string{by, "outside of"},
		},
		"FIFO": {
			files: js(`export { default } from "./pipe" with { type: "text" }`), links: map[string]string{"pipe": "FIFO"},
			want: []string{by, "pipe", "not a regular file"},
		},
		"FIFO by a rule": {
			files: js(`export { default } from "./pipe.txt"`), links: map[string]string{"pipe.txt": "FIFO"},
			want: []string{by, "pipe.txt", "not a regular file"},
		},
		"package by a link": {
			files: map[string]string{"x": ""}, links: map[string]string{"../nice": "OUTSIDE"}, want: []string{"w.js:1"},
		},
		"part of a scope by a link": {files: map[string]string{"index.js": `export { default } from "@scope/nice"`},
			links: map[string]string{"../@scope/nice": "OUTSIDE"},
			want:  []string{by, "@scope/nice", "outside of"}},
		"FIFO of a package outside": {files: js(`export { default } from "waits"`),
			links: map[string]string{"../waits": "../../../waits", "../../../../waits/package.json": "FIFO"},
			want:  []string{by, "waits", "outside of"}},
		"FIFO for a folder": {
			files: js(`export { default } from "waits"`), links: map[string]string{"../waits": "FIFO"},
			want: []string{by, "waits", "not a regular file"},
		},
		"folder outside": {
			files: js(`export { default } from "OUTSIDE"`), want: []string{by, "cannot be bundled", "outside of"},
		},
		"main is a folder outside": {
			files: map[string]string{"package.json": `{"main": "./lib"}`}, links: map[string]string{"lib": "OUTSIDE"},
			want: []string{"outside of"},
		},
		"FIFO for package": {
			files: js(`export default 1`), links: map[string]string{"package.json": "FIFO"},
			want: []string{"w.js:1", "nice/package.json", "not a regular file"},
		},
		"package of another": {
			files: js(`export default 1`), links: map[string]string{"package.json": "OUTSIDE/secret.json"},
			want: []string{"w.js:1", "nice/package.json", "outside of"},
		},
		"main of the package": {
			files: map[string]string{"package.json": `{"main": "../../../../../../../../../../../../proc/self/environ"}`},
			want:  []string{"w.js:1"},
		},
		"exports of the package": {files: map[string]string{"package.json": `{"exports": "./data.js"}`},
			links: map[string]string{"data.js": "OUTSIDE/secret.js"},
			want:  []string{"w.js:1", "secret.js"}},
		"browser of the package": {
			files: map[string]string{"package.json": `{"main": "index.js", "browser": {"./index.js": ` +
				`"../../../.git/hooks/code.js"}}`, "index.js": ""}, harmless: true,
		},
		"source map": {files: js("export default 1\n//# sourceMappingURL=/proc/self/environ"), harmless: true},
		"URL of a module": {
			files: js(`export default new URL("/proc/self/environ", import.meta.url).href`), harmless: true,
		},
		"require.resolve": {files: js(`export default require.resolve("OUTSIDE/secret.js")`), harmless: true},
	} {
		t.Run(name, func(t *testing.T) {
			root, _ := hostileRepository(t, c.files, c.links)
			o := c.options
			o.Root, o.Main, o.Alone, o.Library, o.Boundary = filepath.Join(root, "app"), "w.js", true, library, boundaryAt(t,
				root)
			r, err := bundle.Bundle(t.Context(), o)
			if err == nil {
				for _, m := range r.Modules {
					if strings.Contains(string(m.Content), canary) {
						t.Errorf("%s contains a secret", m.Name)
					}
				}
			}
			if (err == nil) != c.harmless {
				t.Fatalf("%v", err)
			}
			if err != nil {
				t.Log(err)
				if strings.Contains(err.Error(), canary) {
					t.Errorf("the message contains a secret: %v", err)
				}
				wantParts(t, err.Error(), c.want...)
				if broken := (*bundle.Error)(nil); !errors.As(err, &broken) {
					t.Errorf("the error is not a *bundle.Error: %v", err)
				}
			}
		})
	}
}

// The repository's own configuration and main file cannot bundle such files, either.
func TestHostileProject(t *testing.T) {
	outside := project(t,
		map[string]string{"main.js": `export default { fetch: () => "` + canary + `" }`, "tsconfig.json": `{}`,
			"data.txt": canary})
	for name, c := range map[string]struct {
		options bundle.Options
		files   map[string]string
		links   map[string]string
		want    string
	}{
		"main": {
			options: bundle.Options{Main: filepath.Join(outside, "main.js")}, want: "main file cannot be read: it is outside of",
		},
		"main by a link": {
			options: bundle.Options{Main: "w.js"}, links: map[string]string{"w.js": "main.js"},
			want: "main file cannot be read: it leads to",
		},
		"main by a link, no_bundle": {
			options: bundle.Options{Main: "w.js", NoBundle: true}, links: map[string]string{"w.js": "main.js"},
			want: "outside of",
		},
		"main credentials": {
			options: bundle.Options{Main: "w.js", NoBundle: true}, files: map[string]string{".env": canary},
			links: map[string]string{"w.js": "ROOT/.env"}, want: "have credentials",
		},
		"main of git": {
			options: bundle.Options{Main: ".git/config.js"}, files: map[string]string{".git/config.js": canary},
			want: "git's own",
		},
		"tsconfig": {
			options: bundle.Options{Main: "w.ts", Tsconfig: filepath.Join(outside, "tsconfig.json")},
			files:   map[string]string{"w.ts": "export default {}"}, want: "tsconfig.json cannot be read: it is outside of",
		},
		"tsconfig by link": {
			options: bundle.Options{Main: "w.ts"},
			files:   map[string]string{"w.ts": "import './a'; export default {}", "a.ts": ""},
			links:   map[string]string{"tsconfig.json": "tsconfig.json"}, want: "tsconfig.json cannot be read: it leads to",
		},
		"extends": {options: bundle.Options{Main: "w.ts"},
			files: map[string]string{"w.ts": "import './a'; export default {}", "a.ts": "",
				"tsconfig.json": `{/* a */ "extends": ["./base",]}`, "base.json": `{"extends": "` + outside + `/tsconfig"}`},
			want: "tsconfig.json cannot be read: it is outside of"},
		"extends a package": {options: bundle.Options{Main: "w.ts"}, files: map[string]string{"w.ts": "import './a'; " +
			"export default {}", "a.ts": "", "tsconfig.json": `{"extends": "base"}`,
			"node_modules/base/package.json": `{"tsconfig": "` + strings.Repeat("../", 20) + outside[1:] + `/tsconfig.json"}`},
			want: "tsconfig.json cannot be read: it is outside of"},
		"extends what a package exports": {options: bundle.Options{Main: "w.ts"},
			files: map[string]string{"w.ts": "import './a'; export default {}", "a.ts": "",
				"tsconfig.json": `{"extends": "base/strict"}`,
				"node_modules/base/package.json": `{"exports": {".": "./main.js", "./*": {"types": "./types.d.ts", "default": ` +
					`"./data/%2a.json"}, "./strict": {"require": "./s%61ne.json"}}}`, "node_modules/base/main.js": "let a"},
			links: map[string]string{"node_modules/base/sane.json": "data.txt"}, want: "sane.json cannot be read: it leads to"},
		"extends by a pattern": {options: bundle.Options{Main: "w.ts"}, files: map[string]string{"w.ts": "import './a'; " +
			"export default {}", "a.ts": "", "tsconfig.json": `{"extends": "@a/base/strict"}`,
			"node_modules/@a/base/package.json": `{"exports": {"./*": "./lib/*.json"}}`},
			links: map[string]string{"node_modules/@a/base/lib/strict.json": "data.txt"},
			want:  "strict.json cannot be read: it leads to"},
		"extends an absolute path of a package": {options: bundle.Options{Main: "w.ts"},
			files: map[string]string{"w.ts": "import './a'; export default {}", "a.ts": "",
				"tsconfig.json": `{"extends": "base"}`,
				"node_modules/base/package.json": `{"tsconfig": "` + outside + `/data.txt", "tsconfig": "./ok.json", "TSCONFIG": ` +
					`"./ok.json"}`}, want: "data.txt cannot be read: it is outside of"},
		"extends twice": {options: bundle.Options{Main: "w.ts"}, files: map[string]string{"w.ts": "import './a'; export " +
			"default {}", "a.ts": "", "ok.json": "{}",
			"tsconfig.json": `{"extends": "` + outside + `/data.txt", "extends": "./ok.json", "Extends": "./ok.json"}`},
			want: "data.txt cannot be read: it is outside of"},
		"extends by Plug'n'Play": {
			options: bundle.Options{Main: "w.ts"},
			files: map[string]string{"w.ts": "import './a'; export default {}", "a.ts": "", "tsconfig.json": `{"extends": ` +
				`"base"}`, ".pnp.data.json": `{}`}, want: "extend the file by its path",
		},
		"extends a package that also exports code": {options: bundle.Options{Main: "w.ts"}, files: map[string]string{
			"w.ts": "import './a'; export default {}", "a.ts": "", "tsconfig.json": `{"extends": "base/strict"}`,
			"node_modules/base/package.json": `{"exports": {".": "./main.js", "./strict": {"types": "./strict.d.ts", ` +
				`"default": "./strict.json"}}}`, "node_modules/base/main.js": "let a",
			"node_modules/base/strict.d.ts": "let a", "node_modules/base/strict.json": "{}"}},
		"collected": {
			options: bundle.Options{Main: "w.js", NoBundle: true,
				Rules: []bundle.Rule{{Type: "Text", Globs: []string{"**/config"}}}}, files: map[string]string{
				"w.js": "export default {}", "sub/.git/config": canary,
			},
		},
		"collected by a link": {
			options: bundle.Options{Main: "w.js", NoBundle: true}, files: map[string]string{"w.js": "export default {}"},
			links: map[string]string{"data.txt": "data.txt"},
		},
		"base_dir by a link": {
			options: bundle.Options{Main: "base/w.js", BaseDir: "base", NoBundle: true}, files: map[string]string{},
			links: map[string]string{"base": ""}, want: "main file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := project(t, c.files)
			for at, target := range c.links {
				if inside, ok := strings.CutPrefix(target, "ROOT/"); ok {
					target = filepath.Join(root, inside)
				} else {
					target = filepath.Join(outside, target)
				}
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, at)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(target, filepath.Join(root, at)); err != nil {
					t.Fatal(err)
				}
			}
			c.options.Root, c.options.Alone, c.options.Library = root, true, library
			r, err := bundle.Bundle(t.Context(), c.options)
			if (err == nil) != (c.want == "") {
				t.Fatalf("%v", err)
			}
			if err != nil {
				t.Log(err)
				wantParts(t, err.Error(), c.want)
				return
			}
			for _, m := range r.Modules {
				if strings.Contains(string(m.Content), canary) {
					t.Errorf("%s contains a secret", m.Name)
				}
			}
		})
	}
}
