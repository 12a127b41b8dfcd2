package bundle

import (
	"context"
	"io/fs"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/worker"
)

// companionMain is the name of a companion's only module.
const companionMain = "overlay.js"

// Companion bundles the script with the Durable Object of overlays. It contains no code of the
// project. library is the same as Library in [Options].
func Companion(ctx context.Context, root string, library fs.FS) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if library == nil {
		library = worker.Source
	}
	root, err := resolveFolder(root)
	if err != nil {
		return nil, err
	}
	inside, err := boundary.New(root)
	if err != nil {
		return nil, err
	}
	o := &project{Options: Options{Root: root, Library: library, Boundary: inside}}
	module, err := o.buildLibrary(companionMain, api.BuildOptions{
		EntryPoints: []string{companionModule}, Outfile: companionMain,
	})
	if err != nil {
		return nil, err
	}
	return &Result{Main: companionMain, Modules: []cloud.Module{module}}, nil
}

// buildLibrary builds a module of the library's code. The author's settings do not affect it.
// The caller sets the entry point in options, and may add plugins, which esbuild calls first.
func (p *project) buildLibrary(name string, options api.BuildOptions) (cloud.Module, error) {
	options.AbsWorkingDir, options.Bundle = p.Root, true
	options.Format, options.Target, options.Platform = api.FormatESModule, api.ES2024, api.PlatformNeutral
	options.Charset, options.LogLevel = api.CharsetUTF8, api.LogLevelSilent
	options.TsconfigRaw = "{}" // the author's tsconfig.json does not apply
	options.Plugins = append(options.Plugins, newCollector(p, nil).plugins()...)
	options.MinifyWhitespace, options.MinifyIdentifiers, options.MinifySyntax = p.Minify, p.Minify, p.Minify
	out := api.Build(options)
	if len(out.Errors) > 0 {
		return cloud.Module{}, &Error{Problems: problems(out.Errors)}
	}
	return cloud.Module{Name: name, Type: typeESModule, Content: out.OutputFiles[0].Contents}, nil
}
