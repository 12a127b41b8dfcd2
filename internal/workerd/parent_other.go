//go:build !linux

package workerd

import (
	"os/exec"
	"strconv"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// watchParent starts a shell that reads from a pipe of ours: its end of file
// means that we are gone, and the process goes too.
func watchParent(pid int) (release func()) {
	guard := exec.Command("/bin/sh", "-c", "read _; kill -9 "+strconv.Itoa(pid))
	in, err := guard.StdinPipe()
	if err != nil || guard.Start() != nil {
		return func() {}
	}
	return func() {
		// The process has ended and its number may be another's by now: end the
		// guard before its pipe closes.
		_ = guard.Process.Kill()
		_ = in.Close()
		_ = guard.Wait()
	}
}
