package bundle

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// mainModule is the name of the bundled module. It has no folder, so that
// "./kv-sync-manifest.bin" is the manifest beside it.
const mainModule = "index.js"

// build runs esbuild.
func build(ctx context.Context, o *project, rules []rule) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := newCollector(o, rules)
	entry := o.Main
	switch {
	case entry != "":
	case o.Overlay:
		entry = libraryOverlaid
	default:
		entry = libraryDefault
	}
	options := api.BuildOptions{
		EntryPoints:   []string{entry},
		AbsWorkingDir: o.Root,
		Outfile:       filepath.Join(o.Root, mainModule), // only for messages: esbuild writes no file
		Bundle:        true,
		Metafile:      true,
		Format:        api.FormatESModule,
		Target:        api.ES2024,
		Platform:      api.PlatformNeutral,
		MainFields:    []string{"browser", "module", "main"},
		Conditions:    []string{"workerd", "worker", "browser"},
		Loader:        map[string]api.Loader{".js": api.LoaderJSX, ".mjs": api.LoaderJSX, ".cjs": api.LoaderJSX},
		Charset:       api.CharsetUTF8,
		LogLevel:      api.LogLevelSilent,
		Sourcemap:     sourcemap(o),
		KeepNames:     o.KeepNames,
		Define:        define(o),
		Alias:         o.Alias,
		JSXFactory:    o.JSXFactory,
		JSXFragment:   o.JSXFragment,
		Plugins:       c.plugins(),

		MinifyWhitespace:  o.Minify,
		MinifyIdentifiers: o.Minify,
		MinifySyntax:      o.Minify,
	}
	if o.SourceMap {
		options.SourcesContent = api.SourcesContentExclude
	}
	switch {
	case o.Tsconfig != "":
		options.Tsconfig = o.tsconfig()
	case c.settings.none:
		options.TsconfigRaw = "{}"
	}
	esbuild, cerr := api.Context(options)
	if cerr != nil {
		return nil, &Error{Problems: o.problems(cerr.Errors)}
	}
	defer esbuild.Dispose()
	defer context.AfterFunc(ctx, esbuild.Cancel)()
	out := esbuild.Rebuild()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(out.Errors) > 0 {
		return nil, &Error{Problems: o.problems(out.Errors)}
	}
	return c.result(out)
}

// define returns the replacements. NODE_ENV is always "production", whatever the environment
// contains, so that the output depends only on the input.
func define(o *project) map[string]string {
	d := map[string]string{"process.env.NODE_ENV": `"production"`}
	for k, v := range o.Define {
		d[k] = v
	}
	return d
}

// result converts esbuild's output to modules.
func (c *collector) result(out api.BuildResult) (*Result, error) {
	r := &Result{Main: mainModule, Notices: c.options.problems(out.Warnings)}
	for _, f := range out.OutputFiles {
		name := filepath.Base(f.Path)
		if c.options.SourceMap && name == mapName(mainModule) {
			c.modules[name] = cloud.Module{Name: name, Type: typeSourceMap, Content: f.Contents}
			continue
		}
		if name != mainModule {
			return nil, refuse(c.options.displayMain(),
				fmt.Sprintf("an import produces a separate file, %s, which a Worker cannot load", name),
				`put style sheets into the site; to import one as text, add {"type": "Text", "globs": ["**/*.css"]} to "rules"`)
		}
		r.Modules = append(r.Modules, cloud.Module{Name: mainModule, Type: typeESModule, Content: f.Contents})
	}
	meta, err := readMetafile(out.Metafile)
	if err != nil {
		return nil, err
	}
	if err := c.checkBundle(meta); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, i := range meta.Outputs[mainModule].Imports {
		used[i.Path] = i.External
	}
	r.ServesSite = used[manifestImport]
	// Modules whose import tree shaking removed are not sent. They would slow down every
	// start of the Worker.
	for name, m := range c.modules {
		if used["./"+name] || m.Type == typeSourceMap {
			r.Modules = append(r.Modules, m)
		}
	}
	return r, nil
}
