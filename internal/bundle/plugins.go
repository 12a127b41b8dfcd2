package bundle

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Import names that only kv-sync uses, for entry points and generated code.
const (
	libraryNamespace     = "kv-sync"
	libraryDefault       = "kv-sync:src/default.ts"
	libraryOverlaid      = "kv-sync:src/default_overlay.ts"
	libraryRouter        = "kv-sync:src/router.ts"
	libraryOverlayRouter = "kv-sync:src/router_overlay.ts"
	manifestImport       = "./" + cloud.ModuleManifest
)

const (
	// loaderModule is the code for loaders of Dynamic Workers.
	loaderModule = "@kv-sync/worker/dynamic"
	// readWriteModule is the code that reads and writes the site at run time.
	readWriteModule = "@kv-sync/worker/read-write"
	// companionModule is the code of the companion script.
	companionModule = "@kv-sync/worker/overlay"
)

// library maps imports to files of the library. An installed copy of the package is never
// used: the code must fit the manifest that this binary writes.
var library = map[string]string{
	libraryDefault:         "src/default.ts",
	libraryOverlaid:        "src/default_overlay.ts",
	libraryRouter:          "src/router.ts",
	libraryOverlayRouter:   "src/router_overlay.ts",
	"@kv-sync/worker":      "src/index.ts",
	"@kv-sync/worker/site": "src/site.ts",
	readWriteModule:        "src/read_write.ts",
	companionModule:        "src/overlay.ts",
	loaderModule:           "src/dynamic.ts",
}

// collector has the plugins for esbuild and collects the modules that they find. esbuild calls
// the plugins from many goroutines.
type collector struct {
	options  *project
	rules    []rule
	settings *settings

	mu      sync.Mutex
	modules map[string]cloud.Module
}

func newCollector(o *project, rules []rule) *collector {
	return &collector{options: o, rules: rules, settings: newSettings(o), modules: map[string]cloud.Module{}}
}

// plugins returns the plugins in the order in which esbuild calls them.
func (c *collector) plugins() []api.Plugin {
	list := []api.Plugin{
		{Name: "settings", Setup: c.checkSettings},
		{Name: "kv-sync", Setup: c.resolveLibrary},
		{Name: "runtime", Setup: c.resolveRuntime},
		{Name: "modules", Setup: c.resolveModules},
	}
	if c.options.Commit != nil {
		list = append(list, api.Plugin{Name: "commit", Setup: c.resolveCommitted})
	}
	return append(list, api.Plugin{Name: "load", Setup: c.load})
}

// failed is the result for an import that is refused: the reason, and how to fix it.
func failed(reason, fix string) api.OnResolveResult {
	return api.OnResolveResult{Errors: []api.Message{{Text: reason, Notes: []api.Note{{Text: fix}}}}}
}

// resolveLibrary is a plugin that resolves @kv-sync/worker to the source in this binary, and
// the manifest to the module that the engine adds to the upload.
func (c *collector) resolveLibrary(b api.PluginBuild) {
	const (
		manifests = `|@kv-sync/worker/manifest)$`
		modules   = `^(kv-sync:src/(default|default_overlay|router|router_overlay)\.ts|@kv-sync/worker(/.*)?)$`
	)
	manifest := api.OnResolveResult{Path: manifestImport, External: true}
	b.OnResolve(api.OnResolveOptions{Filter: `^(\./` + regexp.QuoteMeta(cloud.ModuleManifest) + manifests},
		func(api.OnResolveArgs) (api.OnResolveResult, error) { return manifest, nil })

	b.OnResolve(api.OnResolveOptions{Filter: modules},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if c.options.Dynamic && args.Path == loaderModule {
				return failed(fmt.Sprintf("%q is for the Worker that loads projects", args.Path),
					"Call env.ASSETS.fetch(request): the loader gives a project its assets."), nil
			}
			if args.Path == readWriteModule && !c.options.Overlay && !c.options.Dynamic {
				return failed(fmt.Sprintf("%q is imported, but the site has no overlay to write to", args.Path),
					"enable it with a table [overlay] in kv-sync.toml"), nil
			}
			if file, ok := library[args.Path]; ok {
				return api.OnResolveResult{Path: file, Namespace: libraryNamespace}, nil
			}
			return failed(fmt.Sprintf("%q is not part of @kv-sync/worker", args.Path),
				`Import "@kv-sync/worker", "@kv-sync/worker/site", "@kv-sync/worker/read-write", `+
					`"@kv-sync/worker/manifest" or "@kv-sync/worker/dynamic".`), nil
		})

	b.OnResolve(api.OnResolveOptions{Filter: `^\.`, Namespace: libraryNamespace},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			file := path.Join(path.Dir(args.Importer), args.Path)
			stem := strings.TrimSuffix(strings.TrimSuffix(file, ".js"), ".ts")
			for _, candidate := range []string{file, stem + ".ts", stem + "/index.ts"} {
				if st, err := fs.Stat(c.options.Library, candidate); err == nil && st.Mode().IsRegular() {
					return api.OnResolveResult{Path: candidate, Namespace: libraryNamespace}, nil
				}
			}
			return failed(fmt.Sprintf("%q is not in this kv-sync", file), "This is a bug of kv-sync: please report it."), nil
		})

	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: libraryNamespace},
		func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			src, err := fs.ReadFile(c.options.Library, args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			contents, loader := string(src), api.LoaderTS
			if path.Ext(args.Path) == ".txt" {
				loader = api.LoaderText
			}
			return api.OnLoadResult{Contents: &contents, Loader: loader}, nil
		})

	b.OnResolve(api.OnResolveOptions{Filter: `^__STATIC_CONTENT_MANIFEST$`},
		func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return failed("__STATIC_CONTENT_MANIFEST belongs to wrangler's Workers Sites, and kv-sync does not create it",
				`Serve the files with "@kv-sync/worker/site" instead of @cloudflare/kv-asset-handler: see docs/workers.md.`), nil
		})
}

