package source

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

var ignoreOpen = cmpopts.IgnoreFields(kvsync.File{}, "Open")

func site(t testing.TB) *work {
	w := newWork(t)
	w.write("README.md", "not published").
		write("public/index.html", "<h1>hello</h1>").
		write("public/css/a.css", "a{}").
		write("public/css/deep/b.css", "b{}").
		write("public/img/logo.svg", "<svg/>").
		write("public/_redirects", "/old /new 301\n").
		write("public/_headers", "/*\n  X-Frame-Options: DENY\n").
		write("public/.assetsignore", "*.map\n").
		write("public/app.js.map", "{}").
		write("public/.hidden", "x").
		write("public/.well-known/security.txt", "Contact: x")
	return w
}

func TestCommit(t *testing.T) {
	t.Parallel()
	w := site(t)
	id := w.commit("First\n\nand more")
	w.write("public/index.html", "changed in the work tree")
	c := w.openCommit(Options{Dir: "public"})
	l := list(t, c, nil)
	if got, want := paths(l), "/.well-known/security.txt /css/a.css /css/deep/b.css /img/logo.svg /index.html"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	tree := w.git("rev-parse", "HEAD:public")
	o := l.Origin
	if o.Kind != "commit" || o.ID != "commit:"+tree+":"+o.Rules || o.Dir != "public" || o.Commit != id ||
		o.Branch != "main" || o.Subject != "First" || o.Author != "Ada" || o.Time.Unix() != 1714979289 {
		t.Errorf("%+v", o)
	}
	if again, err := c.Origin(t.Context()); err != nil || !reflect.DeepEqual(again, o) {
		t.Errorf("%+v, %v", again, err)
	}
	index := l.Files[4]
	if index.Size != 14 || index.ContentType != "text/html; charset=utf-8" || index.Modified != 1714979289 ||
		index.OID != w.git("rev-parse", "HEAD:public/index.html") || read(t, index) != "<h1>hello</h1>" {
		t.Errorf("%+v", index)
	}
	if d := cmp.Diff([]kvsync.Redirect{{From: "/old", To: "/new", Status: 301}}, l.Redirects); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]kvsync.HeaderRule{{Path: "/*", Set: [][2]string{{"x-frame-options", "DENY"}}}}, l.Headers); d != "" {
		t.Error(d)
	}
	var dirs []string
	for _, d := range l.Dirs {
		dirs = append(dirs, d.Path)
	}
	if d := cmp.Diff([]string{"/", "/.well-known", "/css", "/css/deep", "/img"}, dirs); d != "" {
		t.Error(d)
	}
}

