package source

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A stamp is trusted once the file was left alone for long enough by both of its
// times: the one of its content can be set back, and a file that was changed just
// now may change once more within the same tick of the clock.
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
			t.Errorf("changed at %v, its inode at %v: settled is %v", time.Unix(0, tt.mtime).UTC(), time.Unix(0, tt.ctime).UTC(), got)
		}
	}

	// The same for what a folder remembers.
	w := plainWork(t).write("a.txt", "a")
	f := w.openFolder(Options{})
	l := list(t, f, nil)
	l.Files[0].Blob.Hash = kvsync.HashOf([]byte("a"))
	at := f.seen["/a.txt"].stamp
	changed := time.Unix(0, max(at.Mtime, at.Ctime))
	for _, tt := range []struct {
		now  time.Time
		want int
	}{{changed, 0}, {changed.Add(racy), 0}, {changed.Add(racy + 1), 1}} {
		if f.save(l.Files, tt.now); len(f.cache.entries) != tt.want {
			t.Errorf("%v after the change %d files are remembered, want %d", tt.now.Sub(changed), len(f.cache.entries), tt.want)
		}
	}
}

// A stat cache with one wrong byte is none, wherever the byte is: a hash that is
// wrong would keep a changed file from being deployed.
func TestDamagedStatCache(t *testing.T) {
	t.Parallel()
	whole := encodeCache("/site", map[string]cached{"a.txt": {stamp{1, 2, 3, 4}, kvsync.Hash{5}}})
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

// A file that is not the one that was listed is not published, also where its size
// is the same: what was checked is what is sent.
func TestChangedFileOfTheSameSize(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(w *work) error{
		"written again": func(w *work) error {
			w.write("a.txt", "later")
			return os.Chtimes(w.path("a.txt"), at, at.Add(time.Minute))
		},
		"replaced by one with its time": func(w *work) error {
			w.write("new.txt", "later")
			if err := os.Chtimes(w.path("new.txt"), at, at); err != nil {
				return err
			}
			return os.Rename(w.path("new.txt"), w.path("a.txt"))
		},
	} {
		w := plainWork(t).write("a.txt", "first")
		if err := os.Chtimes(w.path("a.txt"), at, at); err != nil {
			t.Fatal(err)
		}
		l := list(t, w.openFolder(Options{}), nil)
		if got := read(t, l.Files[0]); got != "first" {
			t.Fatalf("it has %q", got)
		}
		if err := change(w); err != nil {
			t.Fatal(err)
		}
		if content, err := l.Files[0].Open(); !errors.Is(err, kvsync.ErrChanged) {
			if err == nil {
				content.Close()
			}
			t.Errorf("%s: it was opened, %v", name, err)
		}
	}
}
