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

// A stamp is trusted only if the modification time and the change time are old enough: a file
// that was just written may change again within the same tick of the clock. The modification time
// alone does not suffice, because programs can set it.
func TestStampSettles(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	old, recent := now.Add(-time.Hour).UnixNano(), now.Add(-settleTime).UnixNano()
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
			t.Errorf("mtime %v, ctime %v: settled is %v", time.Unix(0, tt.mtime).UTC(), time.Unix(0, tt.ctime).UTC(), got)
		}
	}

	// A folder stores only hashes with such a stamp.
	w := gittest.Plain(t).Write("a.txt", "a")
	f := openTest(t, w, Options{})
	l := sourcetest.List(t, f, nil)
	l.Files[0].Blob.Hash = manifest.HashOf([]byte("a"))
	at := f.seen["/a.txt"].stamp
	changed := time.Unix(0, max(at.Mtime, at.Ctime))
	for _, tt := range []struct {
		now  time.Time
		want int
	}{{changed, 0}, {changed.Add(settleTime), 0}, {changed.Add(settleTime + 1), 1}} {
		if f.save(l.Files, tt.now); len(f.cache.entries) != tt.want {
			t.Errorf("%v after the change %d hashes are stored, want %d", tt.now.Sub(changed), len(f.cache.entries), tt.want)
		}
	}
}

// A stat cache with any wrong byte is rejected, because with a wrong hash a deploy could leave out
// a changed file.
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
			t.Errorf("with byte %d changed: %v", i, entries)
		}
	}
}

// A file that changed after it was listed is not opened, even if its size is the same.
func TestChangedFileOfTheSameSize(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(w *gittest.Work) error{
		"written again": func(w *gittest.Work) error {
			w.Write("a.txt", "later")
			return os.Chtimes(w.Path("a.txt"), at, at.Add(time.Minute))
		},
		"replaced by a file with the same time": func(w *gittest.Work) error {
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
			t.Fatalf("the listed file has %q", got)
		}
		if err := change(w); err != nil {
			t.Fatal(err)
		}
		if content, err := l.Files[0].Open(); !errors.Is(err, manifest.ErrChanged) {
			if err == nil {
				content.Close()
			}
			t.Errorf("%s: opening the file: %v", name, err)
		}
	}
}

// The stat cache returns hashes only for unchanged files. The test moves the folder's clock,
// because it cannot set the change time of a file.
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
		t.Error("the hashes of files that were just written were stored:", got)
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
		t.Error("the hashes of the upload were not stored:", got)
	}
	id := sourcetest.List(t, openTest(t, w, Options{CacheDir: cache}), nil).Origin.ID
	if id == "" || id != sourcetest.List(t, openTest(t, w, Options{}), &manifest.Manifest{}).Origin.ID {
		t.Error("with the cache the ID is different")
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
	// A change of the content that keeps size and modification time changes the change time.
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
	// A corrupt cache, and the cache of another folder, are not used.
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
		t.Error("the cache of another folder was used")
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

// With Rehash a file is read even if its stamp is that of the stat cache, and the cache gets the
// hash that was read. A write through a shared memory mapping can leave the stamp as it was; the
// test stores a wrong hash instead.
func TestRehash(t *testing.T) {
	t.Parallel()
	w, cache := gittest.Plain(t).Write("a.txt", "now"), t.TempDir()
	old := time.Now().Add(-time.Hour)
	hash := func(rehash bool) manifest.Hash {
		t.Helper()
		f := openTest(t, w, Options{CacheDir: cache, Rehash: rehash})
		f.now = func() time.Time { return time.Now().Add(time.Hour) } // the stamp has settled
		return sourcetest.List(t, f, &manifest.Manifest{}).Files[0].Blob.Hash
	}
	if err := os.Chtimes(w.Path("a.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	now, before := manifest.HashOf([]byte("now")), manifest.HashOf([]byte("old"))
	f := openTest(t, w, Options{CacheDir: cache})
	info, err := os.Stat(w.Path("a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.openCache().save(f.path, map[string]cached{"a.txt": {stampOf(info), before}}); err != nil {
		t.Fatal(err)
	}
	if hash(false) != before {
		t.Fatal("the stat cache was not used")
	}
	if hash(true) != now {
		t.Error("the stat cache was used")
	}
	if hash(false) != now {
		t.Error("the hash that was read is not in the stat cache")
	}
}
