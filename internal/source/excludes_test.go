package source

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
)

// ignoredByGit returns which of the files git ignores.
func ignoredByGit(t *testing.T, dir string, files []string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "check-ignore", "--no-index", "-z", "--stdin")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.Join(files, "\x00"))
	out, _ := cmd.Output() // 1: git ignores none
	ignored := map[string]bool{}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		ignored[name] = true
	}
	return ignored
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The user's own ignore file and info/exclude count as git counts them, together with
// .gitignore files, in a folder at the root of the work tree and in one below it.
func TestExcludesAsGit(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	names := []string{"a", "b", "ab", "a.b", "c"}
	patterns := []string{"a", "/b", "*.b", "a/", "!a", "!*.b", "a/b", "**/c", "/site/a", "site/*/b", "!/site/a", "a*",
		"[bc]",
		"c/*"}
	text := func() string {
		var lines strings.Builder
		for range random.IntN(4) {
			lines.WriteString(patterns[random.IntN(len(patterns))] + "\n")
		}
		return lines.String()
	}
	for i := range 60 {
		w, home := gittest.New(t), t.TempDir()
		t.Setenv("HOME", home)
		t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
		if i%2 == 0 {
			writeFile(t, filepath.Join(home, "config", "git", "ignore"), text())
		} else {
			writeFile(t, filepath.Join(home, "mine"), text())
			writeFile(t, filepath.Join(home, ".gitconfig"), "[core]\n\texcludesFile = ~/mine\n")
		}
		writeFile(t, filepath.Join(w.Dir, ".git", "info", "exclude"), text())
		w.Write(".gitignore", text()).Write("site/.gitignore", text())
		var files []string
		for range 40 {
			file := "site"
			for range 1 + random.IntN(3) {
				file = path.Join(file, names[random.IntN(len(names))])
			}
			full := filepath.Join(w.Dir, filepath.FromSlash(file))
			if os.MkdirAll(filepath.Dir(full), 0o755) == nil && os.WriteFile(full, []byte("x"), 0o600) == nil {
				files = append(files, file)
			}
		}
		git := ignoredByGit(t, w.Dir, files)
		for _, dir := range []string{".", "site"} {
			src, err := OpenFolder(t.Context(), options(w, Options{Dir: dir, GitIgnore: true}))
			if err != nil {
				t.Fatal(err)
			}
			list, err := src.Files(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, f := range list.Files {
				got[path.Join(dir, f.Path[1:])] = true
			}
			_ = src.Close()
			for _, f := range files {
				if got[f] == git[f] {
					t.Errorf("%d: of %s, %s is published: %v; git ignores it: %v\n%s",
						i, dir, f, got[f], git[f], ignoreFiles(w.Dir, home))
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

func ignoreFiles(dir, home string) string {
	var out strings.Builder
	for _, name := range []string{home + "/mine", home + "/config/git/ignore", dir + "/.git/info/exclude",
		dir + "/.gitignore", dir + "/site/.gitignore"} {
		b, _ := os.ReadFile(name)
		fmt.Fprintf(&out, "%s: %q\n", name, b)
	}
	return out.String()
}

// The patterns of git's ignore files above the folder count, but for those that name the published
// folder itself: git usually ignores it.
func TestExcludesAboveTheFolder(t *testing.T) {
	for _, file := range []string{".git/info/exclude", ".gitignore"} {
		w := gittest.New(t)
		w.Write("app/dist/a.js", "x").Write("app/dist/a.map", "x").Write("app/dist/sub/b.js", "x")
		for text, want := range map[string]string{
			"dist/\n*.map\n": "/a.js /sub/b.js", "app\n": "/a.js /a.map /sub/b.js", "/app/dist/*\n": "/a.js /a.map /sub/b.js",
			"/app/**\n":       "/a.js /a.map /sub/b.js",
			"/app/dist/sub\n": "/a.js /a.map", "/dist/sub\n": "/a.js /a.map /sub/b.js",
		} {
			writeFile(t, filepath.Join(w.Dir, file), text)
			if got := published(t, w); got != want {
				t.Errorf("%s: %q: %v, want %s", file, text, got, want)
			}
		}
	}
	// A file nearer to the folder has precedence.
	w := gittest.New(t).Write(".gitignore", "*.map\n").Write("app/.gitignore", "!a.map\n")
	w.Write("app/dist/a.map", "x").Write("app/dist/b.map", "x")
	if got := published(t, w); got != "/a.map" {
		t.Errorf("with two files: %s", got)
	}
	want := []string{w.Path("app/.gitignore"), w.Path(".gitignore")}
	if got := IgnoreFilesAbove(options(w, Options{Dir: "app/dist"})); !slices.Equal(got, want) {
		t.Errorf("a watch would look at %v, want %v", got, want)
	}
	// As with wrangler, an .assetsignore counts only in the folder and below it.
	w = gittest.New(t).Write("app/.assetsignore", "a.js\n").Write("app/dist/a.js", "x")
	if got := published(t, w); got != "/a.js" {
		t.Errorf("with .assetsignore above the folder: %q", got)
	}
}

// published lists the files of app/dist that git does not ignore.
func published(t *testing.T, w *gittest.Work) string {
	t.Helper()
	src, err := OpenFolder(t.Context(), options(w, Options{Dir: "app/dist", GitIgnore: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	return sourcetest.Paths(sourcetest.List(t, src, nil))
}
