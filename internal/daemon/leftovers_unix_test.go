//go:build unix

package daemon_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What a build leaves in place of a file that the daemon opens next does not stop it: a
// FIFO made the site, and the end of the daemon, wait for ever. A build cannot write
// there itself since Linux 6.12.
func TestFIFOsInPlaceOfFiles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := newRig(t, quiet+siteOf(o, `build = "true"`))
	one := o.push(nil)
	r.start()
	r.awaitLive(one)
	for _, name := range []string{"mirror.git/config", "build.log"} {
		r.stop() // its git may be at work there still
		file := filepath.Join(r.state, "sites/blog", name)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
		// Whoever waits goes on when the test has failed.
		defer func() {
			if fd, err := syscall.Open(file, syscall.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
				_ = syscall.Close(fd)
			}
		}()
		two := o.push(nil)
		r.start()
		r.awaitLive(two)
	}
}
