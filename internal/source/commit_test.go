package source

import (
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

var ignoreOpen = cmpopts.IgnoreFields(manifest.File{}, "Open")

func TestCommit(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	id := w.Commit("First\n\nand more")
	w.Write("public/index.html", "changed in the work tree")
	c := openCommit(w, Options{Dir: "public"})
	l := sourcetest.List(t, c, nil)
	if got, want := sourcetest.Paths(l),
		"/.well-known/security.txt /css/a.css /css/deep/b.css /img/logo.svg /index.html"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	tree := w.Git("rev-parse", "HEAD:public")
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
		index.OID != w.Git("rev-parse", "HEAD:public/index.html") || sourcetest.Read(t, index) != "<h1>hello</h1>" {
		t.Errorf("%+v", index)
	}
	if d := cmp.Diff([]manifest.Redirect{{From: "/old", To: "/new", Status: 301}}, l.Redirects); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]manifest.HeaderRule{{Path: "/*", Set: [][2]string{{"x-frame-options", "DENY"}}}},
		l.Headers); d != "" {
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

func TestCommitWithoutDirectory(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	for dir, want := range map[string]string{"nope": "has no folder nope; ", "..": "outside the repository",
		"README.md": "has no folder README.md; "} {
		if _, err := OpenCommit(t.Context(), options(w, Options{Dir: dir})); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", dir, err, want)
		}
	}
	plain := gittest.Plain(t)
	if _, err := OpenCommit(t.Context(), options(plain, Options{})); err == nil ||
		!strings.Contains(err.Error(), "no git repository") {
		t.Error(err)
	}
}

// Unchanged directories and files are not read.
func TestUnchangedIsNotRead(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	base := sourcetest.Manifest(t, sourcetest.List(t, openCommit(w, Options{Dir: "public"}), nil))
	base.Assets[1].Modified = 99 // an unchanged asset, in css/
	w.Write("public/img/new.svg", "<svg>new</svg>")
	w.Git("mv", "public/index.html", "public/start.html")
	w.Commit("Second")
	c := openCommit(w, Options{Dir: "public"})
	before := c.Reads()
	l := sourcetest.List(t, c, base)
	reads := c.Reads()
	if trees := reads.Trees - before.Trees; trees != 1 {
		t.Errorf("%d trees were read, want only that of img", trees)
	}
	// The blobs are .assetsignore, _redirects, _headers and the new file.
	if reads.Blobs != 4 || reads.Sizes != 1 {
		t.Errorf("%d blobs and %d sizes were read, want 4 and 1", reads.Blobs, reads.Sizes)
	}
	if l.Files[1].Modified != 99 {
		t.Error("an unchanged file lost its time")
	}
	for _, f := range l.Files {
		if f.Blob.Hash != manifest.HashOf([]byte(sourcetest.Read(t, f))) || f.Blob.Nonce != (manifest.Nonce{}) {
			t.Errorf("%s: %v", f.Path, f.Blob)
		}
	}
}

// A directory is not reused after its rules changed.
func TestRulesChange(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Write("public/css/nested/.assetsignore", "x.css\n").
		Write("public/css/nested/x.css", "x").
		Write("public/css/nested/in/x.css", "y")
	w.Commit("First")
	base := sourcetest.Manifest(t, sourcetest.List(t, openCommit(w, Options{Dir: "public"}), nil))
	paths := func(o Options) string {
		t.Helper()
		return sourcetest.Paths(sourcetest.List(t, openCommit(w, o), base))
	}
	if got := paths(Options{Dir: "public", Patterns: []string{"css/deep"}}); strings.Contains(got, "deep") {
		t.Error("configured patterns have no effect in an unchanged directory:", got)
	}
	w.Write("public/.assetsignore", "b.css\n").Commit("Second")
	if got := paths(Options{Dir: "public"}); strings.Contains(got, "b.css") {
		t.Error(".assetsignore has no effect in an unchanged directory:", got)
	}
	w.Write("public/.assetsignore", "*.map\n")
	w.Remove("public/css/nested/.assetsignore")
	w.Commit("Third")
	if got := paths(Options{Dir: "public"}); !strings.Contains(got, "nested/in/x.css") {
		t.Error("a removed nested .assetsignore still has an effect in an unchanged directory:", got)
	}
	if got := paths(Options{Dir: "public/css"}); strings.Contains(got, "index.html") {
		t.Error("the base of another directory was reused:", got)
	}
}

