//go:build unix

package daemon_test

import (
	"syscall"
	"testing"
)

// A FIFO that a build left in place of a file does not block the daemon. Since Linux
// 6.12 a build cannot write there itself.
func TestFIFOsInPlaceOfFiles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := newTestDaemon(t, noPoll+siteOf(o, `build = "true"`))
	one := o.push(nil)
	r.start()
	r.awaitLive(one)
	for _, name := range []string{"mirror.git/config", "build.log"} {
		r.stop() // so that no git is running there
		file := r.stateFile(name)
		remove(t, file)
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
		// If the test fails, this unblocks the daemon.
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
