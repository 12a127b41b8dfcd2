package config

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
)

// Server code of Cloudflare Pages: functions, which wrangler bundles to a Worker, and the Worker of the
// advanced mode, which is a file or a folder of the output.
const (
	pagesFunctions = "functions"
	pagesWorker    = "_worker.js"
)

// checkPages refuses a project of Cloudflare Pages whose server code would not run.
func (l *loader) checkPages() {
	s := l.s
	if s.Code.Main != "" || s.Project != "" || s.Directory == "" {
		return
	}
	from, pages := s.origins["pages"]
	into := "replace this line by "
	if !pages {
		from, into = origin{place: path.Join(s.Directory, pagesWorker)}, "write into "+l.wranglerName()+": "
	}
	abs := l.resolve(s.Directory)
	has := func(name string) bool { return l.files.isFile(filepath.Join(abs, filepath.FromSlash(name))) }
	worker := has(pagesWorker) || has(pagesWorker+"/index.js") // in place of the functions
	switch {
	case !worker && pages && l.files.isDir(filepath.Join(l.root, pagesFunctions)):
		l.refuse(from, functionsDoNotRun, buildFunctions+into+asWorker(builtFunctions, s.Directory))
	case !worker && l.hasPagesFunctions():
		l.functionsWithoutSettings(into)
	case has(".assetsignore"): // the file decides whether the code is public
	case has(pagesWorker + "/index.js"):
		l.refuse(from, pagesWorker+" is a Worker of Cloudflare Pages, and the site would be deployed without it",
			into+asWorker(path.Join(s.Directory, pagesWorker, "index.js"), s.Directory)+ignoreWorker(s.Directory))
	case has(pagesWorker):
		l.refuse(from, pagesWorker+" is a Worker of Cloudflare Pages, and the site would be deployed without it",
			into+asWorker(path.Join(s.Directory, pagesWorker), s.Directory)+ignoreWorker(s.Directory))
	}
}

// functionsWithoutSettings refuses a project whose code alone shows that it has Pages Functions. A
// wrangler file with assets and no Worker is deployed as wrangler does.
func (l *loader) functionsWithoutSettings(into string) {
	from := origin{place: pagesFunctions}
	if l.hasAssets() {
		l.notice(from, functionsDoNotRun, fmt.Sprintf("%swrite main = %q into %s, or remove the folder",
			buildFunctions, builtFunctions, l.wranglerName()))
		return
	}
	l.refuse(from, functionsDoNotRun, buildFunctions+into+asWorker(builtFunctions, l.s.Directory)+
		"; without main in that file, the files are deployed alone")
}

const (
	builtFunctions    = "functions-worker/index.js"
	functionsDoNotRun = "functions has Pages Functions, which a site without a Worker does not run"
	buildFunctions    = "build them with npx wrangler pages functions build --outdir functions-worker, and "
)

// pagesHandler matches an exported handler of a Pages Function. Those of other platforms in a folder
// of the same name have no such export.
var pagesHandler = regexp.MustCompile(`\bexport\s+(async\s+)?(const|let|var|function)\s+onRequest([A-Z][a-z]+)?\b|` +
	`\bexport\s*\{[^}]*\bonRequest([A-Z][a-z]+)?\b`)

// hasPagesFunctions reports whether the project has Pages Functions. Its settings may be in Cloudflare's
// dashboard, so their code is what shows it.
func (l *loader) hasPagesFunctions() bool {
	const mostEntries = 1000
	top, err := l.top()
	if err != nil {
		return false
	}
	entries, found := 0, false
	_ = fs.WalkDir(top, pagesFunctions, func(name string, e fs.DirEntry, err error) error { // errors skip a folder
		switch {
		case err != nil, e.IsDir() && e.Name() == "node_modules":
			return fs.SkipDir
		case e.IsDir() || !codeOfFunction.MatchString(name):
			return nil
		case entries == mostEntries:
			return fs.SkipAll
		}
		entries++
		if found = pagesHandler.Match(l.files.readSmall(l.resolve(name))); found {
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// codeOfFunction matches the files that wrangler takes for Pages Functions.
var codeOfFunction = regexp.MustCompile(`\.(m?js|jsx|tsx?)$`)

// asWorker returns the lines of a wrangler file for a Worker that serves a site with the binding ASSETS.
func asWorker(main, dir string) string {
	return fmt.Sprintf(`main = %q and a table [assets] with directory = %q, binding = "ASSETS" and `+
		"run_worker_first = true", main, dir)
}

// ignoreWorker says how to keep the Worker's code private. The next build deletes .assetsignore in its
// output, so the file has to be written after each build.
func ignoreWorker(dir string) string {
	return fmt.Sprintf("; write the line %s into %s, after each build", pagesWorker, path.Join(dir, ".assetsignore"))
}

// wranglerName returns the name of the project's wrangler file, or of the one to write.
func (l *loader) wranglerName() string {
	if found := l.files.existingFiles(l.root, wranglerFiles); len(found) > 0 {
		return found[0]
	}
	return "wrangler.toml"
}
