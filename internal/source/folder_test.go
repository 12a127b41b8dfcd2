package source

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write(".gitignore", "dist/\n*.tmp\n").
		Write("dist/index.html", "hi").
		Write("dist/a.tmp", "x").
		Write("dist/sub/.gitignore", "gone.txt\n").
		Write("dist/sub/gone.txt", "x").
		Write("dist/sub/kept.txt", "x").
		Write("dist/.ignore", "ripgrep.txt\n").
		Write("dist/ripgrep.txt", "x").
		Write("dist/.assetsignore", "*.map\n!.shown\n!a.tmp\n").
		Write("dist/a.map", "x").
		Write("dist/.shown", "x").
		Write("dist/node_modules/x/index.js", "x").
		Write("dist/sub/node_modules/y.js", "x").
		Write("dist/.git/config", "x").
		Write("dist/.well-known/x", "x").
		Write("dist/_redirects", "/a /b\n").
		Write("dist/_headers", "/*\n  A: b\n")
	f := openFolder(w, Options{Dir: "dist"})
	if o, err := f.Origin(t.Context()); err != nil || o.ID != "" || o.Kind != "folder" || o.Dir != "dist" {
		t.Error(o, err)
	}
	l := sourcetest.List(t, f, nil)
	const published = "/.shown /.well-known/x /a.tmp /index.html /ripgrep.txt /sub/gone.txt /sub/kept.txt " +
		"/sub/node_modules/y.js"
	if got := sourcetest.Paths(l); got != published {
		t.Errorf("got %s, want %s", got, published)
	}
	if got := strings.Join(l.Ignored, " "); got != "/a.tmp /sub/gone.txt" {
		t.Errorf("git ignores %s", got)
	}
	excluded := []manifest.Excluded{
		{Kind: manifest.ExcludedPattern, Count: 1, First: "a.map", Paths: []string{"a.map"}},
		{Kind: manifest.ExcludedDotfile, Count: 2, First: ".ignore", Paths: []string{".ignore", "sub/.gitignore"}},
		{Kind: manifest.ExcludedPackages, Count: 1, First: "node_modules/", Paths: []string{"node_modules/"}},
	}
	if d := cmp.Diff(excluded, l.Excluded); d != "" {
		t.Errorf("excluded (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{GitIgnore: true}, "/.shown /.well-known/x /a.tmp /index.html /ripgrep.txt /sub/kept.txt " +
			"/sub/node_modules/y.js"},
		{Options{GitIgnore: true, PlainIgnore: true}, "/.shown /.well-known/x /a.tmp /index.html /sub/kept.txt " +
			"/sub/node_modules/y.js"},
	} {
		c.options.Dir = "dist"
		l := sourcetest.List(t, openFolder(w, c.options), nil)
		if got := sourcetest.Paths(l); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.options, got, c.want)
		}
		if !slices.ContainsFunc(l.Excluded, func(e manifest.Excluded) bool { return e.Kind == manifest.ExcludedGit }) {
			t.Errorf("%+v: nothing is counted as ignored: %+v", c.options, l.Excluded)
		}
	}
	if len(l.Redirects) != 1 || len(l.Headers) != 1 || len(l.Dirs) != 0 {
		t.Errorf("%+v", l)
	}
	if l.Origin.ID != "" || !l.Files[0].Blob.Hash.IsZero() {
		t.Error("the listing without a manifest has hashes")
	}
	l = sourcetest.List(t, f, &manifest.Manifest{})
	for _, file := range l.Files {
		if file.Blob.Hash != manifest.HashOf([]byte(sourcetest.Read(t, file))) {
			t.Errorf("%s: wrong hash", file.Path)
		}
	}
	o, _ := f.Origin(t.Context())
	if !strings.HasPrefix(o.ID, "folder:") || !strings.HasSuffix(o.ID, ":"+o.Rules) || !reflect.DeepEqual(l.Origin, o) {
		t.Errorf("%+v", o)
	}
}

