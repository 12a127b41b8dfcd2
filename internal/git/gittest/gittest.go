// Package gittest makes git repositories for tests with real git. It ignores git's
// configuration of the machine, so commits have the same ids everywhere.
//
//	w := gittest.New(t)
//	id := w.Write("index.html", "hello").Commit("first")
package gittest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Work is a directory of a test, usually with a repository in it. Its methods fail the
// test on any error.
type Work struct {
	testing.TB
	Dir string
}

// New makes a directory with an empty repository. Its branch is main.
func New(t testing.TB) *Work {
	t.Helper()
	w := Plain(t)
	w.Git("init", "-q", "-b", "main")
	return w
}

// Plain makes a directory without a repository.
func Plain(t testing.TB) *Work { return &Work{t, t.TempDir()} }

// Git runs git in the directory and returns what it prints.
func (w *Work) Git(args ...string) string {
	w.Helper()
	return w.GitIn(w.Dir, "", args...)
}

// Command returns a git command that runs in the directory.
func (w *Work) Command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = w.Dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TEMPLATE_DIR=",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2024-05-06T07:08:09Z",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_COMMITTER_DATE=2024-05-06T07:08:09Z")
	return cmd
}

// GitIn runs git in another directory, with standard input.
func (w *Work) GitIn(dir, stdin string, args ...string) string {
	w.Helper()
	cmd := w.Command(args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		detail := ""
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output does not wrap it
			detail = string(exit.Stderr)
		}
		w.Fatalf("git %v: %v\n%s", args, err, detail)
	}
	return strings.TrimSpace(string(out))
}

// Path returns the path of a file in the directory.
func (w *Work) Path(name string) string { return filepath.Join(w.Dir, filepath.FromSlash(name)) }

// Write writes a file, and makes its folder.
func (w *Work) Write(name, text string) *Work {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(w.Path(name)), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(w.Path(name), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
	return w
}

// Remove removes a file, or a folder with all that is in it.
func (w *Work) Remove(name string) {
	w.Helper()
	if err := os.RemoveAll(w.Path(name)); err != nil {
		w.Fatal(err)
	}
}

// Symlink makes a symlink at a name.
func (w *Work) Symlink(target, name string) {
	w.Helper()
	if err := os.Symlink(target, w.Path(name)); err != nil {
		w.Fatal(err)
	}
}

// Commit commits every file, also ignored ones, and returns the commit's id.
func (w *Work) Commit(message string) string {
	w.Helper()
	w.Git("add", "-A", "-f")
	w.Git("commit", "-q", "--allow-empty", "-m", message)
	return w.Git("rev-parse", "HEAD")
}

// Unhex decodes hexadecimal, such as an object's id.
func Unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Noise returns bytes that cannot be compressed.
func Noise(seed byte, size int) string {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return string(b)
}

// Site makes a repository with a site in the folder public, not committed yet.
func Site(t testing.TB) *Work {
	return New(t).Write("README.md", "not published").
		Write("public/index.html", "<h1>hello</h1>").
		Write("public/css/a.css", "a{}").
		Write("public/css/deep/b.css", "b{}").
		Write("public/img/logo.svg", "<svg/>").
		Write("public/_redirects", "/old /new 301\n").
		Write("public/_headers", "/*\n  X-Frame-Options: DENY\n").
		Write("public/.assetsignore", "*.map\n").
		Write("public/app.js.map", "{}").
		Write("public/.hidden", "x").
		Write("public/.well-known/security.txt", "Contact: x")
}

// Deltas makes a repository whose blobs differ a little from each other, so that
// git stores most of them as deltas of deltas.
func Deltas(t testing.TB) *Work {
	w := New(t)
	random := rand.New(rand.NewPCG(9, 9))
	var text []string
	for i := range 200 {
		text = append(text, fmt.Sprintf("line %d %x\n", i, random.Uint64()))
	}
	for i := range 60 {
		text[random.IntN(len(text))] = fmt.Sprintf("other %x\n", random.Uint64())
		w.Write(fmt.Sprintf("d%d/f%d.txt", i%3, i), strings.Join(text, ""))
	}
	w.Write("empty", "").Write("one", "1")
	w.Commit("one")
	w.Write("d0/f0.txt", "changed")
	w.Commit("two")
	w.Git("tag", "-a", "-m", "x", "heavy")
	return w
}

// Growing makes a repository with two hostile trees, whose few objects refer to each other:
// wide expands to more files than fit into memory, deep to 75 nested folders with long names.
func Growing(t testing.TB) (w *Work, wide, deep string) {
	w = New(t)
	blob := w.GitIn(w.Dir, "x", "hash-object", "-w", "--stdin")
	wide, deep = blob, blob
	for level := range 75 {
		kind := "040000 tree"
		if level == 0 {
			kind = "100644 blob"
		}
		if level < 5 {
			var lines strings.Builder
			for i := range 100 {
				fmt.Fprintf(&lines, "%s %s\t%02d\n", kind, wide, i)
			}
			wide = w.GitIn(w.Dir, lines.String(), "mktree")
		}
		deep = w.GitIn(w.Dir, fmt.Sprintf("%s %s\t%s\n", kind, deep, strings.Repeat("d", 250)), "mktree")
	}
	return w, wide, deep
}
