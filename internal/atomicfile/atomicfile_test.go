package atomicfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a", "b", "state")
	for _, write := range []func(string, []byte, fs.FileMode) error{atomicfile.Write, atomicfile.WriteDurable} {
		for _, c := range []struct {
			content      string
			perm, folder fs.FileMode
		}{{"one", 0o600, 0o700}, {"", 0o644, 0o700}, {"three", 0o600, 0o700}} {
			if err := write(name, []byte(c.content), c.perm); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			if err != nil || string(got) != c.content {
				t.Errorf("it reads %q, %v; want %q", got, err, c.content)
			}
			if runtime.GOOS == "windows" {
				continue
			}
			if st, err := os.Stat(name); err != nil || st.Mode().Perm() != c.perm {
				t.Errorf("its mode is %v, want %v", st.Mode().Perm(), c.perm)
			}
			if st, err := os.Stat(filepath.Dir(name)); err != nil || st.Mode().Perm() != c.folder {
				t.Errorf("the folder's mode is %v, want %v", st.Mode().Perm(), c.folder)
			}
		}
	}
}

// If a write fails, the old file stays, and no temporary file is left.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "state")
	if err := os.MkdirAll(filepath.Join(name, "a folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(name, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("there are %v, %v", left, err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "no", "\x00"), nil, 0o600); err == nil ||
		errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an invalid name: %v", err)
	}
}

// A concurrent reader gets the old content or the new content.
func TestConcurrentReaders(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	a, b := bytes.Repeat([]byte("a"), 1<<20), bytes.Repeat([]byte("b"), 1<<20)
	if err := atomicfile.Write(name, a, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			if err := atomicfile.Write(name, [][]byte{b, a}[i%2], 0o600); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, a) && !bytes.Equal(got, b) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
}
