// Package bundle turns the source of a Worker into the modules that are sent:
// one JavaScript module with everything that it imports, and beside it the
// WebAssembly, text and data files that it names.
//
// It runs esbuild in-process. The same input gives the same bytes on every
// machine and below every path, because a deployment without changes is
// recognised by the hash of its modules.
package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/worker"
)

// mainModule is the name of the bundled module. It has no folder, so that
// "./kv-sync-manifest.bin" means the manifest beside it.
const mainModule = "index.js"

// maxBytes is the most that a Worker may weigh, uncompressed.
// Source: https://developers.cloudflare.com/workers/platform/limits/
const maxBytes = 64 << 20

// Options says what to bundle. The zero value of a field is what wrangler
// does without that setting, except for KeepNames, which wrangler switches on.
type Options struct {
	// Root is the project: messages name files relative to it, and a relative
	// Main and Tsconfig begin there.
	Root string
	// Main is the entry's file name, or "" for the default Worker.
	Main string
	// CompatibilityDate and CompatibilityFlags decide whether node's built-in
	// modules are there at run time.
	CompatibilityDate  string
	CompatibilityFlags []string
	// Rules say which imported files travel as modules of their own, before
	// wrangler's own rules for text, data and WebAssembly.
	Rules []Rule
	// NoBundle sends Main as it is, with the files below BaseDir that Rules match.
	NoBundle bool
	// BaseDir is the folder that module names begin at without bundling;
	// "" is the folder of Main.
	BaseDir string
	// PreserveFileNames keeps the names of text, data and WebAssembly files
	// instead of putting a hash of the content before them.
	PreserveFileNames bool
	Minify, KeepNames bool
	// Define replaces identifiers by JavaScript expressions.
	Define map[string]string
	// Alias replaces the names of imported packages.
	Alias map[string]string
	// JSXFactory and JSXFragment override what tsconfig.json says.
	JSXFactory, JSXFragment string
	// Tsconfig names a tsconfig.json in place of the one beside the code.
	Tsconfig string
	// Dynamic says that the code is a Dynamic Worker's, which gets its assets from
	// the loader and has no manifest beside it.
	Dynamic bool
	// Alone says that no files go with the Worker, which then needs no notice that
	// it serves none.
	Alone bool
	// Routing, if set, has the site answer requests before code that does not serve
	// the site itself.
	Routing *Routing
	// Overlay says that the site has one: the Worker of a site without code, and
	// the site that Routing puts before code, take what is written at run time.
	Overlay bool
	// Library holds the source of @kv-sync/worker: src/index.ts, src/site.ts,
	// src/default.ts and src/router.ts. nil is the source in this binary.
	Library fs.FS
	// Commit, if set, has the project's files in place of the disk, so that code
	// and assets come from the same commit. What it does not have, as
	// node_modules and what a build made, is read from the disk.
	Commit fs.FS
	// CommitRoot is the folder that Commit's names begin at; "" is Root.
	CommitRoot string
	// Read, if set, is told of each file that the bundle is made of, and of each
	// folder whose files are taken as they come, by absolute path: before it is read,
	// so also where it is not there, or the code is refused. It is called from several
	// goroutines, and again for the same file.
	Read func(path string)
	// Boundary is where files may be read from the disk, whatever imports, symlinks
	// and tsconfig.json say; nil is CommitRoot, or Root, and all that is below.
	Boundary *boundary.Boundary
}

// project is what one run works on: the options, made whole, and the commit.
type project struct {
	Options
	committed *committed
}

// Rule says how imported files are sent that one of Globs matches.
type Rule struct {
	// Type is "ESModule", "CommonJS", "Text", "Data" or "CompiledWasm".
	Type string
	// Globs are matched against the import as it is written; "*" and "**" stand
	// for any text, as in wrangler.
	Globs []string
	// Fallthrough lets later rules of the same type apply too.
	Fallthrough bool
}

