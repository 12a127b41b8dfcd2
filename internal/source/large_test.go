package source

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Both sources list a file that is uploaded in chunks with the hash of its chunk index.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	film := gittest.Noise(1, manifest.MaxValueBytes+1)
	w := gittest.New(t).Write("film.mp4", film).Write("a.txt", "a")
	w.Git("config", "core.compression", "0")
	w.Commit("one")
	want := sourcetest.HashOf(film)
	if want == manifest.HashOf([]byte(film)) {
		t.Fatal("the hash of the index is the hash of the content")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.Path("film.mp4"), old, old); err != nil {
		t.Fatal(err)
	}
	folder, commit := openFolder(w, Options{}), openCommit(w, Options{})
	for name, s := range map[string]manifest.Source{"folder": folder, "commit": commit} {
		first := sourcetest.List(t, s, nil)
		if f := first.Files[1]; f.Path != "/film.mp4" || !f.Blob.Hash.IsZero() || sourcetest.Read(t, f) != film {
			t.Errorf("%s: without a base: %v", name, f.Asset)
		}
		known := sourcetest.List(t, s, &manifest.Manifest{})
		if f := known.Files[1]; f.Blob.Hash != want || !f.Chunked() {
			t.Errorf("%s: listed %v, want the hash %s", name, f.Asset, want)
		}
		if again := sourcetest.List(t, s, sourcetest.Manifest(t, known)); again.Files[1].Blob.Hash != want ||
			again.Origin.ID != known.Origin.ID {
			t.Errorf("%s: against its own manifest: %v, of %s", name, again.Files[1].Asset, again.Origin.ID)
		}
	}
	// The hash comes from the live manifest or from the stat cache, without reading the file.
	reads := commit.Reads().Blobs
	if sourcetest.List(t, commit, sourcetest.Manifest(t, sourcetest.List(t, commit,
		&manifest.Manifest{}))); commit.Reads().Blobs > reads+3 {
		t.Errorf("%d blobs were read", commit.Reads().Blobs-reads)
	}
	// The same content is written again, so its stamp is not trusted yet.
	if err := os.WriteFile(w.Path("film.mp4"), []byte(film), 0o600); err != nil {
		t.Fatal(err)
	}
	if l := sourcetest.List(t, openFolder(w, Options{}), &manifest.Manifest{}); l.Files[1].Blob.Hash != want {
		t.Errorf("after it was written again: %v", l.Files[1].Asset)
	}
}

// Reading a large file fails at its end if it changed meanwhile.
func TestLargeFileChangesWhileRead(t *testing.T) {
	t.Parallel()
	w := gittest.New(t).Write("film.mp4", strings.Repeat("0123456789abcdef", manifest.MaxValueBytes/16+1))
	f := sourcetest.List(t, openFolder(w, Options{}), nil).Files[0]
	content, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if _, err := io.CopyN(io.Discard, content, 1<<20); err != nil {
		t.Fatal(err)
	}
	disk, err := os.OpenFile(w.Path("film.mp4"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = disk.WriteAt([]byte("!"), 20<<20); err == nil {
		err = disk.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, content); !errors.Is(err, manifest.ErrChanged) {
		t.Errorf("reading to the end: %v", err)
	}
}

// A blob of 4 GiB is refused without reading it.
func TestTooLargeInCommit(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	id := strings.Repeat("1", 40)
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, "blob 4294967296\x00and no more")
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	w.Write(".git/objects/11/"+id[2:], b.String())
	tree := w.GitIn(w.Dir, "100644 blob "+id+"\tfilm.mp4\n", "mktree", "--missing")
	w.Git("update-ref", "refs/heads/large", w.Git("commit-tree", "-m", "large", tree))
	for _, base := range []*manifest.Manifest{nil, {}} {
		_, err := openCommit(w, Options{Revision: "large"}).Files(t.Context(), base)
		if err == nil || !strings.Contains(err.Error(), "film.mp4: the file has 4.0 GiB") {
			t.Errorf("got %v", err)
		}
	}
}
