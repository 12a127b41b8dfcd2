package folder

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A stamp is trusted if both times of the file are old enough. The modification time can be set
// back, and a file that was changed just now may change again within the same tick of the
// clock.
func TestStampSettles(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	old, recent := now.Add(-time.Hour).UnixNano(), now.Add(-racy).UnixNano()
	for _, tt := range []struct {
		mtime, ctime int64
		want         bool
	}{
		{old, old, true},
		{old, recent, false},
		{recent, old, false},
		{recent - 1, recent - 1, true},
		{old, now.Add(time.Hour).UnixNano(), false},
	} {
		if got := (stamp{Mtime: tt.mtime, Ctime: tt.ctime}).settled(now); got != tt.want {
			t.Errorf(
				"changed at %v, its inode at %v: settled is %v",
				time.Unix(0, tt.mtime).UTC(),
				time.Unix(0, tt.ctime).UTC(),
				got,
			)
		}
	}

	// The same holds for what a folder remembers.
	w := gittest.Plain(t).Write("a.txt", "a")
	f := openTest(t, w, Options{})
	l := sourcetest.List(t, f, nil)
	l.Files[0].Blob.Hash = manifest.HashOf([]byte("a"))
	at := f.seen["/a.txt"].stamp
	changed := time.Unix(0, max(at.Mtime, at.Ctime))
	for _, tt := range []struct {
		now  time.Time
		want int
	}{{changed, 0}, {changed.Add(racy), 0}, {changed.Add(racy + 1), 1}} {
		if f.save(l.Files, tt.now); len(f.cache.entries) != tt.want {
			t.Errorf(
				"%v after the change %d files are remembered, want %d",
				tt.now.Sub(changed),
				len(f.cache.entries),
				tt.want,
			)
		}
	}
}

// A stat cache with a wrong byte is rejected, wherever the byte is: a wrong hash would keep a
// changed file from being deployed.
func TestDamagedStatCache(t *testing.T) {
	t.Parallel()
	whole := encodeCache("/site", map[string]cached{"a.txt": {stamp{1, 2, 3, 4}, manifest.Hash{5}}})
	if entries, err := decodeCache(whole, "/site"); err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1
		if entries, err := decodeCache(bad, "/site"); err == nil {
			t.Errorf("with byte %d changed it says %v", i, entries)
		}
	}
}

// A file that differs from the listed one is not published, even if it has the same size: what
// is sent is what was checked.
func TestChangedFileOfTheSameSize(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(w *gittest.Work) error{
		"written again": func(w *gittest.Work) error {
			w.Write("a.txt", "later")
			return os.Chtimes(w.Path("a.txt"), at, at.Add(time.Minute))
		},
		"replaced by one with its time": func(w *gittest.Work) error {
			w.Write("new.txt", "later")
			if err := os.Chtimes(w.Path("new.txt"), at, at); err != nil {
				return err
			}
			return os.Rename(w.Path("new.txt"), w.Path("a.txt"))
		},
	} {
		w := gittest.Plain(t).Write("a.txt", "first")
		if err := os.Chtimes(w.Path("a.txt"), at, at); err != nil {
			t.Fatal(err)
		}
		l := sourcetest.List(t, openTest(t, w, Options{}), nil)
		if got := sourcetest.Read(t, l.Files[0]); got != "first" {
			t.Fatalf("it has %q", got)
		}
		if err := change(w); err != nil {
			t.Fatal(err)
		}
		if content, err := l.Files[0].Open(); !errors.Is(err, manifest.ErrChanged) {
			if err == nil {
				content.Close()
			}
			t.Errorf("%s: it was opened, %v", name, err)
		}
	}
}

// A file's change time cannot be set, so the test sets the folder's clock.
func TestStatCache(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	now := time.Now()
	open := func(o Options) *Folder {
		f := openTest(t, w, o)
		f.now = func() time.Time { return now }
		return f
	}
	w.Write("a.txt", "aaaa").Write("b.txt", "bbbb")
	cache := t.TempDir()
	hashes := func() string {
		l := sourcetest.List(t, open(Options{CacheDir: cache}), nil)
		var s string
		for _, f := range l.Files {
			s += fmt.Sprintf("%s %v\n", f.Path, !f.Blob.Hash.IsZero())
			if !f.Blob.Hash.IsZero() && f.Blob.Hash != manifest.HashOf([]byte(sourcetest.Read(t, f))) {
				t.Errorf("%s: wrong hash", f.Path)
			}
		}
		return s
	}
	const none, all = "/a.txt false\n/b.txt false\n", "/a.txt true\n/b.txt true\n"
	sourcetest.List(t, open(Options{CacheDir: cache}), &manifest.Manifest{})
	if got := hashes(); got != none {
		t.Error("files that had just been written were trusted:", got)
	}
	f := open(Options{CacheDir: cache})
	l := sourcetest.List(t, f, nil)
	now = now.Add(time.Hour)
	var uploaded []manifest.Asset
	for _, file := range l.Files {
		a := file.Asset
		a.Blob.Hash = manifest.HashOf([]byte(sourcetest.Read(t, file)))
		uploaded = append(uploaded, a)
	}
	f.Remember(append(uploaded, manifest.Asset{Path: "/elsewhere", Blob: manifest.Ref{Hash: manifest.Hash{1}}}))
	if got := hashes(); got != all {
		t.Error("what the upload hashed was not remembered:", got)
	}
	id := sourcetest.List(t, openTest(t, w, Options{CacheDir: cache}), nil).Origin.ID
	if id == "" || id != sourcetest.List(t, openTest(t, w, Options{}), &manifest.Manifest{}).Origin.ID {
		t.Error("the ID from the cache is another")
	}
	// Close waits for the stat cache to be written.
	other := t.TempDir()
	f = open(Options{CacheDir: other})
	if _, err := f.Files(t.Context(), &manifest.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(other, "stat", "[^.]*")); len(files) != 1 {
		t.Error("the stat cache was not written by the time of Close:", files)
	}
	// With the same size and modification time, the change time shows the other content.
	info, err := os.Stat(w.Path("a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	w.Write("a.txt", "AAAA")
	if err := os.Chtimes(w.Path("a.txt"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := hashes(); got != "/a.txt false\n/b.txt true\n" {
		t.Error(got)
	}
	// A cache that is corrupt, or another folder's, is not used.
	files, _ := filepath.Glob(filepath.Join(cache, "stat", "*"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)/2],
		append(append([]byte{}, data[:60]...), append([]byte{data[60] ^ 1}, data[61:]...)...)} {
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hashes(); got != none {
			t.Error(got)
		}
	}
	if _, err := decodeCache(data, w.Dir+"/other"); err == nil {
		t.Error("another folder's cache was taken")
	}
	if got := sourcetest.Paths(sourcetest.List(t, openTest(t, w, Options{CacheDir: "/dev/null/x"}),
		nil)); got != "/a.txt /b.txt" {
		t.Error("without a cache:", got)
	}
}

func FuzzStatCache(f *testing.F) {
	f.Add(encodeCache("/site", map[string]cached{"a/b.html": {stamp{1, 2, 3, 4}, manifest.Hash{5}}, "c": {}}), "/site")
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