// nested marks a resolve request that a plugin sends to esbuild, so that the same plugin does
// not answer it.
type nested struct{}

// resolveModules is a plugin that makes a separate module of each imported file that a rule
// matches.
func (c *collector) resolveModules(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		_, isNested := args.PluginData.(nested)
		if isNested || args.Kind == api.ResolveEntryPoint || args.Namespace == libraryNamespace {
			return api.OnResolveResult{}, nil
		}
		r, err := find(c.rules, args.Path)
		if err != nil {
			return failed(err.Error(), fixHidden), nil
		}
		if r == nil || contentTypes[r.Type] == "" {
			return api.OnResolveResult{}, nil
		}
		specifier, _, _ := strings.Cut(args.Path, "?")
		file, messages := c.locate(b, specifier, args)
		if len(messages) > 0 {
			return api.OnResolveResult{Errors: messages}, nil
		}
		content, err := c.options.read(file)
		if err != nil {
			return failed(c.options.cannotBundle(file, err), fixOf(err)), nil
		}
		m := c.add(path.Base(filepath.ToSlash(file)), contentTypes[r.Type], content)
		return api.OnResolveResult{Path: "./" + m.Name, External: true}, nil
	})
}

// locate finds the file of an import like esbuild. A plain name that is not a package is
// searched beside the importing file, like wrangler.
func (c *collector) locate(b api.PluginBuild, specifier string, args api.OnResolveArgs) (string, []api.Message) {
	if args.ResolveDir != "" && (strings.HasPrefix(specifier, "./") || strings.HasPrefix(specifier, "../")) {
		file := filepath.Join(folderOf(args), filepath.FromSlash(specifier))
		if c.options.exists(file) {
			return file, nil
		}
	}
	found := b.Resolve(specifier, api.ResolveOptions{
		Importer: args.Importer, Namespace: args.Namespace, ResolveDir: args.ResolveDir,
		Kind: args.Kind, With: args.With, PluginData: nested{},
	})
	if len(found.Errors) == 0 && !found.External {
		return found.Path, nil
	}
	if beside := filepath.Join(folderOf(args), filepath.FromSlash(specifier)); c.options.exists(beside) {
		return beside, nil
	}
	if len(found.Errors) == 0 {
		found.Errors = []api.Message{{Text: fmt.Sprintf("Could not resolve %q", specifier)}}
	}
	return "", found.Errors
}

// unsafeName matches characters that a module's name must not contain, because the name is sent
// in a multipart header.
var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// add adds a module. The module's name begins with a hash of its content, unless the file names
// are to be preserved and the name is free.
func (c *collector) add(base, contentType string, content []byte) cloud.Module {
	h := manifest.HashOf(append([]byte(contentType+"\x00"), content...)).String()[:16]
	name := unsafeName.ReplaceAllString(base, "_")
	c.mu.Lock()
	defer c.mu.Unlock()
	other, taken := c.modules[name]
	same := taken && other.Type == contentType && string(other.Content) == string(content)
	if !c.options.PreserveFileNames || taken && !same || name == mainModule || name == cloud.ModuleManifest {
		name = h + "-" + name
	}
	m := cloud.Module{Name: name, Type: contentType, Content: content}
	c.modules[name] = m
	return m
}
