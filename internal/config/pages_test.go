package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Server code of Cloudflare Pages is not left out in silence, and the message has what makes it run.
func TestPages(t *testing.T) {
	t.Parallel()
	const assets = ` and a table [assets] with directory = "dist", binding = "ASSETS" and run_worker_first = true`
	const dropped = "_worker.js is a Worker of Cloudflare Pages, and the site would be deployed without it; "
	const functionsFirst = "functions has Pages Functions, which a site without a Worker does not run; build them with " +
		"npx wrangler pages functions build --outdir functions-worker, and "
	const ignored = "; write the line _worker.js into dist/.assetsignore, after each build"
	site := map[string]string{"dist/index.html": "x"}
	for name, c := range map[string]struct {
		more map[string]string
		want string
	}{
		"a file": {
			map[string]string{"dist/_worker.js": "export default {}"},
			"dist/_worker.js: " + dropped + `write into wrangler.toml: main = "dist/_worker.js"` + assets + ignored,
		},
		"a folder, and a wrangler file": {
			map[string]string{"dist/_worker.js/index.js": "export default {}", "wrangler.jsonc": `{"name": "a"}`},
			"dist/_worker.js: " + dropped + `write into wrangler.jsonc: main = "dist/_worker.js/index.js"` + assets + ignored,
		},
		"a Pages project": {
			map[string]string{"dist/_worker.js": "export default {}", "wrangler.toml": `pages_build_output_dir = "dist"`},
			"wrangler.toml:1: " + dropped + `replace this line by main = "dist/_worker.js"` + assets + ignored,
		},
		"functions, settings in the dashboard": {
			map[string]string{"functions/api/[id].ts": "export const onRequestGet: PagesFunction = () => new Response()"},
			"functions: " + functionsFirst + `write into wrangler.toml: main = "functions-worker/index.js"` + assets,
		},
		"a middleware": {
			map[string]string{"functions/_middleware.js": "async function onRequest(c) {}\nexport { onRequest };"},
			"functions: " + functionsFirst,
		},
		"functions beside assets of a wrangler file": {
			map[string]string{"functions/a.js": "export async function onRequest() {}",
				"wrangler.json": `{"name": "a", "assets": {"directory": "dist"}}`}, "",
		},
		"functions, which a Worker replaces": {
			map[string]string{"functions/a.js": "export const onRequest = () => {}", "dist/_worker.js": "export default {}",
				"wrangler.toml": `pages_build_output_dir = "dist"`}, "wrangler.toml:1: " + dropped,
		},
		"functions of another platform": {
			map[string]string{"functions/index.js": "const {onRequest} = require('firebase-functions/https')\n" +
				"export const hello = onRequest((req, res) => res.send('x'))"}, "",
		},
		"named as main": {
			map[string]string{"dist/_worker.js": "export default {}",
				"wrangler.json": `{"name": "a", "main": "dist/_worker.js", "assets": {"directory": "dist"}}`}, "",
		},
		"left out on purpose": {
			map[string]string{"dist/_worker.js": "export default {}", "dist/.assetsignore": "_worker.js"}, "",
		},
	} {
		files := map[string]string{}
		for _, from := range []map[string]string{site, c.more} {
			for file, text := range from {
				files[file] = text
			}
		}
		_, _, err := Load(Inputs{Root: project(t, files), Flags: map[string]string{"name": "x"}})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A wrangler file that names the files alone is deployed as it stands, and the functions are named.
func TestFunctionsBesideAssets(t *testing.T) {
	t.Parallel()
	_, notices, err := Load(Inputs{Root: project(t, map[string]string{
		"dist/index.html": "x", "functions/a.js": "export const onRequest = () => {}",
		"wrangler.json": `{"name": "a", "assets": {"directory": "dist"}}`,
	})})
	if err != nil || !slices.ContainsFunc(notices, func(p manifest.Problem) bool {
		return p.Path == "functions" && strings.Contains(p.Reason, "Pages Functions")
	}) {
		t.Errorf("%v, %v", notices, err)
	}
}
