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

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// What our own code is called inside a bundle.
const (
	libraryNamespace  = "kv-sync"
	libraryDefault    = "kv-sync:src/default.ts"
	libraryOverlaid   = "kv-sync:src/default_overlay.ts"
	libraryRouter     = "kv-sync:src/router.ts"
	libraryOverRouter = "kv-sync:src/router_overlay.ts"
	manifestImport    = "./" + kvsync.ModuleManifest
)

const (
	// loaderModule is the loader's side of Dynamic Workers.
	loaderModule = "@kv-sync/worker/dynamic"
	// readWriteModule is the site, to be written at run time as well as read.
	readWriteModule = "@kv-sync/worker/read-write"
	// companionModule is the script that holds the overlays' Durable Objects.
	companionModule = "@kv-sync/worker/overlay"
)

// library maps what a Worker imports to a file of our source. An installed copy
// of the package is never used: the code must fit the manifest that this binary
// writes.
var library = map[string]string{
	libraryDefault:         "src/default.ts",
	libraryOverlaid:        "src/default_overlay.ts",
	libraryRouter:          "src/router.ts",
	libraryOverRouter:      "src/router_overlay.ts",
	"@kv-sync/worker":      "src/index.ts",
	"@kv-sync/worker/site": "src/site.ts",
	readWriteModule:        "src/read_write.ts",
	companionModule:        "src/overlay.ts",
	loaderModule:           "src/dynamic.ts",
}

// collector gathers what esbuild's plugins find. esbuild calls them from many
// goroutines.
type collector struct {
	options  *project
	rules    []rule
	settings *settings

	mu      sync.Mutex
	modules map[string]kvsync.Module
}

func newCollector(o *project, rules []rule) *collector {
	return &collector{options: o, rules: rules, settings: newSettings(o), modules: map[string]kvsync.Module{}}
}

// plugins lists the plugins in the order in which they are asked.
func (c *collector) plugins() []api.Plugin {
	list := []api.Plugin{
		{Name: "settings", Setup: c.guard},
		{Name: "kv-sync", Setup: c.ours},
		{Name: "runtime", Setup: c.runtime},
		{Name: "modules", Setup: c.separate},
	}
	if c.options.Commit != nil {
		list = append(list, api.Plugin{Name: "commit", Setup: c.commit})
	}
	return append(list, api.Plugin{Name: "load", Setup: c.load})
}

// failed is an import that cannot be resolved, with what to do about it.
func failed(reason, fix string) api.OnResolveResult {
	return api.OnResolveResult{Errors: []api.Message{{Text: reason, Notes: []api.Note{{Text: fix}}}}}
}

// ours resolves @kv-sync/worker to the source in this binary, and the manifest
// to the module that the engine adds.
func (c *collector) ours(b api.PluginBuild) {
	manifest := api.OnResolveResult{Path: manifestImport, External: true}
	b.OnResolve(api.OnResolveOptions{Filter: `^(\./` + regexp.QuoteMeta(kvsync.ModuleManifest) + `|@kv-sync/worker/manifest)$`},
		func(api.OnResolveArgs) (api.OnResolveResult, error) { return manifest, nil })

	b.OnResolve(api.OnResolveOptions{Filter: `^(kv-sync:src/(default|default_overlay|router|router_overlay)\.ts|@kv-sync/worker(/.*)?)$`},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if c.options.Dynamic && args.Path == loaderModule {
				return failed(fmt.Sprintf("%q is for the Worker that loads projects", args.Path),
					"Call env.ASSETS.fetch(request): the loader gives a project its assets."), nil
			}
			if args.Path == readWriteModule && !c.options.Overlay && !c.options.Dynamic {
				return failed(fmt.Sprintf("%q is imported, and the site has no overlay to write to", args.Path),
					"switch it on by a table [overlay] in kv-sync.toml"), nil
			}
			if file, ok := library[args.Path]; ok {
				return api.OnResolveResult{Path: file, Namespace: libraryNamespace}, nil
			}
			return failed(fmt.Sprintf("%q is no part of @kv-sync/worker", args.Path),
				`Import "@kv-sync/worker", "@kv-sync/worker/site", "@kv-sync/worker/read-write", "@kv-sync/worker/manifest" or "@kv-sync/worker/dynamic".`), nil
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
			return failed(fmt.Sprintf("%q is not in this kv-sync", file), "This is a fault of kv-sync: please report it."), nil
		})

	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: libraryNamespace},
		func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			src, err := fs.ReadFile(c.options.Library, args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			contents := string(src)
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderTS}, nil
		})

	b.OnResolve(api.OnResolveOptions{Filter: `^__STATIC_CONTENT_MANIFEST$`},
		func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return failed("__STATIC_CONTENT_MANIFEST belongs to wrangler's Workers Sites, and kv-sync does not make it",
				`Serve the files by an import from "@kv-sync/worker/site" in place of @cloudflare/kv-asset-handler; docs/workers.md shows how.`), nil
		})
}

// nested marks a question that a plugin asks of esbuild itself, so that the
// plugin does not answer it.
type nested struct{}

// separate makes modules of the files that rules match.
func (c *collector) separate(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, ok := args.PluginData.(nested); ok || args.Kind == api.ResolveEntryPoint || args.Namespace == libraryNamespace {
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
			return failed(c.options.unbundled(file, err), fixOf(err)), nil
		}
		m := c.add(path.Base(filepath.ToSlash(file)), contentTypes[r.Type], content)
		return api.OnResolveResult{Path: "./" + m.Name, External: true}, nil
	})
}

// locate finds the file that an import means: as esbuild does, and for a plain
// name that is no package beside the importer, as wrangler does.
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

// unsafeName matches what a module's name had better not hold, for it becomes
// part of a multipart header.
var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// add remembers a module. Its name begins with a hash of the content, so that
// it is the same wherever the project lies.
func (c *collector) add(base, contentType string, content []byte) kvsync.Module {
	h := kvsync.HashOf(append([]byte(contentType+"\x00"), content...)).String()[:16]
	name := unsafeName.ReplaceAllString(base, "_")
	c.mu.Lock()
	defer c.mu.Unlock()
	other, taken := c.modules[name]
	same := taken && other.Type == contentType && string(other.Content) == string(content)
	if !c.options.PreserveFileNames || taken && !same || name == mainModule || name == kvsync.ModuleManifest {
		name = h + "-" + name
	}
	m := kvsync.Module{Name: name, Type: contentType, Content: content}
	c.modules[name] = m
	return m
}
