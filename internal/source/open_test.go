package source

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// Auto selects the commit if and only if the work tree has the same files, with and without the
// git command.
func TestAuto(t *testing.T) {
	// The git command does not detect this change, because its index has the time in seconds.
	const backdated = "without git: " + KindFolder
	for _, tt := range []struct {
		name   string
		change func(w *gittest.Work)
		want   string
	}{
		{"clean", func(*gittest.Work) {}, KindCommit},
		{"changed outside of the folder", func(w *gittest.Work) {
			w.Write("README.md", "changed").Write("new.txt", "x")
		}, KindCommit},
		{"changed", func(w *gittest.Work) { w.Write("public/index.html", "changed") }, KindFolder},
		{"changed, same size", func(w *gittest.Work) { w.Write("public/css/a.css", "b{}") }, KindFolder},
		{"removed", func(w *gittest.Work) { w.Remove("public/css/a.css") }, KindFolder},
		{"staged", func(w *gittest.Work) { w.Write("public/index.html", "changed"); w.Git("add", "-A") }, KindFolder},
		{"staged removal", func(w *gittest.Work) { w.Git("rm", "-q", "--cached", "public/css/a.css") }, KindFolder},
		{"staged, then undone", func(w *gittest.Work) {
			w.Write("public/x.html", "x")
			w.Git("add", "-f", "-A")
			w.Remove("public/x.html")
		}, KindFolder},
		{"untracked", func(w *gittest.Work) { w.Write("public/new/x.html", "x") }, KindFolder},
		{"ignored", func(w *gittest.Work) { w.Write("public/x.ignored", "x").Write("public/deep/x.ignored", "x") },
			KindFolder},
		{"ignored, and a pattern names it", func(w *gittest.Work) {
			w.Write("public/x.ignored", "x").Write("public/.assetsignore", "*.ignored\n").Commit("leave out")
		}, KindCommit},
		{"an untracked rule file", func(w *gittest.Work) { w.Write("public/_redirects", "/a /b\n") }, KindFolder},
		{"an untracked list of pulled edits", func(w *gittest.Work) { w.Write("public/.kv-sync-pulled", "") }, KindFolder},
		{"an untracked ignore file", func(w *gittest.Work) { w.Write("public/css/.assetsignore", "x\n") }, KindFolder},
		{"untracked, and never published", func(w *gittest.Work) {
			w.Write("public/.DS_Store", "x").Write("public/node_modules/a/x.js", "x").Write("public/wrangler.toml", "x").
				Write("public/.cache/x", "x")
		}, KindCommit},
		{"touched", func(w *gittest.Work) {
			later := w.Path("public/index.html")
			info, err := os.Stat(later)
			if err != nil {
				w.Fatal(err)
			}
			if err := os.Chtimes(later, info.ModTime().Add(9e9), info.ModTime().Add(9e9)); err != nil {
				w.Fatal(err)
			}
		}, KindCommit},
		{"changed, its time set back", func(w *gittest.Work) {
			at := time.Now().Add(-time.Hour)
			set := func() {
				if err := os.Chtimes(w.Path("public/css/a.css"), at, at); err != nil {
					w.Fatal(err)
				}
			}
			set()
			w.Git("update-index", "--refresh")
			w.Write("public/css/a.css", "b{}")
			set()
		}, backdated},
		{"changed, with assume-unchanged", func(w *gittest.Work) {
			w.Git("update-index", "--assume-unchanged", "public/css/a.css")
			w.Write("public/css/a.css", "b{}")
		}, KindFolder},
		{"as committed, with assume-unchanged", func(w *gittest.Work) {
			w.Git("update-index", "--assume-unchanged", "public/css/a.css", "public/index.html")
		}, KindCommit},
		{"removed, with assume-unchanged", func(w *gittest.Work) {
			w.Git("update-index", "--assume-unchanged", "public/css/a.css")
			w.Remove("public/css/a.css")
		}, KindFolder},
		{"a symlink in place of a file, with assume-unchanged", func(w *gittest.Work) {
			w.Git("update-index", "--assume-unchanged", "public/css/a.css")
			w.Remove("public/css/a.css")
			w.Symlink("deep/b.css", "public/css/a.css")
		}, KindFolder},
		{"another target of a symlink, with assume-unchanged", func(w *gittest.Work) {
			w.Symlink("a.css", "public/css/link.css")
			w.Commit("with a symlink")
			w.Git("update-index", "--assume-unchanged", "public/css/link.css")
			w.Remove("public/css/link.css")
			w.Symlink("deep/b.css", "public/css/link.css")
		}, KindFolder},
		{"a symlink as committed, with assume-unchanged", func(w *gittest.Work) {
			w.Symlink("a.css", "public/css/link.css")
			w.Commit("with a symlink")
			w.Git("update-index", "--assume-unchanged", "public/css/link.css")
		}, KindCommit},
		{"changed and not published, with assume-unchanged", func(w *gittest.Work) {
			w.Write("public/wrangler.toml", "x").Write("public/css/.note", "x").Git("add", "-A", "-f")
			w.Git("commit", "-q", "-m", "with a configuration")
			w.Git("update-index", "--assume-unchanged", "public/wrangler.toml", "public/css/.note")
			w.Write("public/wrangler.toml", "y").Write("public/css/.note", "y")
		}, KindCommit},
		{"changed, with skip-worktree", func(w *gittest.Work) {
			w.Git("update-index", "--skip-worktree", "public/css/a.css")
			w.Write("public/css/a.css", "b{}")
		}, KindFolder},
		{"as committed, with skip-worktree", func(w *gittest.Work) {
			w.Git("update-index", "--skip-worktree", "public/css/a.css")
		}, KindCommit},
		{"removed, with skip-worktree", func(w *gittest.Work) {
			w.Git("update-index", "--skip-worktree", "public/css/a.css")
			w.Remove("public/css/a.css")
		}, KindCommit},
		{"changed in a sparse checkout that leaves it out", func(w *gittest.Work) {
			w.Git("sparse-checkout", "set", "--no-cone", "/*", "!/public/css/")
			for name, text := range map[string]string{"a.css": "b{}", "deep/b.css": "b{}"} {
				w.Write("public/css/"+name, text)
			}
		}, KindFolder},
		{"symlink in place of a file", func(w *gittest.Work) {
			w.Remove("public/css/a.css")
			w.Symlink("deep/b.css", "public/css/a.css")
		}, KindFolder},
		{"submodule", func(w *gittest.Work) {
			w.Git("init", "-q", "-b", "main", "public/module")
			(&gittest.Work{TB: w.TB, Dir: w.Path("public/module")}).Write("x.txt", "x").Commit("in it")
			w.Git("add", "public/module")
			w.Git("commit", "-q", "-m", "with a submodule")
			w.Write("public/module/x.txt", "changed")
		}, KindFolder},
		{"submodule that is not checked out", func(w *gittest.Work) {
			w.Git("init", "-q", "-b", "main", "public/module")
			(&gittest.Work{TB: w.TB, Dir: w.Path("public/module")}).Write("x.txt", "x").Commit("in it")
			w.Write(".gitmodules", "[submodule \"public/module\"]\n\tpath = public/module\n\turl = ../module\n")
			w.Git("add", "public/module", ".gitmodules")
			w.Git("commit", "-q", "-m", "with a submodule")
			w.Remove("public/module/x.txt")
			w.Remove("public/module/.git")
		}, KindCommit},
		{"not in git", func(w *gittest.Work) {
			w.Git("rm", "-q", "-r", "--cached", "public")
			w.Git("commit", "-q", "-m", "untrack")
			w.Write(".gitignore", "public/\n")
		}, KindFolder},
	} {
		for _, command := range []string{"git", "no git"} {
			t.Run(tt.name+", "+command, func(t *testing.T) {
				w := gittest.Site(t)
				w.Write(".gitignore", "*.ignored\n")
				w.Commit("First")
				tt.change(w)
				if command == "no git" {
					t.Setenv("PATH", t.TempDir())
				}
				log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
				s, err := Open(t.Context(), options(w, Options{Dir: "public", Log: log}))
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == backdated && command == "git" {
					return
				}
				if o, err := s.Origin(t.Context()); err != nil || o.Kind != strings.TrimPrefix(tt.want, "without git: ") {
					t.Errorf("%s (%v), want %s", o.Kind, err, tt.want)
				}
			})
		}
	}
}

func TestOpenKinds(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	w.Write("public/index.html", "changed")
	for want, o := range map[string]Options{
		KindCommit: {Revision: "HEAD"},
		KindFolder: {Kind: KindFolder, Revision: "HEAD"},
	} {
		o.Dir = "public"
		s, err := Open(t.Context(), options(w, o))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Origin(t.Context()); got.Kind != want {
			t.Errorf("%s, want %s", got.Kind, want)
		}
	}
	if s, err := Open(t.Context(), options(gittest.Plain(t), Options{})); err != nil {
		t.Error("a folder outside of git:", err)
	} else if got, _ := s.Origin(t.Context()); got.Kind != KindFolder {
		t.Error(got.Kind)
	}
	for _, o := range []Options{{Kind: "zip"}, {Kind: KindFolder, Dir: "nope"}, {Dir: "nope"},
		{Kind: KindFolder, Dir: "README.md"}} {
		if _, err := Open(t.Context(), options(w, o)); err == nil {
			t.Errorf("%+v was opened", o)
		}
	}
}
