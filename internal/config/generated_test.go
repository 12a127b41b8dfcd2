package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// generated is a wrangler file as Cloudflare's Vite plugin writes it into the folder of the output.
const generated = `{"configPath": "/p/wrangler.json", "userConfigPath": "/p/wrangler.json", "topLevelName": "app",
	"definedEnvironments": ["staging"], "compatibility_date": "2026-10-01", "name": "app", "main": "index.js",
	"triggers": {}, "assets": {"not_found_handling": "single-page-application", "directory": "../client"},
	"cloudchamber": {}, "exports": {}, "k2": [], "unsafe_hello_world": [], "python_modules": {"exclude": ["**/*.pyc"]},
	"dev": {"ip": "localhost"}, "no_bundle": true}`

// built is a project after its build.
func built(more map[string]string) map[string]string {
	files := map[string]string{
		"wrangler.json":     `{"name": "app", "main": "src/index.js", "compatibility_date": "2026-10-01", "assets": {}}`,
		"src/index.js":      "export default {}",
		"public/icon.svg":   "<svg/>",
		deployConfig:        `{"configPath": "../../dist/app/wrangler.json", "auxiliaryWorkers": []}`,
		"dist/app/index.js": "export default {}", "dist/app/wrangler.json": generated,
		"dist/client/index.html": "<h1>app</h1>",
	}
	for name, text := range more {
		if files[name] = text; text == "" {
			delete(files, name)
		}
	}
	return files
}

// The file that a build generated is used as it is, and not the one beside package.json.
func TestGeneratedFile(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{nil, {"CLOUDFLARE_ENV": "staging"}} {
		s, notices := mustLoad(t, Inputs{Root: project(t, built(nil)), Getenv: environ(env)})
		if s.Directory != "dist/client" || s.Code.Main != "dist/app/index.js" || s.Name != "app" || !s.Code.NoBundle {
			t.Errorf("it deploys %s and %s as %s", s.Directory, s.Code.Main, s.Name)
		}
		const used = deployConfig + ": the build generated dist/app/wrangler.json, which is used, as with wrangler"
		var others []string
		for _, n := range notices {
			if text := n.String(); text != used && !strings.Contains(text, "is the folder of the site") {
				others = append(others, text)
			}
		}
		if len(others) > 0 {
			t.Errorf("notices %q", others)
		}
	}
}

// A file that the build's deploy configuration names is generated, whatever its own content is.
// Its path may be absolute.
func TestRedirectedFileIsGenerated(t *testing.T) {
	t.Parallel()
	files := built(map[string]string{"dist/app/wrangler.json": `{"name": "app", "main": "index.js", "no_bundle": true,
		"compatibility_date": "2026-10-01", "assets": {"directory": "../client"}, "new_thing": true}`})
	root := project(t, files)
	for _, path := range []string{"../../dist/app/wrangler.json", filepath.Join(root, "dist", "app", "wrangler.json")} {
		text := fmt.Sprintf(`{"configPath": %q}`, filepath.ToSlash(path))
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(deployConfig)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if s, _ := mustLoad(t, Inputs{Root: root}); s.Directory != "dist/client" || s.Code.Main != "dist/app/index.js" {
			t.Errorf("%s: it deploys %s and %s", path, s.Directory, s.Code.Main)
		}
	}
}

// With CLOUDFLARE_ENV, which the build needed, a generated file can be named. It has the sections of
// that environment.
func TestGeneratedFileIsNamed(t *testing.T) {
	t.Parallel()
	staging := strings.Replace(generated, `"topLevelName"`, `"targetEnvironment": "staging", "topLevelName"`, 1)
	for _, text := range []string{generated, staging} {
		s, _ := mustLoad(t, Inputs{
			Root:   project(t, built(map[string]string{deployConfig: "", "dist/app/wrangler.json": text})),
			Flags:  map[string]string{"config": "dist/app/wrangler.json"},
			Getenv: environ(map[string]string{"CLOUDFLARE_ENV": "staging"}),
		})
		if s.Name != "app" || s.Directory != "dist/client" {
			t.Errorf("it deploys %s as %s", s.Directory, s.Name)
		}
	}
}

