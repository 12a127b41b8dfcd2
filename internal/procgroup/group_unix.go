//go:build unix

package procgroup

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// Group is a running command and all processes of its process group.
type Group struct {
	cmd   *exec.Cmd
	id    int
	guard *exec.Cmd
	pipe  io.Closer // the guard's standard input: when it closes, the guard kills the group
}

// Detach makes a command start in a new session, without a terminal to ask for input.
// When the command's context ends, its whole process group gets SIGTERM.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// Start runs the command in a new process group, or in a new session if [Detach] was
// called. So Ctrl-C signals this process and not the command. When this process ends or
// is killed, the group is killed.
func Start(cmd *exec.Cmd) (*Group, error) {
	start := StartSession
	if cmd.SysProcAttr == nil || !cmd.SysProcAttr.Setsid {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		return nil, err
	}
	g := &Group{cmd: cmd, id: cmd.Process.Pid}
	// Linux's PR_SET_PDEATHSIG would signal only the first process. The guard reads
	// from a pipe whose other end this process has: end of file means that this process
	// has ended.
	guard := exec.Command("/bin/sh", "-c", "read _; kill -s KILL -- -"+strconv.Itoa(g.id))
	guard.Env = []string{}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		g.Kill()
		_ = cmd.Wait()
		EndSession(cmd)
		return nil, err
	}
	g.guard, g.pipe = guard, in
	return g, nil
}

// Terminate sends SIGTERM to the group, so that its processes can clean up.
func (g *Group) Terminate() { g.signal(syscall.SIGTERM) }

// Kill kills the group.
func (g *Group) Kill() { g.signal(syscall.SIGKILL) }

// End kills the group and its guard. It may be called more than once.
func (g *Group) End() {
	g.Kill()
	if g.guard == nil {
		return
	}
	EndSession(g.cmd)
	// The guard is killed before its pipe closes: it would kill a group by its number,
	// which the system may have given to another group.
	_ = g.guard.Process.Kill()
	_ = g.guard.Wait()
	_ = g.pipe.Close()
	g.guard = nil
}

func (g *Group) signal(s syscall.Signal) {
	_ = syscall.Kill(-g.id, s) // the group may have ended
}
