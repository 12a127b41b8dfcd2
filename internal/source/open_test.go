package source

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// Auto takes the commit exactly when it is what lies on disk, with the git
// command and without.
func TestAuto(t *testing.T) {
	const backdated = "only ours: " + KindFolder
	for _, tt := range []struct {
		name   string
		change func(w *work)
		want   string
	}{
		{"clean", func(*work) {}, KindCommit},
		{"elsewhere", func(w *work) { w.write("README.md", "changed").write("new.txt", "x") }, KindCommit},
		{"changed", func(w *work) { w.write("public/index.html", "changed") }, KindFolder},
		{"changed, same size", func(w *work) { w.write("public/css/a.css", "b{}") }, KindFolder},
		{"removed", func(w *work) { w.remove("public/css/a.css") }, KindFolder},
		{"staged", func(w *work) { w.write("public/index.html", "changed"); w.git("add", "-A") }, KindFolder},
		{"staged removal", func(w *work) { w.git("rm", "-q", "--cached", "public/css/a.css") }, KindFolder},
		{"staged, then undone", func(w *work) {
			w.write("public/x.html", "x")
			w.git("add", "-f", "-A")
			w.remove("public/x.html")
		}, KindFolder},
		{"untracked", func(w *work) { w.write("public/new/x.html", "x") }, KindFolder},
		{"ignored", func(w *work) { w.write("public/x.ignored", "x").write("public/deep/x.ignored", "x") }, KindCommit},
		{"touched", func(w *work) {
			later := w.path("public/index.html")
			info, err := os.Stat(later)
			if err != nil {
				w.Fatal(err)
			}
			if err := os.Chtimes(later, info.ModTime().Add(9e9), info.ModTime().Add(9e9)); err != nil {
				w.Fatal(err)
			}
		}, KindCommit},
		{"changed, its time set back", func(w *work) {
			at := time.Now().Add(-time.Hour)
			set := func() {
				if err := os.Chtimes(w.path("public/css/a.css"), at, at); err != nil {
					w.Fatal(err)
				}
			}
			set()
			w.git("update-index", "--refresh")
			w.write("public/css/a.css", "b{}")
			set()
		}, backdated},
		{"changed, and git is told not to look", func(w *work) {
			w.git("update-index", "--assume-unchanged", "public/css/a.css")
			w.write("public/css/a.css", "b{}")
		}, KindCommit},
		{"changed, and git is told to leave it out", func(w *work) {
			w.git("update-index", "--skip-worktree", "public/css/a.css")
			w.write("public/css/a.css", "b{}")
		}, KindCommit},
		{"changed in a sparse checkout that leaves it out", func(w *work) {
			w.git("sparse-checkout", "set", "--no-cone", "/*", "!/public/css/")
			for name, text := range map[string]string{"a.css": "b{}", "deep/b.css": "b{}"} {
				w.write("public/css/"+name, text)
			}
		}, KindFolder},
		{"symlink in place of a file", func(w *work) {
			w.remove("public/css/a.css")
			w.symlink("deep/b.css", "public/css/a.css")
		}, KindFolder},
		{"submodule", func(w *work) {
			w.git("init", "-q", "-b", "main", "public/module")
			(&work{w.TB, w.path("public/module")}).write("x.txt", "x").commit("in it")
			w.git("add", "public/module")
			w.git("commit", "-q", "-m", "with a submodule")
			w.write("public/module/x.txt", "changed")
		}, KindCommit},
		{"not in git", func(w *work) {
			w.git("rm", "-q", "-r", "--cached", "public")
			w.git("commit", "-q", "-m", "untrack")
			w.write(".gitignore", "public/\n")
		}, KindFolder},
	} {
		for _, command := range []string{"git", "no git"} {
			t.Run(tt.name+", "+command, func(t *testing.T) {
				w := site(t)
				w.write(".gitignore", "*.ignored\n")
				w.commit("First")
				tt.change(w)
				if command == "no git" {
					t.Setenv("PATH", t.TempDir())
				}
				log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
				s, err := Open(t.Context(), w.options(Options{Dir: "public", Log: log}))
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == backdated && command == "git" {
					return // git compares the second in which the file changed, and that is the same
				}
				if o, err := s.Origin(t.Context()); err != nil || o.Kind != strings.TrimPrefix(tt.want, "only ours: ") {
					t.Errorf("%s (%v), want %s", o.Kind, err, tt.want)
				}
			})
		}
	}
}

func TestOpenKinds(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.commit("First")
	w.write("public/index.html", "changed")
	for want, o := range map[string]Options{
		KindCommit: {Revision: "HEAD"},
		KindFolder: {Kind: KindFolder, Revision: "HEAD"},
	} {
		o.Dir = "public"
		s, err := Open(t.Context(), w.options(o))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Origin(t.Context()); got.Kind != want {
			t.Errorf("%s, want %s", got.Kind, want)
		}
	}
	if s, err := Open(t.Context(), plainWork(t).options(Options{})); err != nil {
		t.Error("a folder outside of git:", err)
	} else if got, _ := s.Origin(t.Context()); got.Kind != KindFolder {
		t.Error(got.Kind)
	}
	for _, o := range []Options{{Kind: "zip"}, {Kind: KindFolder, Dir: "nope"}, {Dir: "nope"}, {Kind: KindFolder, Dir: "README.md"}} {
		if _, err := Open(t.Context(), w.options(o)); err == nil {
			t.Errorf("%+v was opened", o)
		}
	}
}
