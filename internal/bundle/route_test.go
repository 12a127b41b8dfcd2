package bundle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// ignoresSite is a Worker that does not import the site.
const ignoresSite = `export class Thing {} export default { fetch: () => new Response("hi") }`

// bundleCode bundles code with the library of this binary.
func bundleCode(t *testing.T, code string, o bundle.Options) *bundle.Result {
	t.Helper()
	o.Root, o.Main = project(t, map[string]string{"index.mjs": code}), "index.mjs"
	r, err := bundle.Bundle(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func moduleNames(r *bundle.Result) []string {
	var names []string
	for _, m := range r.Modules {
		names = append(names, m.Name)
	}
	return names
}

func TestRouter(t *testing.T) {
	routing := &bundle.Routing{Binding: "ASSETS", Worker: []string{"/api/*"}, Site: []string{"/a\"</script>\u2028*"}}
	plain := bundleCode(t, ignoresSite, bundle.Options{})
	for main, noBundle := range map[string]bool{"index.js": false, "index.mjs": true} {
		r := bundleCode(t, ignoresSite, bundle.Options{Routing: routing, NoBundle: noBundle})
		if d := cmp.Diff([]string{"kv-sync-router.js", main}, moduleNames(r)); d != "" || r.Main != "kv-sync-router.js" ||
			!r.ServesSite || len(r.Notices) > 0 {
			t.Errorf("main %s, serves %v, notices %v, modules (-want +got):\n%s", r.Main, r.ServesSite, r.Notices, d)
		}
		wantParts(t, mainText(t, r), `from "./`+main+`"`, `export * from "./`+main+`"`, "as default",
			`from "./kv-sync-manifest.bin"`, `"ASSETS"`)
		if again := bundleCode(t, ignoresSite, bundle.Options{Routing: routing, NoBundle: noBundle}); !cmp.Equal(r, again) {
			t.Error("the bundle depends on the project's folder")
		}
		if !noBundle && !cmp.Equal(plain.Modules[0], r.Modules[1]) {
			t.Error("the author's code changed")
		}
		other := bundleCode(t, ignoresSite, bundle.Options{Routing: &bundle.Routing{}, NoBundle: noBundle})
		if cmp.Equal(r.Modules[0].Content, other.Modules[0].Content) {
			t.Error("other settings give the same modules")
		}
	}
	text := mainText(t, bundleCode(t, ignoresSite, bundle.Options{Routing: routing, Minify: true}))
	if len(text) > 40<<10 {
		t.Errorf("the router has %d bytes", len(text))
	}
}

// Code that serves the site itself gets no router.
func TestNoRouterIfTheCodeServesTheSite(t *testing.T) {
	routing := &bundle.Routing{Binding: "ASSETS"}
	for name, code := range map[string]string{
		"site":     serving + `export default { fetch: r => site.fetch(r) }`,
		"manifest": `import m from "@kv-sync/worker/manifest"; export default { fetch: () => new Response(m) }`,
	} {
		without := bundleCode(t, code, bundle.Options{})
		with := bundleCode(t, code, bundle.Options{Routing: routing})
		if !cmp.Equal(without, with) || with.Main != "index.js" {
			t.Errorf("%s: the routing changes the bundle", name)
		}
	}
	r, err := bundle.Bundle(t.Context(), bundle.Options{Root: t.TempDir(), Routing: routing})
	if err != nil || len(r.Modules) != 1 || strings.Contains(mainText(t, r), "run_worker_first") {
		t.Errorf("the default Worker: %v", err)
	}
}

func TestRouterRefusals(t *testing.T) {
	root := project(t, map[string]string{"index.mjs": ignoresSite, "kv-sync-router.js": ""})
	for want, o := range map[string]bundle.Options{
		"reserved for kv-sync": {
			NoBundle: true, Rules: []bundle.Rule{{Type: "ESModule", Globs: []string{"**/*.js"}}},
		},
		"disallow_importable_env": {CompatibilityFlags: []string{"disallow_importable_env"}},
	} {
		o.Root, o.Main, o.Routing = root, "index.mjs", &bundle.Routing{}
		if _, err := bundle.Bundle(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A bundle reports which requests the author's code gets: all requests, unless the router is
// before the code or there is no code of the author. A deploy needs this to retire files.
func TestRoutingOfABundle(t *testing.T) {
	routing := &bundle.Routing{Binding: "ASSETS", Worker: []string{"/api/*"}, Site: []string{"/api/docs/*"}}
	every := manifest.Routing{Worker: []string{manifest.EveryRequest}}
	const serves = serving + `export default { fetch: r => site.fetch(r) }`
	const writes = `import { readWriteAssets } from "@kv-sync/worker/read-write"; export default { ` +
		`fetch: (r, env) => readWriteAssets(env).fetch(r) }`
	for name, c := range map[string]struct {
		code string
		o    bundle.Options
		want manifest.Routing
	}{
		"patterns": {
			ignoresSite, bundle.Options{Routing: routing}, manifest.Routing{Worker: []string{"/api/*"},
				Site: []string{"/api/docs/*"}},
		},
		"patterns, no_bundle": {
			ignoresSite, bundle.Options{Routing: routing, NoBundle: true},
			manifest.Routing{Worker: []string{"/api/*"}, Site: []string{"/api/docs/*"}},
		},
		"the site first": {ignoresSite, bundle.Options{Routing: &bundle.Routing{Binding: "ASSETS"}},
			manifest.Routing{}},
		"run_worker_first = true":      {ignoresSite, bundle.Options{Routing: &bundle.Routing{Worker: []string{"*"}}}, every},
		"imports the site":             {serves, bundle.Options{Routing: routing}, every},
		"imports the site, no routing": {serves, bundle.Options{}, every},
		"writes the site":              {writes, bundle.Options{Routing: routing, Overlay: true}, every},
		"a Dynamic Worker":             {ignoresSite, bundle.Options{Dynamic: true}, every},
		"code that serves no site":     {ignoresSite, bundle.Options{}, every},
	} {
		if d := cmp.Diff(c.want, bundleCode(t, c.code, c.o).Routing); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for _, overlay := range []bool{false, true} {
		r, err := bundle.Bundle(t.Context(), bundle.Options{Root: t.TempDir(), Routing: routing, Overlay: overlay})
		if err != nil || !cmp.Equal(r.Routing, manifest.Routing{}) {
			t.Errorf("the default Worker, overlay %v: %+v, %v", overlay, r.Routing, err)
		}
	}
}