func TestCommitSymlinks(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("outside.txt", "x").
		Write("site/a/real.txt", "real").
		Write("site/.env", "S=1").
		Write("site/z/q.txt", "q").
		Write("site/skip.log", "x").
		Write("site/.assetsignore", "*.log\n")
	w.Symlink("../a/real.txt", "site/z/link.txt")
	w.Symlink("z/link.txt", "site/chain.txt")
	w.Commit("good")
	c := openCommit(w, Options{Dir: "site"})
	l := sourcetest.List(t, c, nil)
	if got, want := sourcetest.Paths(l), "/a/real.txt /chain.txt /z/link.txt /z/q.txt"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if sourcetest.Read(t, l.Files[1]) != "real" || sourcetest.Read(t, l.Files[2]) != "real" {
		t.Error("a link's content is not its target's")
	}
	// The target of a symlink may change while the symlink's directory does not.
	base := sourcetest.Manifest(t, l)
	w.Write("site/a/real.txt", "changed").Commit("target")
	l = sourcetest.List(t, openCommit(w, Options{Dir: "site"}), base)
	if sourcetest.Read(t, l.Files[2]) != "changed" || l.Files[2].Blob.Hash != manifest.HashOf([]byte("changed")) {
		t.Error("a directory was reused although the target of its symlink changed")
	}
	w.Symlink("../outside.txt", "site/up")
	w.Symlink("/etc/passwd", "site/absolute")
	w.Symlink("nowhere", "site/dangling")
	w.Symlink("loop", "site/loop")
	w.Symlink("a", "site/dir")
	w.Symlink(".env", "site/env.txt")
	w.Symlink("skip.log", "site/log.txt")
	w.Commit("bad")
	want := `absolute: the symlink leaves the directory that is published
dangling: the symlink leads to nothing
dir: the symlink leads to a directory
env.txt: the symlink leads to a file that is not published itself
log.txt: the symlink leads to a file that is not published itself
loop: the symlink leads to nothing
up: the symlink leaves the directory that is published`
	if got := sourcetest.Refusals(t, openCommit(w, Options{Dir: "site"})); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if got := sourcetest.Refusals(t, openFolder(w, Options{Dir: "site"})); got != want {
		t.Error("the folder:", cmp.Diff(want, got))
	}
}

// A negated pattern for a secret file does not allow a symlink to it: both are refused.
func TestLinkToSecretWithNegatedPattern(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write(".assetsignore", "!.env\n").Write(".env", "S=1")
	w.Symlink(".env", "env.txt")
	w.Commit("one")
	want := ".env: the file holds secrets, and a pattern lets it in\nenv.txt: the symlink leads to a file that is not " +
		"published itself"
	if got := sourcetest.Refusals(t, openCommit(w, Options{})); got != want {
		t.Error("the commit:", got)
	}
	if got := sourcetest.Refusals(t, openFolder(w, Options{})); got != want {
		t.Error("the folder:", got)
	}
}

