package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Compatibility dates that decide about node's modules.
// Source: workers-sdk, packages/workers-utils/src/compatibility-date.ts.
const (
	nodeByDefault  = "2026-08-04" // from this date the flag nodejs_compat is not needed
	nodePlainNames = "2024-09-23" // from this date the names without "node:" exist, too
)

// requireNamespace is the namespace of modules that replace a require of a module of node.
const requireNamespace = "kv-sync-require"

// builtins are node's built-in modules. A name with a slash, such as "fs/promises", belongs to
// the module before the slash.
var builtins = strings.Fields(`_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server
	_stream_duplex _stream_passthrough _stream_readable _stream_transform _stream_wrap _stream_writable
	_tls_common _tls_wrap assert async_hooks buffer child_process cluster console constants crypto dgram
	diagnostics_channel dns domain events fs http http2 https inspector module net os path perf_hooks process
	punycode querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi
	worker_threads zlib`)

// nodeLevel is the part of node that exists at run time.
type nodeLevel int

const (
	nodeNone  nodeLevel = iota
	nodeAsync           // only node:async_hooks
	nodeNamed           // node:*
	nodePlain           // node:* and the plain names
)

// level derives the part of node from the compatibility date and flags, like Cloudflare.
func level(date string, flags []string) nodeLevel {
	has := func(flag string) bool { return slices.Contains(flags, flag) }
	byDefault := date >= nodeByDefault
	switch {
	case has("nodejs_compat_v2"):
		return nodePlain
	case has("nodejs_compat") || byDefault && !has("no_nodejs_compat"):
		if !has("no_nodejs_compat_v2") && date >= nodePlainNames {
			return nodePlain
		}
		return nodeNamed
	case has("nodejs_als"):
		return nodeAsync
	}
	return nodeNone
}

// resolveRuntime is a plugin that keeps imports of the platform's own modules, which exist at
// run time.
func (c *collector) resolveRuntime(b api.PluginBuild) {
	have := level(c.options.CompatibilityDate, c.options.CompatibilityFlags)

	b.OnResolve(api.OnResolveOptions{Filter: `^(cloudflare|workerd):`},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) { return external(args), nil })
	b.OnResolve(api.OnResolveOptions{Filter: `^(node:.*|(` + strings.Join(builtins, "|") + `)(/.*)?)$`},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if _, ok := args.PluginData.(nested); ok || args.Kind == api.ResolveEntryPoint {
				return api.OnResolveResult{}, nil
			}
			plain, named := strings.CutPrefix(args.Path, "node:")
			if !named && have < nodePlain {
				// If the platform does not know the plain name, an installed package such as
				// "buffer" has precedence.
				found := b.Resolve(args.Path, api.ResolveOptions{
					Importer: args.Importer, Namespace: args.Namespace, ResolveDir: args.ResolveDir,
					Kind: args.Kind, With: args.With, PluginData: nested{},
				})
				if len(found.Errors) == 0 {
					return api.OnResolveResult{
						Path: found.Path, Namespace: found.Namespace, External: found.External, Suffix: found.Suffix,
					}, nil
				}
			}
			if have >= nodeNamed || have == nodeAsync && plain == "async_hooks" {
				args.Path = "node:" + plain
				return external(args), nil
			}
			return failed(fmt.Sprintf("%q is a module of node, which this Worker does not have", args.Path),
				nodeFix(c.options)), nil
		})

	// A CommonJS package calls require("fs"). A Worker has no require, so an import of the same
	// module replaces the call.
	b.OnResolve(api.OnResolveOptions{Filter: `^(node|cloudflare|workerd):`, Namespace: requireNamespace},
		func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: args.Path, External: true}, nil
		})
	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: requireNamespace},
		func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			contents := fmt.Sprintf("import builtin from %q;\nmodule.exports = builtin;\n", args.Path)
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
		})
}

// external leaves an import unchanged, and replaces a require by an import.
func external(args api.OnResolveArgs) api.OnResolveResult {
	if args.Kind == api.ResolveJSRequireCall {
		return api.OnResolveResult{Path: args.Path, Namespace: requireNamespace}
	}
	return api.OnResolveResult{Path: args.Path, External: true}
}

func nodeFix(o *project) string {
	if slices.Contains(o.CompatibilityFlags, "no_nodejs_compat") {
		return `Remove "no_nodejs_compat" from compatibility_flags, or remove the import.`
	}
	return `Add "nodejs_compat" to compatibility_flags, or remove the import.`
}