// Result is a Worker's code, ready to be sent.
type Result struct {
	// Main names the module among Modules whose default export is called.
	Main string
	// Modules is sorted by name, Main first.
	Modules []kvsync.Module
	// ServesSite reports whether the Worker reads the manifest of the site.
	ServesSite bool
	// Routing says which requests the author's code gets before the site does.
	Routing kvsync.Routing
	// Notices are things worth saying that stop nothing.
	Notices []kvsync.Problem
	// Differ names the files, relative to Root, that were taken from the commit
	// and that the disk has otherwise.
	Differ []string
}

// Error lists why a Worker could not be bundled.
type Error struct{ Problems []kvsync.Problem }

// Error lists the problems, a line each.
func (e *Error) Error() string {
	lines := []string{"the Worker's code was not bundled, nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// refuse returns an Error with one problem.
func refuse(file, reason, fix string) error {
	return &Error{Problems: []kvsync.Problem{{Path: file, Reason: reason, Fix: fix}}}
}

// Bundle bundles the Worker that o describes. What its author has to mend comes
// back as one *Error. It writes no file.
func Bundle(ctx context.Context, options Options) (*Result, error) {
	o := &project{Options: options}
	if o.Library == nil {
		o.Library = worker.Source
	}
	root, err := realfolder(o.Root)
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
		o.reads(file)
		if err := newSettings(o).checkExtends(file, nil); o.Tsconfig != "" && err != nil {
			return nil, refuse(o.displayMain(), err.Error(), fixOf(err))
		}
	}
	rules, err := effectiveRules(o.Rules)
	if err != nil {
		return nil, err
	}
	var r *Result
	if o.NoBundle {
		r, err = collect(ctx, o, rules)
	} else {
		r, err = build(ctx, o, rules)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case o.Main == "": // our code serves what there is
	case o.Routing != nil && !r.ServesSite:
		if err := r.route(ctx, o); err != nil {
			return nil, err
		}
		r.Routing = kvsync.Routing{Worker: o.Routing.Worker, Site: o.Routing.Site}
	default:
		r.Routing.Worker = []string{kvsync.EveryRequest}
	}
	return r, r.finish(o)
}

// finish puts the modules in order and holds them to what is true of every Worker.
func (r *Result) finish(o *project) error {
	o.committed.report(r, o.tsconfig())
	sort.Slice(r.Modules, func(i, j int) bool {
		a, b := r.Modules[i].Name, r.Modules[j].Name
		if (a == r.Main) != (b == r.Main) {
			return a == r.Main
		}
		return a < b
	})
	size := 0
	for _, m := range r.Modules {
		size += len(m.Content)
	}
	if size > maxBytes {
		return refuse(o.displayMain(), fmt.Sprintf("the Worker weighs %d MiB with its modules, Cloudflare takes %d", size>>20, maxBytes>>20),
			"move large files into the site or into R2")
	}
	if o.Dynamic && r.ServesSite {
		return refuse(o.displayMain(), "a project's code has no manifest of its own: its loader gives it the project's assets",
			`call env.ASSETS.fetch(request) in place of what "@kv-sync/worker/site" exports`)
	}
	if !o.Dynamic && !o.Alone && !r.ServesSite {
		r.Notices = append(r.Notices, kvsync.Problem{
			Path:   o.displayMain(),
			Reason: "the Worker never reads the site's manifest, so no visitor will see the site's files",
			Fix:    `import the site from "@kv-sync/worker/site" if it is meant to serve them`,
		})
	}
	sort.SliceStable(r.Notices, func(i, j int) bool { return r.Notices[i].String() < r.Notices[j].String() })
	return nil
}

// displayMain is how messages name the entry.
func (o *project) displayMain() string {
	if o.Main == "" {
		return "@kv-sync/worker"
	}
	return o.display(o.Main)
}

// display names a file relative to the project.
func (o *project) display(file string) string { return display(o.Root, file) }

func display(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

func realpath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// realfolder is realpath for a folder that need not be there, as one that the
// commit alone has.
func realfolder(name string) (string, error) {
	real, err := realpath(name)
	if above := filepath.Dir(name); errors.Is(err, fs.ErrNotExist) && above != name {
		real, err = realfolder(above)
		real = filepath.Join(real, filepath.Base(name))
	}
	return real, err
}

// checkMain makes the entry absolute and refuses what cannot be an entry.
func checkMain(o *project) error {
	if o.Main == "" {
		if o.NoBundle {
			return refuse(o.displayMain(), "no_bundle is set, but no Worker is named", `set "main", or take "no_bundle" out`)
		}
		return nil
	}
	if !filepath.IsAbs(o.Main) {
		o.Main = filepath.Join(o.Root, filepath.FromSlash(o.Main))
	}
	if path.Ext(filepath.ToSlash(o.Main)) == ".py" {
		return refuse(o.displayMain(), "Workers in Python are not supported", "write the Worker in JavaScript or TypeScript, or deploy it with wrangler")
	}
	if _, err := o.read(o.Main); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return refuse(o.displayMain(), "the Worker's main file is not there",
				`correct "main"; if a build makes the file, run the build first: kv-sync runs none`)
		}
		return refuse(o.displayMain(), "the Worker's main file cannot be read: "+reason(err), `name a file of the project as "main"`)
	}
	return nil
}

