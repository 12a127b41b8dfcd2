//go:build unix

package filelock_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := filelock.Folder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := filelock.Folder(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a folder whose lock is held: %v", err)
	}
	next := make(chan error, 1)
	go func() {
		lock, err := filelock.Folder(t.Context(), dir)
		if err == nil {
			err = lock.Close()
		}
		next <- err
	}()
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-next; err != nil {
		t.Errorf("the next one: %v", err)
	}
	if _, err := filelock.Folder(t.Context(), filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that does not exist is locked")
	}
}
