package bundle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// Routing decides which requests the site answers before the Worker's code, like the
// configuration of Static Assets. The router of the Worker library applies it.
type Routing struct {
	// Binding is the name of the site's binding in the Worker's env. "" is no binding.
	Binding string `json:"binding,omitempty"`
	// Site has patterns of pathnames that only the site answers. Worker has patterns of
	// pathnames that only the Worker answers. Site has precedence. "*" matches any text. For
	// all other pathnames the site answers if it has an asset.
	Site   []string `json:"site,omitempty"`
	Worker []string `json:"worker,omitempty"`
	// NotFound decides for which requests the response of not_found_handling counts as an
	// asset: "always", "navigation" (of a browser), or "" for none.
	NotFound string `json:"notFound,omitempty"`
}

// routerModule is the module that calls the author's main module.
const routerModule = "kv-sync-router.js"

// route puts the router before the Worker. The router is a separate module, so the author's
// code remains unchanged, bundled or not.
func (r *Result) route(ctx context.Context, o *project) error {
	if slices.ContainsFunc(r.Modules, func(m cloud.Module) bool { return m.Name == routerModule }) {
		return refuse(o.displayMain(), "the Worker has a module called "+routerModule+", which is reserved for kv-sync",
			"rename it")
	}
	if slices.Contains(o.CompatibilityFlags, "disallow_importable_env") {
		return refuse(o.displayMain(),
			`"disallow_importable_env" is set, but the router before the Worker reads the env that modules import`,
			`remove the flag, or import the site from "@kv-sync/worker/site" and serve it in code`)
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
	externalMain := api.Plugin{Name: "main", Setup: func(b api.PluginBuild) {
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
	module, err := o.buildLibrary(routerModule, api.BuildOptions{
		Stdin: &api.StdinOptions{
			Contents: fmt.Sprintf("import { route } from %q;\nimport * as main from %s;\nexport * from %s;\n"+
				"%sexport default route(main.default, %s);\n", router, imported, imported, more, settings),
			Sourcefile: routerModule,
			Loader:     api.LoaderJS,
		},
		Plugins: []api.Plugin{externalMain},
	})
	if err != nil {
		return err
	}
	r.Modules = append(r.Modules, module)
	r.Main, r.ServesSite = routerModule, true
	return nil
}

// router returns the name of the library's router, and code that exports more. With an overlay
// the code exports the entrypoint through which other Workers bind the site, unless the author
// exports that name, as a loader of projects may.
func (r *Result) router(o *project) (name, exports string, err error) {
	if !o.Overlay {
		return libraryRouter, "", nil
	}
	i := slices.IndexFunc(r.Modules, func(m cloud.Module) bool { return m.Name == r.Main })
	_, theirs, err := inspect(r.Modules[i].Content)
	if err != nil || slices.Contains(theirs, assetBinding) {
		return libraryOverlayRouter, "", err
	}
	return libraryOverlayRouter, fmt.Sprintf("export { %s } from %q;\n", assetBinding, libraryOverlayRouter), nil
}

// assetBinding is the name of the entrypoint for a site's assets.
const assetBinding = "AssetBinding"