// reads tells whoever wants to know that a file, or what is in a folder, decides what
// the bundle is.
func (o *project) reads(path string) {
	if o.Read != nil {
		o.Read(path)
	}
}

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
		Outfile:       filepath.Join(o.Root, mainModule), // never written; names the output in messages
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
		Sourcemap:     api.SourceMapNone,
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

// define returns the replacements. NODE_ENV is always "production", whatever
// the environment says, so that the output depends on the input alone.
func define(o *project) map[string]string {
	d := map[string]string{"process.env.NODE_ENV": `"production"`}
	for k, v := range o.Define {
		d[k] = v
	}
	return d
}

// metafile is the part of esbuild's report that is read.
type metafile struct {
	Outputs map[string]struct {
		Imports []struct {
			Path     string `json:"path"`
			External bool   `json:"external"`
		} `json:"imports"`
		Exports []string `json:"exports"`
	} `json:"outputs"`
}

// result turns esbuild's output into modules.
func (c *collector) result(out api.BuildResult) (*Result, error) {
	r := &Result{Main: mainModule, Notices: c.options.problems(out.Warnings)}
	for _, f := range out.OutputFiles {
		if name := filepath.Base(f.Path); name != mainModule {
			return nil, refuse(c.options.displayMain(), fmt.Sprintf("an import makes a file of its own, %s, which a Worker cannot load", name),
				`put style sheets into the site; to have one as text, add {"type": "Text", "globs": ["**/*.css"]} to "rules"`)
		}
		r.Modules = append(r.Modules, kvsync.Module{Name: mainModule, Type: typeESModule, Content: f.Contents})
	}
	var meta metafile
	if err := json.Unmarshal([]byte(out.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("bundle: read esbuild's report: %w", err)
	}
	main := meta.Outputs[mainModule]
	if len(main.Exports) == 0 {
		return nil, refuse(c.options.displayMain(), "the Worker exports nothing; Workers that call addEventListener are not supported",
			"export its handlers: export default { fetch(request, env, ctx) { … } }")
	}
	if c.options.Dynamic && !slices.Contains(main.Exports, "default") {
		return nil, refuse(c.options.displayMain(), "a project's code has no default export, so its loader has nothing to call",
			"export its handlers: export default { fetch(request, env, ctx) { … } }")
	}
	used := map[string]bool{}
	for _, i := range main.Imports {
		used[i.Path] = i.External
	}
	r.ServesSite = used[manifestImport]
	// Only what survived tree shaking is sent: a module that no line imports
	// would weigh on every start.
	for name, m := range c.modules {
		if used["./"+name] {
			r.Modules = append(r.Modules, m)
		}
	}
	return r, nil
}