// Every form of clone that git can read is read.
func TestCommitForms(t *testing.T) {
	t.Parallel()
	forms := map[string]func(w *work) Options{
		"loose":     func(*work) Options { return Options{Dir: "public"} },
		"subfolder": func(w *work) Options { return Options{WorkDir: w.path("public")} },
		"packed": func(w *work) Options {
			w.git("gc", "-q")
			w.git("pack-refs", "--all")
			return Options{Dir: "public"}
		},
		"bare": func(w *work) Options {
			w.git("clone", "-q", "--bare", ".", "../bare.git")
			return Options{WorkDir: w.path("../bare.git"), Dir: "public"}
		},
		"depth 1": func(w *work) Options {
			w.git("clone", "-q", "--depth=1", "file://"+w.dir, "../shallow")
			return Options{WorkDir: w.path("../shallow"), Dir: "public"}
		},
		"shared": func(w *work) Options {
			w.git("clone", "-q", "--shared", ".", "../shared")
			return Options{WorkDir: w.path("../shared"), Dir: "public"}
		},
		"relative alternates": func(w *work) Options {
			w.git("clone", "-q", "--shared", ".", "../relative")
			name := w.path("../relative/.git/objects/info/alternates")
			rel, err := filepath.Rel(w.path("../relative/.git/objects"), w.path(".git/objects"))
			if err != nil {
				w.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(rel+"\n"), 0o600); err != nil {
				w.Fatal(err)
			}
			return Options{WorkDir: w.path("../relative"), Dir: "public"}
		},
		"worktree": func(w *work) Options {
			w.git("worktree", "add", "-q", "../linked", "-b", "side")
			return Options{WorkDir: w.path("../linked"), Dir: "public"}
		},
		"sparse": func(w *work) Options {
			w.git("sparse-checkout", "set", "--no-cone", "README.md")
			return Options{Dir: "public"}
		},
		"sha256": func(w *work) Options {
			w.git("clone", "-q", ".", "../copy") // the files, to commit them anew
			if err := os.RemoveAll(w.path("../copy/.git")); err != nil {
				w.Fatal(err)
			}
			other := &work{w.TB, w.path("../copy")}
			other.git("init", "-q", "-b", "main", "--object-format=sha256")
			other.commit("again")
			return Options{WorkDir: other.dir, Dir: "public"}
		},
		"blobless": func(w *work) Options {
			w.git("config", "uploadpack.allowFilter", "true")
			w.git("config", "uploadpack.allowAnySHA1InWant", "true")
			w.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+w.dir, "../blobless")
			return Options{WorkDir: w.path("../blobless"), Dir: "public"}
		},
		"GIT_DIR": func(w *work) Options {
			if err := os.Rename(w.path(".git"), w.path("elsewhere.git")); err != nil {
				w.Fatal(err)
			}
			return Options{Dir: "public", Getenv: func(name string) string {
				return map[string]string{"GIT_DIR": w.path("elsewhere.git")}[name]
			}}
		},
	}
	reference := site(t)
	reference.commit("First")
	want := list(t, reference.openCommit(Options{Dir: "public"}), nil)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := plainWork(t)
			w := &work{t, filepath.Join(root.dir, "w")}
			root.git("clone", "-q", reference.dir, "w")
			options := form(w)
			options.Kind = KindCommit
			c := w.openCommit(options)
			got := list(t, c, nil)
			ignore := cmp.Options{ignoreOpen, cmpopts.EquateEmpty()}
			if name == "sha256" {
				ignore = append(ignore, cmpopts.IgnoreFields(kvsync.Asset{}, "OID"))
			}
			if d := cmp.Diff(want.Files, got.Files, ignore); d != "" {
				t.Error(d)
			}
			for i, f := range got.Files {
				if read(t, f) != read(t, want.Files[i]) {
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
	w := site(t)
	w.commit("First")
	other := plainWork(t)
	other.git("init", "-q", "--object-format=sha256")
	other.write("a.html", "a").commit("a")
	t.Setenv("PATH", t.TempDir())
	c := w.openCommit(Options{Dir: "public"})
	if got := len(list(t, c, nil).Files); got != 5 {
		t.Errorf("%d files", got)
	}
	_, err := OpenCommit(t.Context(), other.options(Options{}))
	if err == nil || !strings.Contains(err.Error(), "extensions.objectformat") && !strings.Contains(err.Error(), "extensions.objectFormat") || !strings.Contains(err.Error(), "install git") {
		t.Errorf("%v; want the extension and the way out", err)
	}
	if _, err := OpenCommit(t.Context(), w.options(Options{Dir: "public", Revision: "HEAD@{1}"})); err == nil {
		t.Error("a form of revision that only git knows was taken")
	}
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	first := w.write("a.html", "1").commit("one")
	w.git("tag", "light")
	w.git("tag", "-a", "heavy", "-m", "x")
	second := w.write("a.html", "2").commit("two")
	w.git("branch", "topic/x")
	third := w.write("a.html", "3").commit("three")
	w.git("update-ref", "refs/remotes/origin/main", second)
	w.git("checkout", "-q", "-b", "other", first)
	w.write("b.html", "b").commit("side")
	w.git("checkout", "-q", "main")
	w.git("merge", "-q", "--no-ff", "-m", "merge", "other")
	merge := w.git("rev-parse", "HEAD")
	for _, packed := range []bool{false, true} {
		if packed {
			w.git("gc", "-q")
		}
		for revision, want := range map[string]string{
			"": merge, "HEAD": merge, "@": merge, "main": merge, "refs/heads/main": merge, "heads/main": merge,
			"HEAD~1": third, "HEAD^": third, "HEAD~": third, "HEAD^^": second, "main~2": second, "HEAD^1~2": first,
			"HEAD^2": w.git("rev-parse", "other"), "HEAD^0": merge, "HEAD^{commit}": merge,
			"light": first, "heavy": first, "heavy^{}": first, "heavy^{commit}": first, "topic/x": second, "origin/main": second,
			first: first, second[:7]: second, third[:10]: third, third[:9]: third,
			"HEAD@{0}": merge, ":/two": second, // only git knows these
			"heavy-1-g" + second[:7]: second,
		} {
			c, err := OpenCommit(t.Context(), w.options(Options{Revision: revision}))
			if err != nil {
				t.Errorf("%q: %v", revision, err)
				continue
			}
			if c.ID() != want {
				t.Errorf("%q is %s, want %s", revision, c.ID(), want)
			}
			_ = c.Close()
		}
		for _, revision := range []string{"nope", "HEAD~9", "HEAD^3", "deadbeef", "--all", "-h", strings.Repeat("0", 40), "HEAD:a.html", "config", "../x", "HEAD^{tree}"} {
			if c, err := OpenCommit(t.Context(), w.options(Options{Revision: revision})); err == nil {
				t.Errorf("%q is %s, want an error", revision, c.ID())
				_ = c.Close()
			}
		}
	}
}

func TestCommitWithoutDirectory(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.commit("First")
	for dir, want := range map[string]string{"nope": "has no folder nope; ", "..": "outside the repository", "README.md": "has no folder README.md; "} {
		if _, err := OpenCommit(t.Context(), w.options(Options{Dir: dir})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", dir, err, want)
		}
	}
	plain := plainWork(t)
	if _, err := OpenCommit(t.Context(), plain.options(Options{})); err == nil || !strings.Contains(err.Error(), "no git repository") {
		t.Error(err)
	}
}

// What did not change is neither walked nor read.
func TestUnchangedIsNotRead(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.commit("First")
	base := manifest(t, list(t, w.openCommit(Options{Dir: "public"}), nil))
	base.Assets[1].Modified = 99 // an asset of css/, which stays
	w.write("public/img/new.svg", "<svg>new</svg>")
	w.git("mv", "public/index.html", "public/start.html")
	w.commit("Second")
	c := w.openCommit(Options{Dir: "public"})
	before := c.Reads()
	l := list(t, c, base)
	reads := c.Reads()
	if trees := reads.Trees - before.Trees; trees != 1 {
		t.Errorf("%d trees were read, want img alone", trees)
	}
	// .assetsignore, _redirects, _headers and the one new file.
	if reads.Blobs != 4 || reads.Sizes != 1 {
		t.Errorf("%d blobs and %d sizes were read, want 4 and 1", reads.Blobs, reads.Sizes)
	}
	if l.Files[1].Modified != 99 {
		t.Error("an unchanged file lost its time")
	}
	for _, f := range l.Files {
		if f.Blob.Hash != kvsync.HashOf([]byte(read(t, f))) || f.Blob.Nonce != (kvsync.Nonce{}) {
			t.Errorf("%s: %v", f.Path, f.Blob)
		}
	}
}

// A directory is not taken over once the rules for it changed.
func TestRulesChange(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.write("public/css/nested/.assetsignore", "x.css\n").write("public/css/nested/x.css", "x").write("public/css/nested/in/x.css", "y")
	w.commit("First")
	base := manifest(t, list(t, w.openCommit(Options{Dir: "public"}), nil))
	if got := list(t, w.openCommit(Options{Dir: "public", Patterns: []string{"css/deep"}}), base); strings.Contains(paths(got), "deep") {
		t.Error("configured patterns did not reach an unchanged directory:", paths(got))
	}
	w.write("public/.assetsignore", "b.css\n").commit("Second")
	if got := list(t, w.openCommit(Options{Dir: "public"}), base); strings.Contains(paths(got), "b.css") {
		t.Error(".assetsignore did not reach an unchanged directory:", paths(got))
	}
	w.write("public/.assetsignore", "*.map\n")
	w.remove("public/css/nested/.assetsignore")
	w.commit("Third")
	if got := list(t, w.openCommit(Options{Dir: "public"}), base); !strings.Contains(paths(got), "nested/in/x.css") {
		t.Error("a nested .assetsignore still holds in an unchanged directory:", paths(got))
	}
	if got := list(t, w.openCommit(Options{Dir: "public/css"}), base); strings.Contains(paths(got), "index.html") {
		t.Error("another directory's base was taken over:", paths(got))
	}
}

func TestCommitSymlinks(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("outside.txt", "x").write("site/a/real.txt", "real").write("site/.env", "S=1").write("site/z/q.txt", "q").write("site/skip.log", "x").write("site/.assetsignore", "*.log\n")
	w.symlink("../a/real.txt", "site/z/link.txt")
	w.symlink("z/link.txt", "site/chain.txt")
	w.commit("good")
	c := w.openCommit(Options{Dir: "site"})
	l := list(t, c, nil)
	if got, want := paths(l), "/a/real.txt /chain.txt /z/link.txt /z/q.txt"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if read(t, l.Files[1]) != "real" || read(t, l.Files[2]) != "real" {
		t.Error("a link's content is not its target's")
	}
	// What a link leads to may change while the link's own directory does not.
	base := manifest(t, l)
	w.write("site/a/real.txt", "changed").commit("target")
	l = list(t, w.openCommit(Options{Dir: "site"}), base)
	if read(t, l.Files[2]) != "changed" || l.Files[2].Blob.Hash != kvsync.HashOf([]byte("changed")) {
		t.Error("a directory with a symlink was taken over although what the link leads to changed")
	}
	w.symlink("../outside.txt", "site/up")
	w.symlink("/etc/passwd", "site/absolute")
	w.symlink("nowhere", "site/dangling")
	w.symlink("loop", "site/loop")
	w.symlink("a", "site/dir")
	w.symlink(".env", "site/env.txt")
	w.symlink("skip.log", "site/log.txt")
	w.commit("bad")
	want := `absolute: the symlink leaves the directory that is published
dangling: the symlink leads to nothing
dir: the symlink leads to a directory
env.txt: the symlink leads to a file that is not published itself
log.txt: the symlink leads to a file that is not published itself
loop: the symlink leads to nothing
up: the symlink leaves the directory that is published`
	if got := refusals(t, w.openCommit(Options{Dir: "site"})); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got := refusals(t, w.openFolder(Options{Dir: "site"})); got != want {
		t.Error("the folder:", cmp.Diff(want, got))
	}
}

// A link to a secret is refused as one, also where a pattern lets the secret in,
// which is refused for itself.
func TestLinkToSecretThatIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write(".assetsignore", "!.env\n").write(".env", "S=1")
	w.symlink(".env", "env.txt")
	w.commit("one")
	want := ".env: the file holds secrets, and a pattern lets it in\nenv.txt: the symlink leads to a file that is not published itself"
	if got := refusals(t, w.openCommit(Options{})); got != want {
		t.Error("the commit:", got)
	}
	if got := refusals(t, w.openFolder(Options{})); got != want {
		t.Error("the folder:", got)
	}
}

