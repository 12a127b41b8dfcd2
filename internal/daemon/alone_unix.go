//go:build unix

package daemon

import (
	"os/exec"
	"syscall"
)

// alone gives a command a session of its own: it has no terminal to ask for a
// password at. When its time is up it is asked to end with what it started.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
