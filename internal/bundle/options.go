package bundle

import (
	"io/fs"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// Options describes what to bundle. The zero value of a field is wrangler's default, except
// for KeepNames, which wrangler enables.
type Options struct {
	// Root is the project's folder. Main and Tsconfig, and files in messages, are relative
	// to it.
	Root string
	// Main is the Worker's main file; "" is the default Worker.
	Main string
	// CompatibilityDate and CompatibilityFlags decide which built-in modules of node exist
	// at run time.
	CompatibilityDate  string
	CompatibilityFlags []string
	// Rules select imported files that become separate modules. They come before wrangler's
	// default rules for text, data and WebAssembly.
	Rules []Rule
	// NoBundle sends Main unchanged, with the files below BaseDir that Rules match. Without Main it
	// has no effect.
	NoBundle bool
	// BaseDir is the folder to which module names are relative if NoBundle is set; "" is
	// the folder of Main.
	BaseDir string
	// PreserveFileNames keeps the names of text, data and WebAssembly files. By default a
	// hash of the content precedes them.
	PreserveFileNames bool
	Minify, KeepNames bool
	// Define replaces identifiers by JavaScript expressions.
	Define map[string]string
	// Alias replaces the names of imported packages.
	Alias map[string]string
	// JSXFactory and JSXFragment override tsconfig.json.
	JSXFactory, JSXFragment string
	// Tsconfig replaces the tsconfig.json that is found beside the code.
	Tsconfig string
	// SourceMap adds the source map of each module that has one, as a module of the type
	// application/source-map. Maps that the files themselves name are followed.
	SourceMap bool
	// Dynamic reports that this is the code of a Dynamic Worker. It gets its assets from the
	// loader, and has no manifest.
	Dynamic bool
	// Alone reports that the Worker has no site. Then there is no notice that the Worker does
	// not serve one.
	Alone bool
	// Routing, if set, lets the site answer requests before code that does not serve the
	// site itself.
	Routing *Routing
	// Overlay reports that the site has an overlay. The default Worker, and the site that
	// Routing puts before code, then serve what is written at run time.
	Overlay bool
	// Library holds the source of @kv-sync/worker: src/index.ts, src/site.ts,
	// src/default.ts and src/router.ts. nil is the source in this binary.
	Library fs.FS
	// Commit, if set, replaces the files on the disk, so that code and assets come from the
	// same commit. Files that it does not have, such as node_modules and the output of a
	// build, are read from the disk.
	Commit fs.FS
	// CommitRoot is the folder that is the root of Commit; "" is Root.
	CommitRoot string
	// Read, if set, is called before a file is read, and before the files of a folder are
	// listed, with the absolute path. It is also called for a missing file, and if the code is
	// refused. Several goroutines call it, and more than once for the same file.
	Read func(path string)
	// Boundary contains all files that may be read from the disk, whatever imports, symlinks
	// and tsconfig.json name. If it is nil, everything below CommitRoot, or else below Root,
	// may be read.
	Boundary *boundary.Boundary
}

// project is the state of one run: the completed options, and the commit.
type project struct {
	Options
	committed *committed
}

// Rule decides how imported files that match one of Globs are sent.
type Rule struct {
	// Type is "ESModule", "CommonJS", "Text", "Data" or "CompiledWasm".
	Type string
	// Globs are compared with the import as it is written. "*" and "**" match any text, as
	// with wrangler.
	Globs []string
	// Fallthrough allows later rules of the same type to match other imports.
	Fallthrough bool
}
