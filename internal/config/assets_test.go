package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// What "assets" says of the Worker, as the router is told.
func TestRouting(t *testing.T) {
	for name, tt := range map[string]struct {
		assets, more string
		flags        map[string]string
		want         *bundle.Routing
	}{
		"none":     {assets: `null`},
		"nothing":  {assets: `{}`, want: &bundle.Routing{}},
		"false":    {assets: `{"run_worker_first": false, "binding": "FILES"}`, want: &bundle.Routing{Binding: "FILES"}},
		"true":     {assets: `{"run_worker_first": true}`, want: &bundle.Routing{Worker: []string{"*"}}},
		"patterns": {assets: `{"run_worker_first": ["/api/*", "!/api/docs/*", "/x"]}`, want: &bundle.Routing{Worker: []string{"/api/*", "/x"}, Site: []string{"/api/docs/*"}}},
		"patterns and 404": {
			assets: `{"run_worker_first": ["/api/*"], "not_found_handling": "404-page"}`,
			want:   &bundle.Routing{Worker: []string{"/api/*"}, NotFound: "always"},
		},
		"a navigation":           {assets: `{"not_found_handling": "single-page-application"}`, want: &bundle.Routing{NotFound: "navigation"}},
		"a navigation, by flag":  {assets: `{}`, flags: map[string]string{"not-found": "404-page"}, want: &bundle.Routing{NotFound: "navigation"}},
		"an early date":          {assets: `{"not_found_handling": "404-page"}`, more: `, "compatibility_date": "2025-03-31"`, want: &bundle.Routing{}},
		"an early date, but":     {assets: `{"not_found_handling": "404-page"}`, more: `, "compatibility_date": "2025-03-31", "compatibility_flags": ["assets_navigation_prefers_asset_serving"]`, want: &bundle.Routing{NotFound: "navigation"}},
		"no effect":              {assets: `{"not_found_handling": "404-page"}`, more: `, "compatibility_flags": ["assets_navigation_has_no_effect"]`, want: &bundle.Routing{}},
		"a project":              {assets: `{"binding": "ASSETS", "run_worker_first": true}`, flags: map[string]string{"project": "shop", "name": ""}},
		"a Worker named by flag": {assets: `{"binding": "A"}`, flags: map[string]string{"worker": "other.js"}, want: &bundle.Routing{Binding: "A"}},
	} {
		t.Run(name, func(t *testing.T) {
			flags := map[string]string{"name": "x"}
			for k, v := range tt.flags {
				if flags[k] = v; v == "" {
					delete(flags, k)
				}
			}
			root := project(t, site(map[string]string{"wrangler.json": `{"main": "m.js", "assets": ` + tt.assets + tt.more + `}`}))
			s, _, err := Load(Inputs{Root: root, Flags: flags})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, s.Code.Routing); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}

	root := project(t, site(map[string]string{"wrangler.json": `{"main": "m.js", "assets": {"binding": "FILES"}}`}))
	if _, _, err := Load(Inputs{Root: root, Flags: map[string]string{"project": "shop"}}); err == nil || !strings.Contains(err.Error(), `name the binding "ASSETS"`) {
		t.Errorf("a project with another binding: %v", err)
	}
}

// A pattern that is spelt otherwise than the files that it names guards none of them,
// and its author does not see that.
func TestRoutePatternSpelling(t *testing.T) {
	for pattern, served := range map[string]string{
		"/api/*": "", "/a-b_c.d~!*'()/x": "", "/caf%C3%A9/*": "", "/%40me/*": "",
		"/caf\u00e9/*": "/caf%C3%A9/*", "/caf%c3%a9/*": "/caf%C3%A9/*", "/my files/*": "/my%20files/*", "/@me/*": "/%40me/*", "/100%/*": "/100%25/*",
	} {
		load := func(patterns string) string {
			root := project(t, site(map[string]string{"wrangler.json": `{"main": "m.js", "assets": {"run_worker_first": [` + patterns + `]}}`}))
			_, notices, err := Load(Inputs{Root: root, Flags: map[string]string{"name": "x"}})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, n := range notices {
				text.WriteString(n.String() + "\n")
			}
			return text.String()
		}
		if got := load(`"` + pattern + `"`); strings.Contains(got, "does not match") != (served != "") || !strings.Contains(got, served) {
			t.Errorf("%s: %s", pattern, got)
		}
		if served != "" && strings.Contains(load(`"`+pattern+`", "`+served+`"`), "does not match") {
			t.Errorf("%s is reported beside %s", pattern, served)
		}
	}
}
