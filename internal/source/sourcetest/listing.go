package sourcetest

import (
	"io"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// List returns the files of a source.
func List(t testing.TB, s manifest.Source, base *manifest.Manifest) *manifest.Listing {
	t.Helper()
	l, err := s.Files(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	s.Remember(nil) // this waits until the stat cache is written
	return l
}

// Manifest returns the manifest that a deploy of a listing would store, with all hashes and a
// fixed nonce.
func Manifest(t testing.TB, l *manifest.Listing) *manifest.Manifest {
	t.Helper()
	m := &manifest.Manifest{Site: "test", Origin: l.Origin, Dirs: l.Dirs, Redirects: l.Redirects, Headers: l.Headers}
	for _, f := range l.Files {
		a := f.Asset
		a.Blob = manifest.Ref{Hash: HashOf(Read(t, f)), Nonce: manifest.Nonce{7}}
		m.Assets = append(m.Assets, a)
	}
	return m
}

// HashOf returns the hash of a file's content, also of a large file.
func HashOf(content string) manifest.Hash {
	h := manifest.NewHasher(int64(len(content)))
	_, _ = io.WriteString(h, content)
	return h.Sum()
}

// Read returns the content of a file.
func Read(t testing.TB, f manifest.File) string {
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

// Paths lists the pathnames of a listing on one line.
func Paths(l *manifest.Listing) string {
	var p []string
	for _, f := range l.Files {
		p = append(p, f.Path)
	}
	return strings.Join(p, " ")
}

// Refusals lists what a source refuses, "path: reason" a line. Each must have a fix.
func Refusals(t testing.TB, s manifest.Source) string {
	t.Helper()
	_, err := s.Files(t.Context(), nil)
	refused, ok := err.(*manifest.RefusedError) //nolint:errorlint // it must not be wrapped
	if !ok {
		t.Fatalf("got %v, want a *RefusedError", err)
	}
	var lines []string
	for _, p := range refused.Problems {
		if p.Fix == "" {
			t.Errorf("%s has no fix", p)
		}
		lines = append(lines, p.Path+": "+p.Reason)
	}
	return strings.Join(lines, "\n")
}
