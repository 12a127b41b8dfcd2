//go:build !linux

package workerd

import (
	"os/exec"
	"strconv"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// watchParent starts a shell that reads from a pipe of this process. At its end of file,
// because this process has ended, the shell kills the process.
func watchParent(pid int) (release func()) {
	guard := exec.Command("/bin/sh", "-c", "read _; kill -9 "+strconv.Itoa(pid))
	in, err := guard.StdinPipe()
	if err != nil || guard.Start() != nil {
		return func() {}
	}
	return func() {
		// The process has ended, and another one may have its number now. End the shell
		// before its pipe closes.
		_ = guard.Process.Kill()
		_ = in.Close()
		_ = guard.Wait()
	}
}