// Every change of a listing changes the folder's ID. The time of a file is not part of it.
func TestFolderID(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("index.html", "a").Write("_headers", "/*\n A: b\n")
	id := func(o Options) string {
		return sourcetest.List(t, openFolder(w, o), &manifest.Manifest{}).Origin.ID
	}
	first := id(Options{})
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(w.Path("index.html"), later, later); err != nil {
		t.Fatal(err)
	}
	if id(Options{}) != first {
		t.Error("the time of a file changed the ID")
	}
	seen := map[string]string{first: "first"}
	note := func(what, id string) {
		if other, dup := seen[id]; dup || id == "" {
			t.Errorf("%s has the ID of %s", what, other)
		}
		seen[id] = what
	}
	note("patterns", id(Options{Patterns: []string{"x"}}))
	w.Write("index.html", "b")
	note("content", id(Options{}))
	w.Write("_headers", "/*\n A: c\n")
	note("headers", id(Options{}))
	w.Write("_redirects", "/a /b\n")
	note("redirects", id(Options{}))
	if err := os.Rename(w.Path("index.html"), w.Path("index.htm")); err != nil {
		t.Fatal(err)
	}
	note("name", id(Options{}))
}

func TestModifiedStaysWithContent(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("a.html", "same").Write("b.html", "old")
	base := sourcetest.Manifest(t, sourcetest.List(t, openFolder(w, Options{}), nil))
	base.Assets[0].Modified, base.Assets[1].Modified = 11, 22
	w.Write("b.html", "new")
	l := sourcetest.List(t, openFolder(w, Options{}), base)
	if l.Files[0].Modified != 11 || l.Files[1].Modified == 22 {
		t.Errorf("%d %d", l.Files[0].Modified, l.Files[1].Modified)
	}
}

