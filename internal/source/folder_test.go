package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/boundary"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write(".gitignore", "dist/\n*.tmp\n").
		write("dist/index.html", "hi").
		write("dist/a.tmp", "x").
		write("dist/sub/.gitignore", "gone.txt\n").
		write("dist/sub/gone.txt", "x").
		write("dist/sub/kept.txt", "x").
		write("dist/.ignore", "ripgrep.txt\n").
		write("dist/ripgrep.txt", "x").
		write("dist/.assetsignore", "*.map\n!.shown\n!a.tmp\n").
		write("dist/a.map", "x").
		write("dist/.shown", "x").
		write("dist/node_modules/x/index.js", "x").
		write("dist/sub/node_modules/y.js", "x").
		write("dist/.git/config", "x").
		write("dist/.well-known/x", "x").
		write("dist/_redirects", "/a /b\n").
		write("dist/_headers", "/*\n  A: b\n")
	f := w.openFolder(Options{Dir: "dist"})
	if o, err := f.Origin(t.Context()); err != nil || o.ID != "" || o.Kind != "folder" || o.Dir != "dist" {
		t.Error(o, err)
	}
	l := list(t, f, nil)
	if got, want := paths(l), "/.shown /.well-known/x /a.tmp /index.html /sub/kept.txt"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(l.Redirects) != 1 || len(l.Headers) != 1 || len(l.Dirs) != 0 {
		t.Errorf("%+v", l)
	}
	if l.Origin.ID != "" || !l.Files[0].Blob.Hash.IsZero() {
		t.Error("hashes came from nowhere")
	}
	l = list(t, f, &kvsync.Manifest{})
	for _, file := range l.Files {
		if file.Blob.Hash != kvsync.HashOf([]byte(read(t, file))) {
			t.Errorf("%s: wrong hash", file.Path)
		}
	}
	o, _ := f.Origin(t.Context())
	if !strings.HasPrefix(o.ID, "folder:") || !strings.HasSuffix(o.ID, ":"+o.Rules) || !reflect.DeepEqual(l.Origin, o) {
		t.Errorf("%+v", o)
	}
}

