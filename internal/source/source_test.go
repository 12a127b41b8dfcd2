package source

import (
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// work is a directory with a real git repository in it.
type work struct {
	testing.TB
	dir string
}

// newWork makes a repository whose commits do not depend on who runs the test.
func newWork(t testing.TB) *work {
	t.Helper()
	w := &work{t, t.TempDir()}
	w.git("init", "-q", "-b", "main")
	return w
}

// plainWork makes a directory without a repository.
func plainWork(t testing.TB) *work { return &work{t, t.TempDir()} }

func (w *work) git(args ...string) string {
	w.Helper()
	return w.gitIn(w.dir, "", args...)
}

// command is git in this directory, with nothing of the machine.
func (w *work) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2024-05-06T07:08:09Z",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=2024-05-06T07:08:09Z")
	return cmd
}

func (w *work) gitIn(dir, stdin string, args ...string) string {
	w.Helper()
	cmd := w.command(args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		detail := ""
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // straight from Output
			detail = string(exit.Stderr)
		}
		w.Fatalf("git %v: %v\n%s", args, err, detail)
	}
	return strings.TrimSpace(string(out))
}

func (w *work) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *work) write(name, text string) *work {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	return w
}

func (w *work) remove(name string) {
	w.Helper()
	if err := os.RemoveAll(w.path(name)); err != nil {
		w.Fatal(err)
	}
}

func (w *work) symlink(target, name string) {
	w.Helper()
	if err := os.Symlink(target, w.path(name)); err != nil {
		w.Fatal(err)
	}
}

// commit commits all that is there and returns the id.
func (w *work) commit(message string) string {
	w.Helper()
	w.git("add", "-A", "-f")
	w.git("commit", "-q", "--allow-empty", "-m", message)
	return w.git("rev-parse", "HEAD")
}

// options are those for this directory, with nothing of the machine in them.
func (w *work) options(o Options) Options {
	if o.WorkDir == "" {
		o.WorkDir = w.dir
	}
	if o.CacheDir == "" {
		o.CacheDir = w.TempDir()
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return o
}

func (w *work) openCommit(o Options) *Commit {
	w.Helper()
	c, err := OpenCommit(w.Context(), w.options(o))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *work) openFolder(o Options) *Folder {
	w.Helper()
	f, err := OpenFolder(w.options(o))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = f.Close() })
	return f
}

func list(t testing.TB, s kvsync.Source, base *kvsync.Manifest) *kvsync.Listing {
	t.Helper()
	l, err := s.Files(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := s.(*Folder); ok {
		f.saving.Wait() // the next folder of the test wants the cache of this one
	}
	return l
}

// manifest is what a deploy of a listing would keep: hashes are known, nonces
// given.
func manifest(t testing.TB, l *kvsync.Listing) *kvsync.Manifest {
	t.Helper()
	m := &kvsync.Manifest{Site: "test", Origin: l.Origin, Dirs: l.Dirs, Redirects: l.Redirects, Headers: l.Headers}
	for _, f := range l.Files {
		a := f.Asset
		a.Blob = kvsync.Ref{Hash: hashed(read(t, f)), Nonce: kvsync.Nonce{7}}
		m.Assets = append(m.Assets, a)
	}
	return m
}

func read(t testing.TB, f kvsync.File) string {
	t.Helper()
	content, err := f.Open()
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	defer content.Close()
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	return string(data)
}

// paths lists where files are served, on one line.
func paths(l *kvsync.Listing) string {
	var p []string
	for _, f := range l.Files {
		p = append(p, f.Path)
	}
	return strings.Join(p, " ")
}

// refusals lists what a source refuses, "path: reason" a line.
func refusals(t testing.TB, s kvsync.Source) string {
	t.Helper()
	_, err := s.Files(t.Context(), nil)
	refused, ok := err.(*kvsync.RefusedError) //nolint:errorlint // it is to be just that
	if !ok {
		t.Fatalf("got %v, want a *RefusedError", err)
	}
	var lines []string
	for _, p := range refused.Problems {
		if p.Fix == "" {
			t.Errorf("%s has no way out", p)
		}
		lines = append(lines, p.Path+": "+p.Reason)
	}
	return strings.Join(lines, "\n")
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sortLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
