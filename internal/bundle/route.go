package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/evanw/esbuild/pkg/api"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Routing says which requests the site answers before the Worker, for code that
// leaves this to its configuration as with Static Assets. worker/src/router.ts
// works by it.
type Routing struct {
	// Binding is the name under which the Worker's env has the site; "" is none.
	Binding string `json:"binding,omitempty"`
	// Site are patterns of pathnames that the site alone answers, Worker of those
	// that go to the Worker whatever the site has; Site comes first. "*" stands for
	// any text. For all other pathnames the site answers if it has something.
	Site   []string `json:"site,omitempty"`
	Worker []string `json:"worker,omitempty"`
	// NotFound is when not_found_handling counts as something: "always", for a
	// "navigation" of a browser, or "" for never.
	NotFound string `json:"notFound,omitempty"`
}

// routerModule is the module that stands before the author's main module.
const routerModule = "kv-sync-router.js"

// route puts the router before the Worker. The router is a module of its own, so
// that the author's code, bundled or not, stays as it is.
func (r *Result) route(ctx context.Context, o *project) error {
	if slices.ContainsFunc(r.Modules, func(m kvsync.Module) bool { return m.Name == routerModule }) {
		return refuse(o.displayMain(), "the Worker has a module called "+routerModule+", which is kv-sync's own", "give it another name")
	}
	if slices.Contains(o.CompatibilityFlags, "disallow_importable_env") {
		return refuse(o.displayMain(), `"disallow_importable_env" is set, and the site is put before the Worker by the env that modules import`,
			`take the flag out, or import the site from "@kv-sync/worker/site" and serve it in code`)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	main := "./" + r.Main
	imported, err := json.Marshal(main)
	if err != nil {
		return fmt.Errorf("bundle: encode the name of the main module: %w", err)
	}
	settings, err := json.Marshal(o.Routing)
	if err != nil {
		return fmt.Errorf("bundle: encode the routing: %w", err)
	}
	authors := api.Plugin{Name: "main", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if args.Namespace == libraryNamespace || args.Path != main {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: main, External: true}, nil
		})
	}}
	router, more, err := r.router(o)
	if err != nil {
		return err
	}
	module, err := o.buildOurs(routerModule, api.BuildOptions{
		Stdin: &api.StdinOptions{
			Contents: fmt.Sprintf("import { route } from %q;\nimport * as main from %s;\nexport * from %s;\n%sexport default route(main.default, %s);\n",
				router, imported, imported, more, settings),
			Sourcefile: routerModule,
			Loader:     api.LoaderJS,
		},
		Plugins: []api.Plugin{authors},
	})
	if err != nil {
		return err
	}
	r.Modules = append(r.Modules, module)
	r.Main, r.ServesSite = routerModule, true
	return nil
}

// router is which router stands before the Worker, and what else it exports. With
// an overlay that is the entrypoint by which other Workers bind the site, unless
// the author exports another one of that name: a loader's, which is for projects,
// is another thing.
func (r *Result) router(o *project) (name, exports string, err error) {
	if !o.Overlay {
		return libraryRouter, "", nil
	}
	i := slices.IndexFunc(r.Modules, func(m kvsync.Module) bool { return m.Name == r.Main })
	theirs, err := exportsOf(r.Modules[i].Content)
	if err != nil || slices.Contains(theirs, assetBinding) {
		return libraryOverRouter, "", err
	}
	return libraryOverRouter, fmt.Sprintf("export { %s } from %q;\n", assetBinding, libraryOverRouter), nil
}

// assetBinding is what the entrypoint of a site's assets is called.
const assetBinding = "AssetBinding"

// exportsOf lists the names that a module exports itself. Those that it passes on
// by "export *" are not among them; no module that was bundled does.
func exportsOf(module []byte) ([]string, error) {
	out := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{Contents: string(module), Loader: api.LoaderJS}, Metafile: true, Outfile: mainModule,
		Format: api.FormatESModule, LogLevel: api.LogLevelSilent, TsconfigRaw: "{}",
	})
	if len(out.Errors) > 0 {
		return nil, &Error{Problems: problems(out.Errors)}
	}
	var meta metafile
	if err := json.Unmarshal([]byte(out.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("bundle: read esbuild's report: %w", err)
	}
	return meta.Outputs[mainModule].Exports, nil
}
