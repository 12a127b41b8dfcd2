package source

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// noise is what compresses to nothing.
func noise(seed byte, size int) string {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return string(b)
}

// hashed is the hash that a large file is to have.
func hashed(content string) kvsync.Hash {
	h := kvsync.NewHasher(int64(len(content)))
	_, _ = io.WriteString(h, content)
	return h.Sum()
}

// Files that go up in chunks are listed like any other, by either source, and
// hashed as their index will be.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	film := noise(1, kvsync.MaxValueBytes+1)
	w := newWork(t).write("film.mp4", film).write("a.txt", "a")
	w.git("config", "core.compression", "0")
	w.commit("one")
	want := hashed(film)
	if want == kvsync.HashOf([]byte(film)) {
		t.Fatal("the premise does not hold")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.path("film.mp4"), old, old); err != nil {
		t.Fatal(err)
	}
	folder, commit := w.openFolder(Options{}), w.openCommit(Options{})
	for name, s := range map[string]kvsync.Source{"folder": folder, "commit": commit} {
		first := list(t, s, nil)
		if f := first.Files[1]; f.Path != "/film.mp4" || !f.Blob.Hash.IsZero() || read(t, f) != film {
			t.Errorf("%s: without a base it lists %v", name, f.Asset)
		}
		known := list(t, s, &kvsync.Manifest{})
		if f := known.Files[1]; f.Blob.Hash != want || !f.Chunked() {
			t.Errorf("%s: it lists %v, want the hash %s", name, f.Asset, want)
		}
		if again := list(t, s, manifest(t, known)); again.Files[1].Blob.Hash != want || again.Origin.ID != known.Origin.ID {
			t.Errorf("%s: against its own manifest it lists %v, of %s", name, again.Files[1].Asset, again.Origin.ID)
		}
	}
	// From the base and from the stat cache it is known unread.
	reads := commit.Reads().Blobs
	if list(t, commit, manifest(t, list(t, commit, &kvsync.Manifest{}))); commit.Reads().Blobs > reads+3 {
		t.Errorf("%d blobs were read", commit.Reads().Blobs-reads)
	}
	if err := os.WriteFile(w.path("film.mp4"), []byte(film), 0o600); err != nil { // the same, and just now
		t.Fatal(err)
	}
	if l := list(t, w.openFolder(Options{}), &kvsync.Manifest{}); l.Files[1].Blob.Hash != want {
		t.Errorf("read anew it lists %v", l.Files[1].Asset)
	}
}

// What changes while it is read is not what was listed.
func TestLargeFileChangesWhileRead(t *testing.T) {
	t.Parallel()
	w := newWork(t).write("film.mp4", strings.Repeat("0123456789abcdef", kvsync.MaxValueBytes/16+1))
	f := list(t, w.openFolder(Options{}), nil).Files[0]
	content, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if _, err := io.CopyN(io.Discard, content, 1<<20); err != nil {
		t.Fatal(err)
	}
	disk, err := os.OpenFile(w.path("film.mp4"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = disk.WriteAt([]byte("!"), 20<<20); err == nil {
		err = disk.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, content); !errors.Is(err, kvsync.ErrChanged) {
		t.Errorf("it was read to its end: %v", err)
	}
}

// A large blob that git stores as a difference is read by git, where it is
// there: it can only be put together whole.
func TestLargeDelta(t *testing.T) {
	t.Parallel()
	film := noise(2, kvsync.MaxValueBytes+100)
	cut := film[:1<<20] + "!" + film[1<<20:]
	w := newWork(t).write("film.mp4", film)
	w.git("config", "core.compression", "0")
	w.commit("one")
	w.write("film.mp4", cut).write("other.mp4", film)
	w.commit("two")
	w.git("repack", "-adfq", "--depth=5", "--window=5")
	c := w.openCommit(Options{})
	git, ok := c.objects.git.(*catStore)
	if !ok {
		t.Fatal("there is no git")
	}
	l := list(t, c, nil)
	if read(t, l.Files[0]) != cut || read(t, l.Files[1]) != film {
		t.Error("other bytes")
	}
	if len(git.idle["--batch"]) != 1 {
		t.Error("git was not asked for the one that is a difference")
	}
	c.objects.git = nil
	if read(t, l.Files[0]) != cut || read(t, l.Files[1]) != film {
		t.Error("other bytes without git")
	}
}

func TestLargestFile(t *testing.T) {
	t.Parallel()
	if p := checkFile("x", "/x", 4<<30-1, false); p != (problem{}) {
		t.Errorf("a byte less than 4 GiB is refused: %v", p)
	}
	if p := checkFile("x", "/x", 4<<30, false); !strings.Contains(p.reason, "4.0 GiB") || !strings.Contains(p.fix, "R2") {
		t.Errorf("4 GiB: %v", p)
	}
}

// A commit's blob of 4 GiB is refused, unread.
func TestTooLargeInCommit(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	id := strings.Repeat("1", 40)
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, "blob 4294967296\x00and no more")
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	w.write(".git/objects/11/"+id[2:], b.String())
	tree := w.gitIn(w.dir, "100644 blob "+id+"\tfilm.mp4\n", "mktree", "--missing")
	w.git("update-ref", "refs/heads/large", w.git("commit-tree", "-m", "large", tree))
	for _, base := range []*kvsync.Manifest{nil, {}} {
		_, err := w.openCommit(Options{Revision: "large"}).Files(t.Context(), base)
		if err == nil || !strings.Contains(err.Error(), "film.mp4: the file has 4.0 GiB") {
			t.Errorf("got %v", err)
		}
	}
}

// Hashing a large file ends with the run.
func TestLargeFileIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	endless := &counter{cancel: cancel}
	_, _, err := digest(ctx, endless, kvsync.MaxFileBytes, true)
	if !errors.Is(err, context.Canceled) || endless.reads > 10 {
		t.Errorf("%d reads, %v", endless.reads, err)
	}
}

type counter struct {
	reads  int
	cancel func()
}

func (c *counter) Read(p []byte) (int, error) {
	if c.reads++; c.reads == 3 {
		c.cancel()
	}
	return len(p), nil
}
