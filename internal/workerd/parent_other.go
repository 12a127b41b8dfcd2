//go:build !linux

package workerd

import (
	"os/exec"
	"strconv"
	"syscall"
)

// killWithParent returns nil, because only Linux has such attributes.
func killWithParent() *syscall.SysProcAttr { return nil }

// startGuard starts a shell that kills the process pid when this process ends. The shell reads
// from a pipe of this process, so it gets an end of file then. stop ends the shell.
func startGuard(pid int) (stop func()) {
	guard := exec.Command("/bin/sh", "-c", "read _; kill -9 "+strconv.Itoa(pid))
	in, err := guard.StdinPipe()
	if err != nil || guard.Start() != nil {
		return func() {}
	}
	return func() {
		// Kill the shell before the pipe closes. Otherwise it would kill pid, which may be
		// another process by now.
		_ = guard.Process.Kill()
		_ = in.Close()
		_ = guard.Wait()
	}
}