func TestFolderRefuses(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	const body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
	w.Write("site/.assetsignore", "!.env*\n!.dev.vars\n!.npmrc\n").
		Write("site/.env.local", "S=1").Write("site/.dev.vars", "S=1").Write("site/.npmrc", "x").
		Write("site/key.txt", "-----BEGIN RSA PRIVATE KEY-----\n"+body+"\n").
		Write("site/encrypted.pem",
			"Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"+body+"\n").
		Write("site/id_ed25519",
			"-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\r\n").
		Write("site/putty.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n").
		Write("site/service.json", `{"private_key": "-----BEGIN PRIVATE KEY-----\n`+body+`\n-----END"}`).
		Write("site/pgp.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n"+body+"\n").
		Write("site/broken.pem", "\n-----BEGIN PRIVATE KEY-----\n!! not base64 !!\n-----END PRIVATE KEY-----\n").
		Write("site/short.key", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n").
		Write("site/keys/id_rsa", "junk").
		Write("site/keys/id_rsa.pub", "ssh-rsa AAAA me@example.com").
		Write("site/speaks-of-keys.html", "<pre>\n-----BEGIN PRIVATE KEY-----\n...\n</pre>").
		Write("site/cert.pem", "-----BEGIN CERTIFICATE-----\n"+body+"\n").
		Write("site/lfs.png", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n").
		Write("site/back\\slash.txt", "x").
		Write("site/bad\xff.txt", "x").
		Write("site/_redirects", "/a\n/b /c 999\n").Write("site/_headers", "nonsense\n")
	if err := os.Truncate(w.Write("site/big.bin", "").Path("site/big.bin"), 4<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(w.Write("site/largest.bin", "").Path("site/largest.bin"), 25<<20+1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(w.Path("site/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("d", 200)
	w.Write("site/"+strings.Repeat(long+"/", 5)+long, "x")
	got := sourcetest.Refusals(t, openFolder(w, Options{Dir: "site"}))
	var names []string
	for line := range strings.Lines(got) {
		name, _, _ := strings.Cut(line, ": ")
		names = append(names, name)
	}
	want := []string{
		".dev.vars",
		".env.local",
		".npmrc",
		"_headers",
		"_redirects",
		"_redirects",
		`back\slash.txt`,
		"bad\ufffd.txt",
		"big.bin",
		"broken.pem",
		strings.Repeat(long+"/", 5) + long,
		"encrypted.pem",
		"id_ed25519",
		"key.txt",
		"keys/id_rsa",
		"lfs.png",
		"pgp.asc",
		"pipe",
		"putty.ppk",
		"service.json",
		"short.key",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d, got)
	}
	// A commit refuses the same files with the same words.
	w.Remove("site/pipe")
	w.Remove("site/big.bin") // git would take minutes to commit it
	w.Git("init", "-q", "-b", "main")
	w.Commit("all")
	fromFolder := sourcetest.Refusals(t, openFolder(w, Options{Dir: "site"}))
	if d := cmp.Diff(fromFolder, sourcetest.Refusals(t, openCommit(w, Options{Dir: "site"}))); d != "" {
		t.Error(d)
	}
	// With a live manifest every file is read, and the same files are refused.
	_, err := openCommit(w, Options{Dir: "site"}).Files(t.Context(), &manifest.Manifest{})
	if err == nil || strings.Count(err.Error(), "private key") != strings.Count(fromFolder, "private key") {
		t.Error(err)
	}
}

// A configuration or ignore file that is a symlink to a file with credentials is refused.
func TestConfigurationByALinkToCredentials(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"_headers", "_redirects", ".assetsignore", ".gitignore"} {
		w := gittest.Plain(t)
		w.Write("site/a.html", "a").Write("site/.env", "/a /secret")
		w.Symlink(".env", "site/"+name)
		got := sourcetest.Refusals(t, openFolder(w, Options{Dir: "site"}))
		if !strings.Contains(got, name+": the symlink leads to a file that is not published") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWorkerJS(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"_worker.js", "_worker.js/index.js"} {
		w := gittest.Plain(t)
		w.Write(name, "x").Write("index.html", "x")
		got := sourcetest.Refusals(t, openFolder(w, Options{}))
		if !strings.HasPrefix(got, name+": _worker.js is server code") {
			t.Error(got)
		}
		w.Write(".assetsignore", "_worker.js\n")
		if got := sourcetest.Paths(sourcetest.List(t, openFolder(w, Options{}), nil)); got != "/index.html" {
			t.Error(got)
		}
		w.Write(".assetsignore", "")
		if got := sourcetest.Paths(sourcetest.List(t, openFolder(w, Options{}), nil)); got != "/"+name+" /index.html" {
			t.Error(got)
		}
	}
}

func TestNoticeOfPathsThatDifferInCase(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("Read.html", "1").Write("read.html", "2")
	l := sourcetest.List(t, openFolder(w, Options{}), nil)
	if len(l.Files) != 2 || len(l.Notices) != 1 || !strings.Contains(l.Notices[0].String(), "case only") {
		t.Error(l.Notices)
	}
}

// A symlink that replaces a directory after the walk does not lead outside of the folder.
func TestSwappedDirectory(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("secret/key.txt", "secret").Write("site/sub/a.txt", "a")
	f := openFolder(w, Options{Dir: "site"})
	l := sourcetest.List(t, f, nil)
	w.Remove("site/sub")
	w.Symlink("../secret", "site/sub")
	if err := os.Link(w.Path("secret/key.txt"), w.Path("secret/a.txt")); err != nil {
		t.Fatal(err)
	}
	if content, err := l.Files[0].Open(); err == nil {
		content.Close()
		t.Error("a file outside the folder was opened")
	}
	if got := sourcetest.Refusals(t, f); !strings.Contains(got, "leaves the directory") {
		t.Error(got)
	}
}

func TestChangedFileIsNotOpened(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("a.txt", "first")
	l := sourcetest.List(t, openFolder(w, Options{}), nil)
	w.Write("a.txt", "later and longer")
	if _, err := l.Files[0].Open(); !errors.Is(err, manifest.ErrChanged) {
		t.Error(err)
	}
	l = sourcetest.List(t, openFolder(w, Options{}), nil)
	if err := os.Remove(w.Path("a.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Files[0].Open(); !errors.Is(err, manifest.ErrChanged) {
		t.Error(err)
	}
}
