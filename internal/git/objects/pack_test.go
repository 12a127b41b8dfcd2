package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// checkObjects compares every object with git's answer.
func checkObjects(t *testing.T, w *gittest.Work) {
	t.Helper()
	o := opened(t, w)
	for line := range strings.Lines(w.Git("cat-file", "--batch-all-objects", "--batch-check") + "\n") {
		var id, wantKind string
		var wantSize int64
		if _, err := fmt.Sscan(line, &id, &wantKind, &wantSize); err != nil {
			t.Fatal(err)
		}
		kind, size, err := o.store.stat(t.Context(), id)
		if err != nil || kind != wantKind || size != wantSize {
			t.Errorf("stat %s: %s %d %v; want %s", id, kind, size, err, line)
		}
		kind, size, content, err := o.store.open(t.Context(), id)
		if err != nil {
			t.Errorf("open %s: %v", id, err)
			continue
		}
		data, err := io.ReadAll(content)
		content.Close()
		if err != nil || kind != wantKind || size != wantSize || int64(len(data)) != size {
			t.Errorf("open %s: %s %d %v; want %s", id, kind, size, err, line)
		}
		if kind == kindBlob && BlobID(size, bytes.NewReader(data)) != id {
			t.Errorf("%s has other bytes", id)
		}
	}
	if _, _, err := o.store.stat(t.Context(), strings.Repeat("1", 40)); !errors.Is(err, ErrNoObject) {
		t.Error("a missing object:", err)
	}
}

// Every object is read correctly from every form of pack.
func TestPacks(t *testing.T) {
	t.Parallel()
	for name, repack := range map[string][]string{
		"loose":        nil,
		"offsets":      {"-c", "repack.useDeltaBaseOffset=true", "repack", "-adfq", "--depth=50", "--window=50"},
		"references":   {"-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50", "--window=50"},
		"bitmap":       {"repack", "-adbq"},
		"multi-pack":   {"repack", "-adq", "--write-midx"},
		"many packs":   {"-c", "pack.packSizeLimit=1m", "repack", "-adfq"},
		"far offsets":  {"-c", "pack.indexVersion=2", "repack", "-adq"},
		"uncompressed": {"-c", "core.compression=0", "repack", "-adFq"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := gittest.Deltas(t)
			if repack != nil {
				w.Git(repack...)
			}
			if name == "far offsets" { // 8-byte offsets, as in a pack of more than 2 GiB
				packs := packFiles(t, w, "pack")
				if err := os.Chmod(strings.TrimSuffix(packs[0], ".pack")+".idx", 0o600); err != nil {
					t.Fatal(err)
				}
				w.Git("index-pack", "--index-version=2,0x40", packs[0])
			}
			checkObjects(t, w)
		})
	}
}

func packFiles(t testing.TB, w *gittest.Work, ext string) []string {
	t.Helper()
	files, err := filepath.Glob(w.Path(".git/objects/pack/*." + ext))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// A pack that a gc removed before it was opened is skipped. Its objects are in another pack.
func TestPackRemovedBeforeItIsOpened(t *testing.T) {
	t.Parallel()
	w := gittest.Deltas(t)
	w.Git("repack", "-adfq")
	before := packFiles(t, w, "pack")
	s, err := openFiles(Layout{GitDir: w.Path(".git"), CommonDir: w.Path(".git"), ObjectDir: w.Path(".git/objects")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := w.Git("rev-parse", "HEAD")
	w.Write("new", "new").Commit("three")
	w.Git("repack", "-adfq")
	if after := packFiles(t, w, "pack"); len(after) != 1 || after[0] == before[0] {
		t.Fatalf("the packs are %v, after %v", after, before)
	}
	if kind, _, err := s.stat(t.Context(), id); err != nil || kind != kindCommit {
		t.Errorf("it is %q, %v", kind, err)
	}
}

// Reading a pack or an index with wrong bytes gives an error or the object, and does not panic.
func TestCorruptPack(t *testing.T) {
	t.Parallel()
	w := gittest.Deltas(t)
	w.Git("repack", "-adfq")
	ids := strings.Fields(w.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
	random := rand.New(rand.NewPCG(2, 3))
	for _, ext := range []string{"pack", "idx"} {
		name := packFiles(t, w, ext)[0]
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			bad := bytes.Clone(whole)
			for range 1 + random.IntN(8) {
				bad[random.IntN(len(bad))] = byte(random.Uint32())
			}
			if random.IntN(10) == 0 {
				bad = bad[:random.IntN(len(bad))]
			}
			w.Remove(strings.TrimPrefix(name, w.Dir))
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := openFiles(layoutOf(w))
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				_, _, _ = s.stat(t.Context(), id)
				if _, _, content, err := s.open(t.Context(), id); err == nil {
					_, _ = io.Copy(io.Discard, content)
					content.Close()
				}
			}
			_ = s.Close()
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checkObjects(t, w)
}

// A loose object whose stream has a wrong length or checksum is corrupt.
func TestLooseObjectIsCorrupt(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a.html", "hello").Commit("one")
	blob := w.Git("rev-parse", "HEAD:a.html")
	name := w.Path(".git/objects/" + blob[:2] + "/" + blob[2:])
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	w.Remove(strings.TrimPrefix(name, w.Dir))
	for _, bad := range [][]byte{nil, whole[:len(whole)-3],
		append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), []byte("nonsense")} {
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		o := opened(t, w)
		content, err := o.Blob(t.Context(), blob)
		if err == nil {
			_, err = io.ReadAll(content)
			content.Close()
		}
		if !errors.Is(err, errCorrupt) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// The cache keeps the most recently used bases.
func TestBaseCache(t *testing.T) {
	t.Parallel()
	c := newBaseCache(100)
	for i := range int64(10) {
		c.put(1, i, resolved{kindBlob, make([]byte, 20)})
		c.get(1, 0)
	}
	c.put(1, 99, resolved{kindBlob, make([]byte, 26)})
	var kept []int64
	for i := range int64(100) {
		if _, ok := c.get(1, i); ok {
			kept = append(kept, i)
		}
	}
	if fmt.Sprint(kept) != "[0 6 7 8 9]" || c.size != 100 {
		t.Error(kept, c.size)
	}
}
