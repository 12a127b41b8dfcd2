package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Every form of clone gives the same listing.
func TestCommitForms(t *testing.T) {
	t.Parallel()
	forms := map[string]func(w *gittest.Work) Options{
		"loose":     func(*gittest.Work) Options { return Options{Dir: "public"} },
		"subfolder": func(w *gittest.Work) Options { return Options{WorkDir: w.Path("public")} },
		"packed": func(w *gittest.Work) Options {
			w.Git("gc", "-q")
			w.Git("pack-refs", "--all")
			return Options{Dir: "public"}
		},
		"bare": func(w *gittest.Work) Options {
			w.Git("clone", "-q", "--bare", ".", "../bare.git")
			return Options{WorkDir: w.Path("../bare.git"), Dir: "public"}
		},
		"depth 1": func(w *gittest.Work) Options {
			w.Git("clone", "-q", "--depth=1", "file://"+w.Dir, "../shallow")
			return Options{WorkDir: w.Path("../shallow"), Dir: "public"}
		},
		"shared": func(w *gittest.Work) Options {
			w.Git("clone", "-q", "--shared", ".", "../shared")
			return Options{WorkDir: w.Path("../shared"), Dir: "public"}
		},
		"relative alternates": func(w *gittest.Work) Options {
			w.Git("clone", "-q", "--shared", ".", "../relative")
			name := w.Path("../relative/.git/objects/info/alternates")
			rel, err := filepath.Rel(w.Path("../relative/.git/objects"), w.Path(".git/objects"))
			if err != nil {
				w.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(rel+"\n"), 0o600); err != nil {
				w.Fatal(err)
			}
			return Options{WorkDir: w.Path("../relative"), Dir: "public"}
		},
		"worktree": func(w *gittest.Work) Options {
			w.Git("worktree", "add", "-q", "../linked", "-b", "side")
			return Options{WorkDir: w.Path("../linked"), Dir: "public"}
		},
		"sparse": func(w *gittest.Work) Options {
			w.Git("sparse-checkout", "set", "--no-cone", "README.md")
			return Options{Dir: "public"}
		},
		"sha256": func(w *gittest.Work) Options {
			w.Git("clone", "-q", ".", "../copy") // for the files, which are committed again
			if err := os.RemoveAll(w.Path("../copy/.git")); err != nil {
				w.Fatal(err)
			}
			other := &gittest.Work{TB: w.TB, Dir: w.Path("../copy")}
			other.Git("init", "-q", "-b", "main", "--object-format=sha256")
			other.Commit("again")
			return Options{WorkDir: other.Dir, Dir: "public"}
		},
		"blobless": func(w *gittest.Work) Options {
			w.Git("config", "uploadpack.allowFilter", "true")
			w.Git("config", "uploadpack.allowAnySHA1InWant", "true")
			w.Git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+w.Dir, "../blobless")
			return Options{WorkDir: w.Path("../blobless"), Dir: "public"}
		},
		"GIT_DIR": func(w *gittest.Work) Options {
			if err := os.Rename(w.Path(".git"), w.Path("elsewhere.git")); err != nil {
				w.Fatal(err)
			}
			return Options{Dir: "public", Getenv: func(name string) string {
				return map[string]string{"GIT_DIR": w.Path("elsewhere.git")}[name]
			}}
		},
	}
	reference := gittest.Site(t)
	reference.Commit("First")
	want := sourcetest.List(t, openCommit(reference, Options{Dir: "public"}), nil)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := gittest.Plain(t)
			w := &gittest.Work{TB: t, Dir: filepath.Join(root.Dir, "w")}
			root.Git("clone", "-q", reference.Dir, "w")
			options := form(w)
			options.Kind = KindCommit
			c := openCommit(w, options)
			got := sourcetest.List(t, c, nil)
			ignore := cmp.Options{ignoreOpen, cmpopts.EquateEmpty()}
			if name == "sha256" {
				ignore = append(ignore, cmpopts.IgnoreFields(manifest.Asset{}, "OID"))
			}
			if d := cmp.Diff(want.Files, got.Files, ignore); d != "" {
				t.Error(d)
			}
			for i, f := range got.Files {
				if sourcetest.Read(t, f) != sourcetest.Read(t, want.Files[i]) {
					t.Errorf("%s differs", f.Path)
				}
			}
			if shallow := name == "depth 1"; c.Shallow() != shallow {
				t.Errorf("shallow is %v", c.Shallow())
			}
		})
	}
}

