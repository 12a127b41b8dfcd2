package source

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // git's checksum of an index
	"os"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// With Rehash, Auto reads the files, even if their time stamps are those of git's index. A write
// through a shared memory mapping can leave them as they were.
func TestAutoRehash(t *testing.T) {
	for _, command := range []string{"git", "no git"} {
		t.Run(command, func(t *testing.T) {
			w := gittest.Site(t).Write("public/mapped.txt", "before")
			w.Commit("First")
			unseen(t, w, "public/mapped.txt", "behind")
			t.Setenv("TMPDIR", t.TempDir())
			if command == "no git" {
				t.Setenv("PATH", t.TempDir())
			}
			for rehash, want := range map[bool]string{false: KindCommit, true: KindFolder} {
				s, err := Open(t.Context(), options(w, Options{Dir: "public", Rehash: rehash}))
				if err != nil {
					t.Fatal(err)
				}
				if o, err := s.Origin(t.Context()); err != nil || o.Kind != want {
					t.Errorf("rehash %v: %s (%v), want %s", rehash, o.Kind, err, want)
				}
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
				t.Error("the copy of the index is left:", left, err)
			}
		})
	}
}

// A clean work tree is the commit, also if its files are read.
func TestAutoRehashClean(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	s, err := Open(t.Context(), options(w, Options{Dir: "public", Rehash: true}))
	if err != nil {
		t.Fatal(err)
	}
	if o, err := s.Origin(t.Context()); err != nil || o.Kind != KindCommit {
		t.Errorf("%s (%v), want the commit", o.Kind, err)
	}
}

// unseen changes a committed file so that its stamp in git's index is right, and the id there
// is that of the old content.
func unseen(t *testing.T, w *gittest.Work, name, text string) {
	t.Helper()
	was := gittest.Unhex(t, w.Git("rev-parse", ":"+name))
	w.Write(name, text)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.Path(name), old, old); err != nil {
		t.Fatal(err)
	}
	w.Git("add", name)
	is := gittest.Unhex(t, w.Git("rev-parse", ":"+name))
	index, err := os.ReadFile(w.Path(".git/index"))
	if err != nil || bytes.Count(index, []byte(is)) != 1 {
		t.Fatal(bytes.Count(index, []byte(is)), err)
	}
	body := bytes.Replace(index[:len(index)-sha1.Size], []byte(is), []byte(was), 1)
	sum := sha1.Sum(body) //nolint:gosec // as above
	if err := os.WriteFile(w.Path(".git/index"), append(body, sum[:]...), 0o600); err != nil {
		t.Fatal(err)
	}
}
