//go:build unix

package filelock_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/filelock"
)

func TestAcquire(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		lock, err := filelock.Acquire(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filelock.Acquire(file); !errors.Is(err, filelock.ErrHeld) {
			t.Errorf("a lock that is held: %v", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := filelock.Acquire(filepath.Join(file, "below")); err == nil || errors.Is(err, filelock.ErrHeld) {
		t.Errorf("a file that cannot be: %v", err)
	}
}
