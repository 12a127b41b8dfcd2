// Package sourcetest helps tests of sources: it reads their listings, and makes git
// repositories of the size that large sites have.
package sourcetest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// Large is a repository with many files and commits, in one pack as after a clone. Its site is
// the folder public. Nothing is checked out.
type Large struct {
	// Files is the number of files of the site, FileBytes the size of each. The content is random,
	// so it cannot be compressed.
	Files, FileBytes int
	// Commits is the length of the history. Each commit changes one file.
	Commits int

	// Dir is where the repository is, after Make.
	Dir string
}

// The branches of a large repository. Live is the end of the history and checked out; each of
// the others is one commit ahead of it.
const (
	Live = "main"
	// Page changes one file of the site.
	Page = "page"
	// Notes changes a file outside the site.
	Notes = "notes"
)

// Name returns the name of the n-th file. A folder has 50 files.
func (l *Large) Name(n int) string {
	return fmt.Sprintf("public/part-%02d/page-%02d/item-%06d.txt", n/2000, n/50%40, n)
}

// Make makes the repository with real git, in a folder that is removed after the test. 100,000
// files of 4 KiB take about half a minute.
func (l *Large) Make(t testing.TB) {
	t.Helper()
	l.Dir = t.TempDir()
	l.git(t, nil, "init", "--quiet", "--initial-branch", Live, ".")
	stream, feed := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(feed, 1<<20)
		l.write(out)
		feed.CloseWithError(out.Flush())
	}()
	// Without compression git is several times as fast, and random content does not shrink.
	l.git(t, stream, "-c", "core.compression=0", "-c", "pack.compression=0", "-c", "fastimport.unpackLimit=0",
		"fast-import", "--quiet", "--depth=10")
	l.git(t, nil, "pack-refs", "--all")
	packs, err := filepath.Glob(filepath.Join(l.Dir, ".git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("one pack is wanted, not %v: %v", packs, err)
	}
}

// write writes the repository in the format of git fast-import. The caller gets an error of the
// writer from Flush.
func (l *Large) write(out *bufio.Writer) {
	noise, body := rand.NewChaCha8([32]byte{6}), make([]byte, l.FileBytes)
	file := func(name string, content []byte) {
		fmt.Fprintf(out, "M 644 inline %s\ndata %d\n%s\n", name, len(content), content)
	}
	random := func(name string) {
		_, _ = noise.Read(body) // it never fails
		file(name, body)
	}
	when := int64(1_700_000_000)
	commit := func(branch, from string) {
		when += 60
		fmt.Fprintf(out, "commit refs/heads/%s\ncommitter Ada <ada@example.org> %d +0000\ndata 4\nnext\n", branch, when)
		if from != "" {
			fmt.Fprintf(out, "from refs/heads/%s\n", from)
		}
	}
	commit(Live, "")
	file("kv-sync.toml", []byte("name = \"large\"\ndirectory = \"public\"\n"))
	file("notes/today.txt", []byte("nothing yet\n"))
	for n := range l.Files {
		random(l.Name(n))
	}
	for n := range l.Commits - 1 {
		commit(Live, "")
		random(l.Name(n * 37 % l.Files))
	}
	commit(Page, Live)
	random(l.Name(l.Files / 2))
	commit(Notes, Live)
	file("notes/today.txt", []byte("something\n"))
}

// CheckOut checks out the live branch.
func (l *Large) CheckOut(t testing.TB) {
	t.Helper()
	l.git(t, nil, "checkout", "--quiet", "-f", Live)
}

// ID returns the id that a revision names.
func (l *Large) ID(t testing.TB, revision string) string {
	t.Helper()
	return strings.TrimSpace(l.git(t, nil, "rev-parse", "--verify", revision))
}

// PackBytes returns the size of the pack.
func (l *Large) PackBytes(t testing.TB) (size int64) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(l.Dir, ".git", "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range packs {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

func (l *Large) git(t testing.TB, stdin io.Reader, args ...string) string {
	t.Helper()
	set := []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1"}
	g := command.New(command.Options{Dir: l.Dir, Set: set})
	out, err := g.Do(t.Context(), command.Call{Args: args, Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
