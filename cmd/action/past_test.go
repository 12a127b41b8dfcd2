package main

import (
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// past is a repository with this history:
//
//	one ── two ── revert
//	   └── side
//
// Each commit has a page of its own, except that revert has the page of one. The commit
// "laptop" is a child of "one" and was never pushed.
type past struct {
	*runner
	commits map[string]string
	hub     string // GitHub's API
}

// pages has the content of the page at each commit.
var pages = map[string]string{"one": "page one", "two": "page two", "revert": "page one", "side": "page side",
	"laptop": "page laptop"}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{runner: newRunner(t), commits: map[string]string{}}
	p.depth = 50
	write(t, filepath.Join(p.origin, ".gitignore"), []byte("dist/\n"))
	for _, name := range []string{"one", "two", "revert", "side"} {
		if name == "side" {
			p.git(p.origin, "checkout", "-q", "-b", "side", p.commits["one"])
		}
		page := []byte(pages[name])
		files := map[string][]byte{"step": []byte(name), "public/index.html": page, "apps/a/public/index.html": page,
			"apps/b/public/index.html": []byte("b")}
		if name == "one" {
			// A submodule, which a checkout may leave empty.
			p.git(p.origin, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",pages")
		}
		p.commits[name] = p.pushed(name, files)
	}
	p.hub = p.gitHub()
	return p
}

// pushed commits files. The submodule stays empty.
func (p *past) pushed(message string, files map[string][]byte) string {
	p.t.Helper()
	for name, content := range files {
		write(p.t, filepath.Join(p.origin, name), content)
	}
	give(p.t, p.origin)
	p.git(p.origin, "add", ".gitignore", "step", "public", "apps")
	p.git(p.origin, "commit", "-q", "-m", message)
	return p.git(p.origin, "rev-parse", "HEAD")
}

// gitHub starts a server that answers as GitHub's API does, from the commits of the
// repository. It accepts any name of the repository.
func (p *past) gitHub() string {
	git := func(args ...string) bool {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.SysProcAttr = p.origin, as(p.t, p.origin)
		return cmd.Run() == nil
	}
	has := func(id string) bool { return git("cat-file", "-e", id) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/{owner}/{name}/compare/{range}", func(w http.ResponseWriter, q *http.Request) {
		base, head, _ := strings.Cut(q.PathValue("range"), "...")
		status := "diverged"
		switch {
		case !has(base) || !has(head):
			http.NotFound(w, q)
			return
		case git("merge-base", "--is-ancestor", base, head):
			status = "ahead"
		case git("merge-base", "--is-ancestor", head, base):
			status = "behind"
		}
		_, _ = io.WriteString(w, `{"status":"`+status+`"}`)
	})
	mux.HandleFunc("GET /repos/{owner}/{name}/git/commits/{id}", func(w http.ResponseWriter, q *http.Request) {
		if !has(q.PathValue("id")) {
			http.NotFound(w, q)
		}
	})
	return serve(p.t, mux)
}
