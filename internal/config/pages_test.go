package config

import (
	"strings"
	"testing"
)

// Server code of Cloudflare Pages is not left out in silence, and the message has what makes it run.
func TestPages(t *testing.T) {
	t.Parallel()
	const assets = ` and a table [assets] with directory = "dist", binding = "ASSETS" and run_worker_first = true`
	const dropped = "_worker.js is a Worker of Cloudflare Pages, and the site would be deployed without it; "
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