func TestNoGitCommand(t *testing.T) {
	w := gittest.Site(t)
	w.Commit("First")
	other := gittest.Plain(t)
	other.Git("init", "-q", "--object-format=sha256")
	other.Write("a.html", "a").Commit("a")
	t.Setenv("PATH", t.TempDir())
	c := openCommit(w, Options{Dir: "public"})
	if got := len(sourcetest.List(t, c, nil).Files); got != 5 {
		t.Errorf("%d files", got)
	}
	_, err := OpenCommit(t.Context(), options(other, Options{}))
	if err == nil ||
		!strings.Contains(err.Error(), "extensions.objectformat") &&
			!strings.Contains(err.Error(), "extensions.objectFormat") ||
		!strings.Contains(err.Error(), "install git") {
		t.Errorf("%v; want the name of the extension and a fix", err)
	}
	if _, err := OpenCommit(t.Context(), options(w, Options{Dir: "public", Revision: "HEAD@{1}"})); err == nil {
		t.Error("without git, a form of revision was resolved that only git knows")
	}
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	first := w.Write("a.html", "1").Commit("one")
	w.Git("tag", "light")
	w.Git("tag", "-a", "heavy", "-m", "x")
	second := w.Write("a.html", "2").Commit("two")
	w.Git("branch", "topic/x")
	third := w.Write("a.html", "3").Commit("three")
	w.Git("update-ref", "refs/remotes/origin/main", second)
	w.Git("checkout", "-q", "-b", "other", first)
	w.Write("b.html", "b").Commit("side")
	w.Git("checkout", "-q", "main")
	w.Git("merge", "-q", "--no-ff", "-m", "merge", "other")
	merge := w.Git("rev-parse", "HEAD")
	for _, packed := range []bool{false, true} {
		if packed {
			w.Git("gc", "-q")
		}
		for revision, want := range map[string]string{
			"": merge, "HEAD": merge, "@": merge, "main": merge, "refs/heads/main": merge, "heads/main": merge,
			"HEAD~1": third, "HEAD^": third, "HEAD~": third, "HEAD^^": second, "main~2": second, "HEAD^1~2": first,
			"HEAD^2": w.Git("rev-parse", "other"), "HEAD^0": merge, "HEAD^{commit}": merge,
			"light": first, "heavy": first, "heavy^{}": first, "heavy^{commit}": first, "topic/x": second,
			"origin/main": second,
			first:         first, second[:7]: second, third[:10]: third, third[:9]: third,
			"HEAD@{0}": merge, ":/two": second, // only git knows these
			"heavy-1-g" + second[:7]: second,
		} {
			c, err := OpenCommit(t.Context(), options(w, Options{Revision: revision}))
			if err != nil {
				t.Errorf("%q: %v", revision, err)
				continue
			}
			if c.ID() != want {
				t.Errorf("%q is %s, want %s", revision, c.ID(), want)
			}
			_ = c.Close()
		}
		for _, revision := range []string{"nope", "HEAD~9", "HEAD^3", "deadbeef", "--all", "-h",
			strings.Repeat("0", 40), "HEAD:a.html", "config", "../x", "HEAD^{tree}"} {
			if c, err := OpenCommit(t.Context(), options(w, Options{Revision: revision})); err == nil {
				t.Errorf("%q is %s, want an error", revision, c.ID())
				_ = c.Close()
			}
		}
	}
}
