package config

import (
	"strings"
	"testing"
)

// Only a single-page application without the setting gets a notice about it.
func TestSinglePage(t *testing.T) {
	t.Parallel()
	const page, router = "<h1>", `{"dependencies": {"vue-router": "5"}}`
	for name, tt := range map[string]struct {
		files map[string]string
		noted bool
	}{
		"an application": {map[string]string{"package.json": router, "dist/index.html": page, "dist/a/b.js": ""}, true},
		"no router":      {map[string]string{"package.json": "{}", "dist/index.html": page}, false},
		"a second page":  {map[string]string{"package.json": router, "dist/index.html": page, "dist/a/b.html": page}, false},
		"a page for 404": {map[string]string{"package.json": router, "dist/index.html": page, "dist/404.html": page}, false},
		"rules":          {map[string]string{"package.json": router, "dist/index.html": page, "dist/_redirects": ""}, false},
		"the setting": {map[string]string{"package.json": router, "dist/index.html": page,
			"kv-sync.toml": `not-found = "404-page"`}, false},
		"assets of a wrangler file": {map[string]string{"package.json": router, "dist/index.html": page,
			"wrangler.json": `{"assets": {"directory": "dist", "not_found_handling": "single-page-application"}}`}, false},
		"a framework that writes pages": {map[string]string{"dist/index.html": page,
			"package.json": `{"dependencies": {"vue-router": "5", "nuxt": "5"}}`}, false},
		"a Worker": {map[string]string{"package.json": router, "dist/index.html": page, "a.js": "",
			"wrangler.json": `{"main": "a.js"}`}, false},
	} {
		s, _, err := Load(Inputs{Root: project(t, tt.files), Flags: map[string]string{"name": "x", "directory": "dist"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		notices := s.SinglePage()
		if (len(notices) == 1) != tt.noted || tt.noted && !strings.Contains(notices[0].Reason, "vue-router") {
			t.Errorf("%s: %v", name, notices)
		}
	}
}
