package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// metafile is the part of esbuild's report that this package uses.
type metafile struct {
	Inputs map[string]struct {
		Imports []imported `json:"imports"`
		Format  string     `json:"format"`
	} `json:"inputs"`
	Outputs map[string]struct {
		Imports    []imported `json:"imports"`
		Exports    []string   `json:"exports"`
		EntryPoint string     `json:"entryPoint"`
	} `json:"outputs"`
}

// imported is one import of a module.
type imported struct {
	Path     string `json:"path"`
	Kind     string `json:"kind"`
	External bool   `json:"external"`
}

// static reports whether the import is resolved when the Worker is uploaded. A dynamic import fails
// only if the code reaches it.
func (i imported) static() bool { return i.Kind != "dynamic-import" }

func readMetafile(text string) (*metafile, error) {
	meta := &metafile{}
	if err := json.Unmarshal([]byte(text), meta); err != nil {
		return nil, fmt.Errorf("bundle: read esbuild's report: %w", err)
	}
	return meta, nil
}

// inspect reads the imports and the exports of a module that is sent unchanged. Names of "export *"
// are missing.
func inspect(module []byte) (imports []imported, exports []string, err error) {
	external := api.Plugin{Name: "external", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if args.Kind == api.ResolveEntryPoint {
				return api.OnResolveResult{}, nil
			}
			return api.OnResolveResult{Path: args.Path, External: true}, nil
		})
	}}
	out := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{Contents: string(module), Loader: api.LoaderJS}, Metafile: true, Outfile: mainModule,
		Bundle: true, Format: api.FormatESModule, LogLevel: api.LogLevelSilent, TsconfigRaw: "{}",
		TreeShaking: api.TreeShakingFalse, Plugins: []api.Plugin{external},
	})
	if len(out.Errors) > 0 {
		return nil, nil, &Error{Problems: problems(out.Errors)}
	}
	meta, err := readMetafile(out.Metafile)
	if err != nil {
		return nil, nil, err
	}
	main := meta.Outputs[mainModule]
	if entry := meta.Inputs["<stdin>"]; entry.Format == formatCommonJS {
		main.Exports = nil // those that esbuild adds
	}
	return main.Imports, main.Exports, nil
}

// formatCommonJS is esbuild's format of a module that sets module.exports. It is also the format of a
// module without imports and exports in a package of the type commonjs.
const formatCommonJS = "cjs"

var (
	exportsAll  = regexp.MustCompile(`\bexport\s*\*`)
	listens     = []byte("addEventListener(")
	setsExports = regexp.MustCompile(`\b(module\s*\.\s*)?exports\b`)
)

// refuseWithoutExports refuses a main module that exports no handler. Cloudflare treats such a module
// as a service worker. A service worker cannot serve a site, so every request would fail.
func (p *project) refuseWithoutExports(content []byte) error {
	reason := "the Worker exports nothing"
	fix := "export its handlers: export default { fetch(request, env, ctx) { … } }"
	switch {
	case bytes.Contains(content, listens):
		reason = "the Worker calls addEventListener, which only service workers do, and exports nothing"
		fix = `write export default { fetch(request, env, ctx) { … } } in place of addEventListener("fetch", …): ` +
			"return the response, and use request and ctx in place of event.request and event"
	case setsExports.Match(content):
		reason = "the Worker is a CommonJS module, in which Cloudflare finds no handlers"
		fix = "write export default { … } in place of module.exports = { … }"
	}
	return refuse(p.displayMain(), reason, fix)
}

// checkModule refuses a module that is sent unchanged and that Cloudflare would refuse.
func (p *project) checkModule(file string, content []byte) error {
	if bytes.Contains(content, []byte("@kv-sync/worker")) {
		return refuse(p.display(file), "no_bundle sends files unchanged, so @kv-sync/worker cannot be resolved",
			`remove "no_bundle"`)
	}
	imports, exports, err := inspect(content)
	if err != nil {
		return nil //nolint:nilerr // the platform reports a syntax error
	}
	var missing []missingModule
	for _, i := range imports {
		if m := p.missing(p.display(file), i.Path); m != nil && i.static() {
			missing = append(missing, *m)
		}
	}
	if file == p.Main && len(exports) == 0 && !exportsAll.Match(content) {
		return p.refuseWithoutExports(content)
	}
	return p.refuseMissing(missing)
}

// checkBundle refuses a bundle that Cloudflare would refuse, or in which it would find no handler.
func (c *collector) checkBundle(meta *metafile) error {
	main := meta.Outputs[mainModule]
	if len(main.Exports) == 0 || c.options.Main != "" && meta.Inputs[main.EntryPoint].Format == formatCommonJS {
		content, _ := c.options.read(c.options.Main) // it was read for the bundle
		return c.options.refuseWithoutExports(content)
	}
	if c.options.Dynamic && !slices.Contains(main.Exports, "default") {
		return refuse(c.options.displayMain(), "a project's code has no default export, so its loader has nothing to call",
			"export its handlers: export default { fetch(request, env, ctx) { … } }")
	}
	var missing []missingModule
	for _, i := range main.Imports {
		if m := c.options.missing(meta.importer(i.Path), i.Path); m != nil && i.static() {
			missing = append(missing, *m)
		}
	}
	return c.options.refuseMissing(missing)
}

// importer returns a file that imports a module, the first one by name.
func (m *metafile) importer(path string) string {
	var files []string
	for file, input := range m.Inputs {
		if slices.ContainsFunc(input.Imports, func(i imported) bool {
			return i.Path == path || i.Path == requireNamespace+":"+path
		}) && file != requireNamespace+":"+path {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return "worker"
	}
	return slices.Min(files)
}

// servesSite reports whether a module that is sent unchanged reads the manifest.
func servesSite(module []byte) bool { return bytes.Contains(module, []byte(cloud.ModuleManifest)) }
