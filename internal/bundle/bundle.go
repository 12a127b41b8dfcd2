// Package bundle turns the source of a Worker into the modules of an upload: one
// JavaScript module with everything that it imports, and the WebAssembly, text and data
// files that it imports.
//
// It runs esbuild in-process. The same input gives the same bytes on every machine and in
// every folder, because a deploy compares the hash of the modules with the live one.
package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/worker"
)

// Bundle bundles a Worker. If the author has to correct something, the error is an *Error
// with all problems. Bundle writes no file.
func Bundle(ctx context.Context, options Options) (*Result, error) {
	o := &project{Options: options}
	if o.Library == nil {
		o.Library = worker.Source
	}
	root, err := resolveFolder(o.Root)
	if err != nil {
		return nil, fmt.Errorf("bundle: find the project %s: %w", o.Root, err)
	}
	o.Root = root
	if o.Boundary == nil {
		if o.Boundary, err = boundary.New(cmp.Or(o.CommitRoot, root)); err != nil {
			return nil, fmt.Errorf("bundle: find the project %s: %w", options.Root, err)
		}
	}
	if o.committed, err = newCommitted(options, root, o.Boundary); err != nil {
		return nil, err
	}
	if err := checkMain(o); err != nil {
		return nil, err
	}
	if file := o.tsconfig(); file != "" {
		o.reportRead(file)
		if err := newSettings(o).checkExtends(file, nil); o.Tsconfig != "" && err != nil {
			return nil, refuse(o.displayMain(), err.Error(), fixOf(err))
		}
	}
	rules, err := effectiveRules(o.Rules)
	if err != nil {
		return nil, err
	}
	var r *Result
	if o.NoBundle && o.Main != "" { // the default Worker is bundled
		r, err = collect(ctx, o, rules)
	} else {
		r, err = build(ctx, o, rules)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case o.Main == "": // the default Worker has no code of the author, so no routing
	case o.Routing != nil && !r.ServesSite:
		if err := r.route(ctx, o); err != nil {
			return nil, err
		}
		r.Routing = manifest.Routing{Worker: o.Routing.Worker, Site: o.Routing.Site}
	default:
		r.Routing.Worker = []string{manifest.EveryRequest}
	}
	return r, r.finish(o)
}

// checkMain makes the path of the main file absolute. It refuses a file that is missing, not
// readable or not JavaScript.
func checkMain(o *project) error {
	if o.Main == "" {
		return nil
	}
	if !filepath.IsAbs(o.Main) {
		o.Main = filepath.Join(o.Root, filepath.FromSlash(o.Main))
	}
	if path.Ext(filepath.ToSlash(o.Main)) == ".py" {
		return refuse(o.displayMain(), "Workers in Python are not supported",
			"write the Worker in JavaScript or TypeScript, or deploy it with wrangler")
	}
	if _, err := o.read(o.Main); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return refuse(o.displayMain(), "the Worker's main file does not exist",
				`correct "main"; if a build creates the file, run the build first: kv-sync runs none`)
		}
		return refuse(o.displayMain(), "the Worker's main file cannot be read: "+reason(err),
			`name a file of the project as "main"`)
	}
	return nil
}

// reportRead calls Options.Read: the bundle depends on a file, or on the files in a folder.
func (p *project) reportRead(path string) {
	if p.Read != nil {
		p.Read(path)
	}
}