// Trees may hold what no work tree can.
func TestHostileTree(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	blob := w.gitIn(w.dir, "x", "hash-object", "-w", "--stdin")
	var tree strings.Builder
	id := unhex(t, blob)
	for _, name := range []string{"..", ".", `a\b`, "bad\xff", "caf\u00e9.html", "cafe\u0301.html", "ok.html", "sub/evil"} {
		tree.WriteString("100644 " + name + "\x00" + id)
	}
	tree.WriteString("160000 module\x00" + id)
	tree.WriteString("120777 strange-link\x00" + id)
	tree.WriteString("010644 fifo\x00" + id)
	root := w.gitIn(w.dir, tree.String(), "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	commit := w.git("commit-tree", root, "-m", "hostile")
	got := refusals(t, w.openCommit(Options{Revision: commit}))
	want := `.: the name "." leads elsewhere
..: the name ".." leads elsewhere
a\b: the name has a backslash, which browsers turn into "/"
bad` + "\ufffd" + `: the name is not UTF-8
` + "cafe\u0301" + `.html: another file is served at the same path, because the names differ only in how letters are composed (Unicode NFC)
` + "caf\u00e9" + `.html: another file is served at the same path, because the names differ only in how letters are composed (Unicode NFC)
fifo: the tree gives it the unknown mode 10644
strange-link: the symlink leads to nothing
sub/evil: the name "sub/evil" leads elsewhere`
	if sortLines(got) != sortLines(want) {
		t.Error(cmp.Diff(sortLines(want), sortLines(got)))
	}
}

func TestSubmoduleIsANotice(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a.html", "a").commit("a")
	w.git("update-index", "--add", "--cacheinfo", "160000,"+w.git("rev-parse", "HEAD")+",module")
	w.git("commit", "-q", "-m", "submodule")
	l := list(t, w.openCommit(Options{}), nil)
	if paths(l) != "/a.html" || len(l.Notices) != 1 || l.Notices[0].Path != "module" {
		t.Error(paths(l), l.Notices)
	}
}

// Open is safe for concurrent use, for small and large, loose and packed
// objects, with the git command and without.
func TestConcurrentOpen(t *testing.T) {
	w := newWork(t)
	random := rand.New(rand.NewPCG(1, 2))
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = byte(random.IntN(256))
	}
	w.write("big.bin", string(big))
	for i := range 40 {
		w.write("f"+string(rune('a'+i%26))+string(rune('a'+i/26))+".txt", strings.Repeat("line\n", i*50))
	}
	w.commit("loose")
	path := os.Getenv("PATH")
	check := func(t *testing.T, c *Commit) {
		l := list(t, c, nil)
		var group sync.WaitGroup
		for range 3 {
			for _, f := range l.Files {
				group.Go(func() {
					content, err := f.Open()
					if err != nil {
						t.Error(err)
						return
					}
					defer content.Close()
					data, err := io.ReadAll(content)
					want, _ := os.ReadFile(w.path(f.Path))
					if err != nil || string(data) != string(want) {
						t.Errorf("%s: %d bytes, %v", f.Path, len(data), err)
					}
				})
			}
		}
		group.Wait()
	}
	check(t, w.openCommit(Options{}))
	t.Setenv("PATH", t.TempDir())
	check(t, w.openCommit(Options{}))
	t.Setenv("PATH", path)
	w.git("gc", "-q")
	check(t, w.openCommit(Options{}))
	t.Setenv("PATH", t.TempDir())
	check(t, w.openCommit(Options{}))
}