// Equal IDs mean equal listings: whatever changes a listing changes the ID.
func TestFolderID(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("index.html", "a").write("_headers", "/*\n A: b\n")
	id := func(o Options) string {
		return list(t, w.openFolder(o), &kvsync.Manifest{}).Origin.ID
	}
	first := id(Options{})
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(w.path("index.html"), later, later); err != nil {
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
	w.write("index.html", "b")
	note("content", id(Options{}))
	w.write("_headers", "/*\n A: c\n")
	note("headers", id(Options{}))
	w.write("_redirects", "/a /b\n")
	note("redirects", id(Options{}))
	if err := os.Rename(w.path("index.html"), w.path("index.htm")); err != nil {
		t.Fatal(err)
	}
	note("name", id(Options{}))
}

func TestModifiedStaysWithContent(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("a.html", "same").write("b.html", "old")
	base := manifest(t, list(t, w.openFolder(Options{}), nil))
	base.Assets[0].Modified, base.Assets[1].Modified = 11, 22
	w.write("b.html", "new")
	l := list(t, w.openFolder(Options{}), base)
	if l.Files[0].Modified != 11 || l.Files[1].Modified == 22 {
		t.Errorf("%d %d", l.Files[0].Modified, l.Files[1].Modified)
	}
}

func TestFolderRefuses(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	const body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
	w.write("site/.assetsignore", "!.env*\n!.dev.vars\n!.npmrc\n").
		write("site/.env.local", "S=1").write("site/.dev.vars", "S=1").write("site/.npmrc", "x").
		write("site/key.txt", "-----BEGIN RSA PRIVATE KEY-----\n"+body+"\n").
		write("site/encrypted.pem", "Bag Attributes\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"+body+"\n").
		write("site/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\r\n").
		write("site/putty.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n").
		write("site/service.json", `{"private_key": "-----BEGIN PRIVATE KEY-----\n`+body+`\n-----END"}`).
		write("site/pgp.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n"+body+"\n").
		write("site/broken.pem", "\n-----BEGIN PRIVATE KEY-----\n!! not base64 !!\n-----END PRIVATE KEY-----\n").
		write("site/short.key", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n").
		write("site/keys/id_rsa", "junk").
		write("site/keys/id_rsa.pub", "ssh-rsa AAAA me@example.com").
		write("site/speaks-of-keys.html", "<pre>\n-----BEGIN PRIVATE KEY-----\n...\n</pre>").
		write("site/cert.pem", "-----BEGIN CERTIFICATE-----\n"+body+"\n").
		write("site/lfs.png", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n").
		write("site/back\\slash.txt", "x").
		write("site/bad\xff.txt", "x").
		write("site/caf\u00e9.html", "1").write("site/cafe\u0301.html", "2").
		write("site/_redirects", "/a\n/b /c 999\n").write("site/_headers", "nonsense\n")
	if err := os.Truncate(w.write("site/big.bin", "").path("site/big.bin"), 4<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(w.write("site/largest.bin", "").path("site/largest.bin"), 25<<20+1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(w.path("site/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("d", 200)
	w.write("site/"+strings.Repeat(long+"/", 5)+long, "x")
	got := refusals(t, w.openFolder(Options{Dir: "site"}))
	var names []string
	for line := range strings.Lines(got) {
		name, _, _ := strings.Cut(line, ": ")
		names = append(names, name)
	}
	want := []string{".dev.vars", ".env.local", ".npmrc", "_headers", "_redirects", "_redirects", `back\slash.txt`, "bad\ufffd.txt", "big.bin", "broken.pem",
		"cafe\u0301.html", "caf\u00e9.html", strings.Repeat(long+"/", 5) + long, "encrypted.pem", "id_ed25519", "key.txt", "keys/id_rsa", "lfs.png", "pgp.asc", "pipe", "putty.ppk", "service.json", "short.key"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d, got)
	}
	// A commit refuses the same, with the same words.
	w.remove("site/pipe")
	w.remove("site/big.bin") // git would take minutes over it
	w.git("init", "-q", "-b", "main")
	w.commit("all")
	fromFolder := refusals(t, w.openFolder(Options{Dir: "site"}))
	if d := cmp.Diff(fromFolder, refusals(t, w.openCommit(Options{Dir: "site"}))); d != "" {
		t.Error(d)
	}
	// Against a base, everything is read, and the same is refused.
	_, err := w.openCommit(Options{Dir: "site"}).Files(t.Context(), &kvsync.Manifest{})
	if err == nil || strings.Count(err.Error(), "private key") != strings.Count(fromFolder, "private key") {
		t.Error(err)
	}
}

// A file that configures, or leaves out, is not one that holds credentials under
// another name.
func TestConfigurationByALinkToCredentials(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"_headers", "_redirects", ".assetsignore", ".gitignore"} {
		w := plainWork(t)
		w.write("site/a.html", "a").write("site/.env", "/a /secret")
		w.symlink(".env", "site/"+name)
		if got := refusals(t, w.openFolder(Options{Dir: "site"})); !strings.Contains(got, name+": the symlink leads to a file that is not published") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWorkerJS(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"_worker.js", "_worker.js/index.js"} {
		w := plainWork(t)
		w.write(name, "x").write("index.html", "x")
		if got := refusals(t, w.openFolder(Options{})); !strings.HasPrefix(got, name+": _worker.js is server code") {
			t.Error(got)
		}
		w.write(".assetsignore", "_worker.js\n")
		if got := paths(list(t, w.openFolder(Options{}), nil)); got != "/index.html" {
			t.Error(got)
		}
		w.write(".assetsignore", "")
		if got := paths(list(t, w.openFolder(Options{}), nil)); got != "/"+name+" /index.html" {
			t.Error(got)
		}
	}
}

func TestCaseIsANotice(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("Read.html", "1").write("read.html", "2")
	l := list(t, w.openFolder(Options{}), nil)
	if len(l.Files) != 2 || len(l.Notices) != 1 || !strings.Contains(l.Notices[0].String(), "case only") {
		t.Error(l.Notices)
	}
}

// A directory that becomes a symlink during the walk leads nowhere outside.
func TestSwappedDirectory(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("secret/key.txt", "secret").write("site/sub/a.txt", "a")
	f := w.openFolder(Options{Dir: "site"})
	l := list(t, f, nil)
	w.remove("site/sub")
	w.symlink("../secret", "site/sub")
	if err := os.Link(w.path("secret/key.txt"), w.path("secret/a.txt")); err != nil {
		t.Fatal(err)
	}
	if content, err := l.Files[0].Open(); err == nil {
		content.Close()
		t.Error("a file outside the folder was opened")
	}
	if got := refusals(t, f); !strings.Contains(got, "leaves the directory") {
		t.Error(got)
	}
}

// Nor is the folder itself another one than the one that was checked.
func TestFolderReplacedWhileItIsOpened(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("secret/key.txt", "secret").write("top/site/a.txt", "a")
	inside, err := boundary.New(w.path("top"))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for at, aside, link := w.path("top/site"), w.path("top/aside"), w.path("top/link"); ; {
			select {
			case <-stop:
				return
			default:
				_ = os.Symlink("../secret", link)
				_, _ = os.Rename(at, aside), os.Rename(link, at)
				_, _ = os.Rename(at, link), os.Rename(aside, at)
			}
		}
	}()
	for range 4_000 {
		f, err := OpenFolder(Options{WorkDir: w.path("top"), Dir: "site", Boundary: inside})
		if err != nil {
			continue
		}
		if _, err := f.root.Stat("key.txt"); err == nil {
			t.Error("a folder outside of the boundary was opened")
		}
		_ = f.Close()
	}
	close(stop)
	<-done
}

// A directory that becomes a symlink to git's own between its listing and its
// opening is not walked under its name (promise 13).
func TestDirectorySwappedForGit(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("sub/a.txt", "a")
	f := w.openFolder(Options{})
	walk := &folderWalk{Folder: f, listing: newListing(), decide: map[string]scopes{}, group: &errgroup.Group{}}
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	w.remove("sub")
	w.symlink(".git", "sub")
	for _, e := range entries {
		if e.Name() != "sub" {
			continue
		}
		var in inDirectory
		if err := walk.entry(t.Context(), f.root, "", e, scopes{}, &in); !errors.Is(err, kvsync.ErrChanged) {
			t.Error(err)
		}
	}
	if err := walk.group.Wait(); err != nil || len(walk.found) > 0 {
		t.Errorf("%d files, %v", len(walk.found), err)
	}
}

func TestChangedFileIsNotOpened(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	w.write("a.txt", "first")
	l := list(t, w.openFolder(Options{}), nil)
	w.write("a.txt", "later and longer")
	if _, err := l.Files[0].Open(); !errors.Is(err, kvsync.ErrChanged) {
		t.Error(err)
	}
	l = list(t, w.openFolder(Options{}), nil)
	if err := os.Remove(w.path("a.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Files[0].Open(); !errors.Is(err, kvsync.ErrChanged) {
		t.Error(err)
	}
}

// The change time of a file cannot be set, so the folder's clock is.
func TestStatCache(t *testing.T) {
	t.Parallel()
	w := plainWork(t)
	now := time.Now()
	open := func(o Options) *Folder {
		f := w.openFolder(o)
		f.now = func() time.Time { return now }
		return f
	}
	w.write("a.txt", "aaaa").write("b.txt", "bbbb")
	cache := t.TempDir()
	hashes := func() string {
		l := list(t, open(Options{CacheDir: cache}), nil)
		var s string
		for _, f := range l.Files {
			s += fmt.Sprintf("%s %v\n", f.Path, !f.Blob.Hash.IsZero())
			if !f.Blob.Hash.IsZero() && f.Blob.Hash != kvsync.HashOf([]byte(read(t, f))) {
				t.Errorf("%s: wrong hash", f.Path)
			}
		}
		return s
	}
	const none, all = "/a.txt false\n/b.txt false\n", "/a.txt true\n/b.txt true\n"
	list(t, open(Options{CacheDir: cache}), &kvsync.Manifest{})
	if got := hashes(); got != none {
		t.Error("files that had just been written were trusted:", got)
	}
	f := open(Options{CacheDir: cache})
	l := list(t, f, nil)
	now = now.Add(time.Hour)
	var uploaded []kvsync.Asset
	for _, file := range l.Files {
		a := file.Asset
		a.Blob.Hash = kvsync.HashOf([]byte(read(t, file)))
		uploaded = append(uploaded, a)
	}
	f.Remember(append(uploaded, kvsync.Asset{Path: "/elsewhere", Blob: kvsync.Ref{Hash: kvsync.Hash{1}}}))
	if got := hashes(); got != all {
		t.Error("what the upload hashed was not remembered:", got)
	}
	id := list(t, w.openFolder(Options{CacheDir: cache}), nil).Origin.ID
	if id == "" || id != list(t, w.openFolder(Options{}), &kvsync.Manifest{}).Origin.ID {
		t.Error("the ID from the cache is another")
	}
	// What is being written in the background is there when the folder is closed.
	other := t.TempDir()
	f = open(Options{CacheDir: other})
	if _, err := f.Files(t.Context(), &kvsync.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(other, "stat", "[^.]*")); len(files) != 1 {
		t.Error("the stat cache was not written by the time of Close:", files)
	}
	// The same size and mtime, other content: the inode's change time tells.
	info, err := os.Stat(w.path("a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("a.txt", "AAAA")
	if err := os.Chtimes(w.path("a.txt"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := hashes(); got != "/a.txt false\n/b.txt true\n" {
		t.Error(got)
	}
	// A cache that is corrupt, or another folder's, is no cache.
	files, _ := filepath.Glob(filepath.Join(cache, "stat", "*"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)/2], append(append([]byte{}, data[:60]...), append([]byte{data[60] ^ 1}, data[61:]...)...)} {
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hashes(); got != none {
			t.Error(got)
		}
	}
	if _, err := decodeCache(data, w.dir+"/other"); err == nil {
		t.Error("another folder's cache was taken")
	}
	if got := paths(list(t, w.openFolder(Options{CacheDir: "/dev/null/x"}), nil)); got != "/a.txt /b.txt" {
		t.Error("without a cache:", got)
	}
}

func FuzzStatCache(f *testing.F) {
	f.Add(encodeCache("/site", map[string]cached{"a/b.html": {stamp{1, 2, 3, 4}, kvsync.Hash{5}}, "c": {}}), "/site")
	f.Add(encodeCache("", nil), "")
	f.Add([]byte(cacheMagic), "/")
	f.Fuzz(func(t *testing.T, data []byte, folder string) {
		entries, err := decodeCache(data, folder)
		if err != nil {
			return
		}
		again, err := decodeCache(encodeCache(folder, entries), folder)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(len(entries), len(again)); d != "" {
			t.Fatal(d)
		}
	})
}