// Trees may contain entries that no work tree can have.
func TestHostileTree(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	blob := w.GitIn(w.Dir, "x", "hash-object", "-w", "--stdin")
	var tree strings.Builder
	id := gittest.Unhex(t, blob)
	for _, name := range []string{"..", ".", `a\b`, "bad\xff", "caf\u00e9.html", "cafe\u0301.html", "ok.html",
		"sub/evil"} {
		tree.WriteString("100644 " + name + "\x00" + id)
	}
	tree.WriteString("160000 module\x00" + id)
	tree.WriteString("120777 strange-link\x00" + id)
	tree.WriteString("010644 fifo\x00" + id)
	root := w.GitIn(w.Dir, tree.String(), "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	commit := w.Git("commit-tree", root, "-m", "hostile")
	got := sourcetest.Refusals(t, openCommit(w, Options{Revision: commit}))
	want := `.: the name "." leads elsewhere
..: the name ".." leads elsewhere
a\b: the name has a backslash, which browsers turn into "/"
bad` + "\ufffd" + `: the name is not UTF-8
fifo: the tree gives it the unknown mode 10644
strange-link: the symlink leads to nothing
sub/evil: the name "sub/evil" leads elsewhere`
	if sortLines(got) != sortLines(want) {
		t.Error(cmp.Diff(sortLines(want), sortLines(got)))
	}
}

// A name is served as it is spelled, composed (Unicode NFC) or decomposed (NFD), from a commit and
// from a folder. A notice distinguishes names that look the same.
func TestNamesAreServedAsSpelled(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "\u00fcber/caf\u00e9.html", "u\u0308ber/cafe\u0301.html"
	w := gittest.New(t)
	w.Write(composed, "c").Write(decomposed, "d").Write("o\u0308.txt", "only decomposed").Commit("names")
	for name, options := range map[string]Options{"commit": {Kind: KindCommit}, "folder": {Kind: KindFolder}} {
		options.WorkDir = w.Dir
		src, err := Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		l := sourcetest.List(t, src, nil)
		want := "/o\u0308.txt /" + decomposed + " /" + composed
		const reason = "the paths /u%CC%88ber/cafe%CC%81.html and /%C3%BCber/caf%C3%A9.html differ only in how letters " +
			"are composed (Unicode)"
		if got := sourcetest.Paths(l); got != want || len(l.Notices) != 1 || l.Notices[0].Reason != reason {
			t.Errorf("%s: %q, want %q; %v", name, got, want, l.Notices)
		}
	}
}

// Two entries with one name are a damaged tree, not a matter of Unicode.
func TestDuplicateTreeEntries(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	id := gittest.Unhex(t, w.GitIn(w.Dir, "x", "hash-object", "-w", "--stdin"))
	tree := "100644 cafe\u0301.html\x00" + id + "100644 caf\u00e9.html\x00" + id +
		strings.Repeat("100644 twice.html\x00"+id, 2)
	root := w.GitIn(w.Dir, tree, "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	got := sourcetest.Refusals(t, openCommit(w, Options{Revision: w.Git("commit-tree", root, "-m", "twice")}))
	if !strings.Contains(got, "twice.html: the commit has two entries with this name") ||
		strings.Count(got, "twice.html") != 1 {
		t.Error(got)
	}
}

func TestSubmoduleIsANotice(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a.html", "a").Commit("a")
	w.Git("update-index", "--add", "--cacheinfo", "160000,"+w.Git("rev-parse", "HEAD")+",module")
	w.Git("commit", "-q", "-m", "submodule")
	l := sourcetest.List(t, openCommit(w, Options{}), nil)
	if sourcetest.Paths(l) != "/a.html" || len(l.Notices) != 1 || l.Notices[0].Path != "module" {
		t.Error(sourcetest.Paths(l), l.Notices)
	}
}

// Small and large files can be opened concurrently, from loose and packed objects, with and
// without the git command.
func TestConcurrentOpen(t *testing.T) {
	w := gittest.New(t)
	random := rand.New(rand.NewPCG(1, 2))
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = byte(random.IntN(256))
	}
	w.Write("big.bin", string(big))
	for i := range 40 {
		w.Write("f"+string(rune('a'+i%26))+string(rune('a'+i/26))+".txt", strings.Repeat("line\n", i*50))
	}
	w.Commit("loose")
	path := os.Getenv("PATH")
	check := func(t *testing.T, c *Commit) {
		l := sourcetest.List(t, c, nil)
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
					want, _ := os.ReadFile(w.Path(f.Path))
					if err != nil || string(data) != string(want) {
						t.Errorf("%s: %d bytes, %v", f.Path, len(data), err)
					}
				})
			}
		}
		group.Wait()
	}
	check(t, openCommit(w, Options{}))
	t.Setenv("PATH", t.TempDir())
	check(t, openCommit(w, Options{}))
	t.Setenv("PATH", path)
	w.Git("gc", "-q")
	check(t, openCommit(w, Options{}))
	t.Setenv("PATH", t.TempDir())
	check(t, openCommit(w, Options{}))
}
