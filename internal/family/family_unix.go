//go:build unix

package family

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// Family is a command with all processes that it starts: a process group.
type Family struct {
	cmd   *exec.Cmd
	group int
	guard *exec.Cmd
	alive io.Closer // the guard kills the group when this closes
}

// Detach gives a command that is not started yet a session of its own: it has no
// terminal to ask at. The end of the command's context asks the whole group to end.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// Start runs the command in a process group of its own, so that Ctrl-C reaches
// this process and not the command. The group ends when this process does,
// however it ends. A command with a session of its own keeps that.
func Start(cmd *exec.Cmd) (*Family, error) {
	start := StartSession
	if cmd.SysProcAttr == nil || !cmd.SysProcAttr.Setsid {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		return nil, err
	}
	f := &Family{cmd: cmd, group: cmd.Process.Pid}
	// A death signal of the kernel would reach the first process alone. The guard
	// reads from a pipe of this process: end of file means that this process died.
	guard := exec.Command("/bin/sh", "-c", "read _; kill -s KILL -- -"+strconv.Itoa(f.group))
	guard.Env = []string{}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		f.signal(syscall.SIGKILL)
		_ = cmd.Wait()
		EndSession(cmd)
		return nil, err
	}
	f.guard, f.alive = guard, in
	return f, nil
}

// Ask sends SIGTERM to the group, so that its processes can clean up.
func (f *Family) Ask() { f.signal(syscall.SIGTERM) }

// Kill kills the group.
func (f *Family) Kill() { f.signal(syscall.SIGKILL) }

// End kills the group and its guard. It may be called more than once.
func (f *Family) End() {
	f.Kill()
	if f.guard == nil {
		return
	}
	EndSession(f.cmd)
	// The system may give the group's number to another group soon. So the guard
	// must end before its pipe closes.
	_ = f.guard.Process.Kill()
	_ = f.guard.Wait()
	_ = f.alive.Close()
	f.guard = nil
}

func (f *Family) signal(s syscall.Signal) {
	_ = syscall.Kill(-f.group, s) // the group may have ended
}
