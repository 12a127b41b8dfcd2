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
	alive io.Closer // the guard ends the group when this closes
}

// Start runs the command in a group of its own, so that Ctrl-C reaches us and
// not it, and has it end when we do, however we do. A command that is to have a
// session of its own leads a group by that.
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
	// A kernel's death signal would reach the shell alone. This one reads from a
	// pipe of ours, whose end of file means that we are gone.
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

// Ask lets them clean up and go.
func (f *Family) Ask() { f.signal(syscall.SIGTERM) }

// Kill kills them.
func (f *Family) Kill() { f.signal(syscall.SIGKILL) }

// End kills them. It may be called more than once.
func (f *Family) End() {
	f.Kill()
	if f.guard == nil {
		return
	}
	EndSession(f.cmd)
	// The group's number may be another's soon: the guard ends before its pipe
	// closes.
	_ = f.guard.Process.Kill()
	_ = f.guard.Wait()
	_ = f.alive.Close()
	f.guard = nil
}

func (f *Family) signal(s syscall.Signal) {
	_ = syscall.Kill(-f.group, s) // there may be nobody left
}
