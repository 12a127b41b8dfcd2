package boundary

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file with credentials is read only by who asks for one, and only inside of the boundary.
func TestReadCredentials(t *testing.T) {
	top, outside := t.TempDir(), filepath.Join(t.TempDir(), ".env")
	for _, file := range []string{filepath.Join(top, ".dev.vars"), outside} {
		if err := os.WriteFile(file, []byte("KEY=1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(top, ".env")); err != nil {
		t.Fatal(err)
	}
	b, err := New(top)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadFile(filepath.Join(top, ".dev.vars"), 100); !errors.Is(err, ErrCredentials) {
		t.Errorf("ReadFile: %v", err)
	}
	if text, err := b.ReadCredentials(filepath.Join(top, ".dev.vars"), 100); err != nil || string(text) != "KEY=1" {
		t.Errorf("ReadCredentials: %q, %v", text, err)
	}
	if text, err := b.ReadCredentials(filepath.Join(top, ".env"), 100); err == nil {
		t.Errorf("ReadCredentials followed a symlink out of the boundary: %q", text)
	}
}
