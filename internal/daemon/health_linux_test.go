package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Healthy notices a full disk, on which an empty file can still be made.
func TestFullDiskIsNotHealthy(t *testing.T) {
	r := newTestDaemon(t, noPoll+siteOf(newOrigin(t)))
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	defer func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }()
	r.state = filepath.Join(disk, "state")
	d, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Healthy(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(disk, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 1<<10))
	}
	if err := d.Healthy(); err == nil || !strings.Contains(err.Error(), "cannot be written to: ") ||
		!strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if err := d.Healthy(); err != nil {
		t.Errorf("with space again: %v", err)
	}
}
