//go:build unix

package daemon

import (
	"os/exec"
	"syscall"
)

// alone gives a command a session of its own: it has no terminal to ask for a
// password at, and is ended together with what it starts. It ends with this
// process where the system knows how.
func alone(cmd *exec.Cmd) (end func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	endWithUs(cmd.SysProcAttr)
	signal := func(s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }
	cmd.Cancel = func() error { return signal(syscall.SIGTERM) }
	return func() {
		if cmd.Process != nil {
			_ = signal(syscall.SIGKILL) // there may be nobody left
		}
	}
}