// Messages about a generated file name the line of its source, which people edit: that of the
// environment, or else of the top level, and the list that lacks the entry. A build of another
// machine records a path of that machine.
func TestMessagesNameTheSource(t *testing.T) {
	t.Parallel()
	const source = `{
	"name": "app",
	// the Worker
	"main": "src/index.js", "assets": {},
	"vectorize": [{"binding": "V",
		"index_name": ""}],
	"env": {"staging": {
		"hyperdrive": [{"binding": "H"}]
	}}
}`
	from := func(path, env string) string {
		return `{"userConfigPath": "` + path + `", "targetEnvironment": "` + env + `", "name": "app", "main": "index.js",` +
			`"compatibility_date": "2026-10-01", "no_bundle": true, "assets": {"directory": "../client"},` +
			`"vectorize": [{"binding": "V", "index_name": ""}, {"binding": "W"}], "hyperdrive": [{"binding": "H"}],` +
			`"containers": [1]}`
	}
	for name, c := range map[string]struct{ path, env, want string }{
		"an environment": {"../../wrangler.json", "staging", `the configuration is invalid; nothing was sent:
  wrangler.json: containers is not supported by kv-sync; deploy this Worker with wrangler
  wrangler.json:5: vectorize[1] has no "index_name"; add it
  wrangler.json:6: vectorize[0].index_name is empty; write its value
  wrangler.json:8: hyperdrive[0] has no "id"; add it`},
		"another machine": {"/home/runner/work/app/app/wrangler.json", "", `the configuration is invalid; nothing was sent:
  wrangler.json: containers is not supported by kv-sync; deploy this Worker with wrangler
  wrangler.json: hyperdrive[0] has no "id"; add it
  wrangler.json:5: vectorize[1] has no "index_name"; add it
  wrangler.json:6: vectorize[0].index_name is empty; write its value`},
		"no source": {"/home/runner/work/app/app/wrangler.jsonc", "", `the configuration is invalid; nothing was sent:
  dist/app/wrangler.json:1: containers is not supported by kv-sync; deploy this Worker with wrangler
  dist/app/wrangler.json:1: hyperdrive[0] has no "id"; add it
  dist/app/wrangler.json:1: vectorize[0].index_name is empty; write its value
  dist/app/wrangler.json:1: vectorize[1] has no "index_name"; add it`},
	} {
		_, _, err := Load(Inputs{Root: project(t, built(map[string]string{
			"wrangler.json": source, "dist/app/wrangler.json": from(c.path, c.env),
		}))})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

func TestGeneratedFileIsRefused(t *testing.T) {
	t.Parallel()
	staging := strings.Replace(generated, `"topLevelName"`, `"targetEnvironment": "staging", "topLevelName"`, 1)
	for name, c := range map[string]struct {
		more  map[string]string
		flags map[string]string
		want  string
	}{
		"another environment": {
			more: map[string]string{"dist/app/wrangler.json": staging}, flags: map[string]string{"env": "live"},
			want: `the build was made for the environment "staging", and not for "live"; build again with CLOUDFLARE_ENV=live`,
		},
		"no file there": {
			more: map[string]string{"dist/app/wrangler.json": ""}, want: "it names dist/app/wrangler.json, which does not exist",
		},
		"no configPath": {more: map[string]string{deployConfig: `{}`}, want: `there is no "configPath"`},
		"outside": {
			more: map[string]string{deployConfig: `{"configPath": "../../../wrangler.json"}`}, want: deployConfig + ": ",
		},
	} {
		_, _, err := Load(Inputs{Root: project(t, built(c.more)), Flags: c.flags})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// Before its build a project is refused, and its input folder public is not published.
func TestUnbuiltProject(t *testing.T) {
	t.Parallel()
	unbuilt := map[string]string{deployConfig: "", "dist/app/wrangler.json": "", "dist/client/index.html": ""}
	with := func(more map[string]string) map[string]string {
		files := built(unbuilt)
		for name, text := range more {
			files[name] = text
		}
		return files
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"assets without a directory": {
			with(nil), "wrangler.json:1: assets has no directory, so a build tool decides which folder is published, and " +
				"there is no index.html in dist, build, out, _site, www; run the build",
		},
		"a module of the build tool": {
			with(map[string]string{"wrangler.json": `{"name": "app", "main": "virtual:react-router/server-build"}`}),
			`main is "virtual:react-router/server-build", a module that only the build tool knows; run the build`,
		},
		"a package as main": {
			with(map[string]string{"wrangler.json": `{"name": "app", "main": "@astrojs/cloudflare/entrypoints/server"}`}),
			"a module that only the build tool knows",
		},
		"Pages Functions": {
			map[string]string{"wrangler.toml": "name = \"a\"\npages_build_output_dir = \"public\"\n",
				"functions/api/hello.js": "export const onRequest = 1", "public/index.html": "x"},
			"wrangler.toml:2: functions has Pages Functions, which a site without a Worker does not run; build them with npx " +
				`wrangler pages functions build --outdir functions-worker, and replace this line by main = ` +
				`"functions-worker/index.js" and a table [assets] with directory = "public"`,
		},
		"no output of a build tool": {
			map[string]string{"vite.config.ts": "", "public/icon.svg": "<svg/>", "index.html": "<div id=root>"},
			"vite.config.ts: the project has a build, and there is no index.html in dist, build, out, _site, www; " +
				"public is its input",
		},
	} {
		_, _, err := Load(Inputs{Root: project(t, c.files), Flags: map[string]string{"name": "x"}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}
