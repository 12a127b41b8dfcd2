package config

import (
	"fmt"
	"path"
	"path/filepath"
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
	switch {
	case pages && l.files.isDir(filepath.Join(l.root, pagesFunctions)):
		l.refuse(from, "functions has Pages Functions, which a site without a Worker does not run",
			"build them with npx wrangler pages functions build --outdir functions-worker, and "+into+
				asWorker("functions-worker/index.js", s.Directory))
	case has(".assetsignore"): // the file decides whether the code is public
	case has(pagesWorker + "/index.js"):
		l.refuse(from, pagesWorker+" is a Worker of Cloudflare Pages, and the site would be deployed without it",
			into+asWorker(path.Join(s.Directory, pagesWorker, "index.js"), s.Directory)+ignoreWorker(s.Directory))
	case has(pagesWorker):
		l.refuse(from, pagesWorker+" is a Worker of Cloudflare Pages, and the site would be deployed without it",
			into+asWorker(path.Join(s.Directory, pagesWorker), s.Directory)+ignoreWorker(s.Directory))
	}
}

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
