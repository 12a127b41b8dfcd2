//go:build unix

package filelock_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"sync"
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
		t.Errorf("a path below a file: %v", err)
	}
}

// A lock is free after Close, even if child processes are being started. A child process has
// a copy of every open descriptor until it executes its program.
func TestCloseWhileProcessesStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	done := make(chan struct{})
	var starting sync.WaitGroup
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	for i := range 2000 {
		lock, err := filelock.Acquire(file)
		if err != nil {
			t.Errorf("round %d: %v", i, err)
			break
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	starting.Wait()
}
