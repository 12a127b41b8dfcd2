package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
)

// The section "assets" of a wrangler file gives these settings of the router.
func TestRouting(t *testing.T) {
	t.Parallel()
	const early = `, "compatibility_date": "2025-03-31"`
	navigation := &bundle.Routing{NotFound: "navigation"}
	for name, tt := range map[string]struct {
		assets, more string
		flags        map[string]string
		want         *bundle.Routing
	}{
		"null":  {assets: `null`},
		"empty": {assets: `{}`, want: &bundle.Routing{}},
		"false": {
			assets: `{"run_worker_first": false, "binding": "FILES"}`, want: &bundle.Routing{Binding: "FILES"},
		},
		"null for run_worker_first": {assets: `{"run_worker_first": null}`, want: &bundle.Routing{}},
		"true":                      {assets: `{"run_worker_first": true}`, want: &bundle.Routing{Worker: []string{"*"}}},
		"patterns": {
			assets: `{"run_worker_first": ["/api/*", "!/api/docs/*", "/x"]}`,
			want:   &bundle.Routing{Worker: []string{"/api/*", "/x"}, Site: []string{"/api/docs/*"}},
		},
		"patterns and 404 pages": {
			assets: `{"run_worker_first": ["/api/*"], "not_found_handling": "404-page"}`,
			want:   &bundle.Routing{Worker: []string{"/api/*"}, NotFound: "always"},
		},
		"an application": {assets: `{"not_found_handling": "single-page-application"}`, want: navigation},
		"404 pages by a flag": {
			assets: `{}`, flags: map[string]string{"not-found": "404-page"}, want: navigation,
		},
		"an early date": {assets: `{"not_found_handling": "404-page"}`, more: early, want: &bundle.Routing{}},
		"an early date with the flag": {
			assets: `{"not_found_handling": "404-page"}`, want: navigation,
			more: early + `, "compatibility_flags": ["assets_navigation_prefers_asset_serving"]`,
		},
		"a late date with the opposite flag": {
			assets: `{"not_found_handling": "404-page"}`, want: &bundle.Routing{},
			more: `, "compatibility_flags": ["assets_navigation_has_no_effect"]`,
		},
		"a project": {
			assets: `{"binding": "ASSETS", "run_worker_first": true}`, flags: map[string]string{"project": "shop", "name": ""},
		},
		"a Worker named by a flag": {
			assets: `{"binding": "A"}`, flags: map[string]string{"worker": "other.js"}, want: &bundle.Routing{Binding: "A"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := map[string]string{"name": "x", "directory": "public"}
			for k, v := range tt.flags {
				if flags[k] = v; v == "" {
					delete(flags, k)
				}
			}
			file := `{"main": "m.js", "assets": ` + tt.assets + tt.more + `}`
			s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(wranglerJSON(file))), Flags: flags})
			if d := cmp.Diff(tt.want, s.Code.Routing); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// A project's assets have a fixed binding, and its code gets every request anyway.
func TestRoutingOfAProject(t *testing.T) {
	t.Parallel()
	for assets, want := range map[string]string{
		`{"binding": "FILES"}`: "wrangler.json:2: a project's code gets its assets from its loader, as env.ASSETS; " +
			`name the binding "ASSETS"`,
		`{"run_worker_first": true}`: "wrangler.json:2: run_worker_first is not used: " +
			"a project's code gets every request that its loader passes on",
	} {
		file := `{"main": "m.js", "compatibility_date": "2026-01-01",` + "\n" + `"assets": ` + assets + `}`
		_, refused, noticed := reported(t, Inputs{
			Root: project(t, siteFiles(wranglerJSON(file))), Flags: map[string]string{"project": "shop"},
		})
		if got := slices.Concat(refused, noticed); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", assets, got, want)
		}
	}
}

// Cloudflare limits the patterns of run_worker_first.
func TestLimitsOfRoutePatterns(t *testing.T) {
	t.Parallel()
	load := func(patterns ...string) string {
		file := fmt.Sprintf(`{"main": "m.js", "assets": {"run_worker_first": [%s]}}`, `"`+strings.Join(patterns, `","`)+`"`)
		_, refused, _ := reported(t,
			Inputs{Root: project(t, siteFiles(wranglerJSON(file))),
				Flags: map[string]string{"name": "x", "directory": "public"}})
		return strings.Join(refused, "\n")
	}
	long := "/" + strings.Repeat("a", wrangler.MaxRoutePatternBytes)
	for _, tt := range []struct {
		patterns []string
		want     string
	}{
		{[]string{long[:wrangler.MaxRoutePatternBytes]}, ""},
		{
			[]string{long},
			fmt.Sprintf("wrangler.json:1: assets.run_worker_first: %q has more than 100 characters; shorten it with *", long),
		},
		{strings.Split(manyLines("/a", wrangler.MaxRoutePatterns-1), "\n"), ""},
		{
			strings.Split(manyLines("/a", wrangler.MaxRoutePatterns), "\n"),
			"wrangler.json:1: assets.run_worker_first has 101 patterns, but Cloudflare allows 100; join some with *",
		},
	} {
		if got := load(tt.patterns...); got != tt.want {
			t.Errorf("%d patterns: %s, want %s", len(tt.patterns), got, tt.want)
		}
	}
}

// A pattern may be spelled differently from the pathnames that it means. Then it matches none
// of them, and a notice names the right spelling.
func TestRoutePatternSpelling(t *testing.T) {
	t.Parallel()
	for pattern, served := range map[string]string{
		"/api/*": "", "/a-b_c.d~!*'()/x": "", "/caf%C3%A9/*": "", "/%40me/*": "",
		"/caf\u00e9/*": "/caf%C3%A9/*", "/caf%c3%a9/*": "/caf%C3%A9/*", "/my files/*": "/my%20files/*",
		"/@me/*": "/%40me/*", "/100%/*": "/100%25/*",
	} {
		load := func(patterns string) string {
			file := `{"main": "m.js", "assets": {"run_worker_first": [` + patterns + `]}}`
			_, refused, noticed := reported(t, Inputs{
				Root: project(t, siteFiles(wranglerJSON(file))), Flags: map[string]string{"name": "x", "directory": "public"},
			})
			if len(refused) > 0 {
				t.Fatal(refused)
			}
			return strings.Join(noticed, "\n")
		}
		got := load(`"` + pattern + `"`)
		if strings.Contains(got, "does not match") != (served != "") || !strings.Contains(got, served) {
			t.Errorf("%s: %s", pattern, got)
		}
		if served != "" && strings.Contains(load(`"`+pattern+`", "`+served+`"`), "does not match") {
			t.Errorf("%s is reported although %s is listed", pattern, served)
		}
	}
}
