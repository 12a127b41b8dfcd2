package build

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/procgroup"
)

// tree is a running build: its supervisor (see supervisor_linux.go) and all processes
// under it.
type tree struct {
	cmd *exec.Cmd
	// lifeline sends requests to the supervisor. When it closes, the supervisor kills the
	// build. The kernel closes it when this process ends.
	lifeline *os.File
	// report has the result. It arrives when no process of the build is left.
	report *os.File
	ended  chan struct{} // closed when the supervisor has ended
}

// supervisorTimeout limits how long a supervisor may take to kill a build. After that
// time it is killed itself: the build may have stopped it with SIGSTOP.
var supervisorTimeout = 10 * time.Second

func start(c Command, output *os.File) (_ *tree, err error) {
	var passed [2]*os.File
	t := &tree{ended: make(chan struct{})}
	if passed[0], t.lifeline, err = os.Pipe(); err != nil {
		return nil, err
	}
	defer passed[0].Close()
	if t.report, passed[1], err = os.Pipe(); err != nil {
		_ = t.lifeline.Close()
		return nil, err
	}
	defer passed[1].Close()
	mode := plain
	if c.Confined {
		mode = confined
	}
	t.cmd = exec.Command("/proc/self/exe") // also valid after an upgrade replaced the file
	t.cmd.Args = append([]string{supervisorName, mode, c.Line, c.Guarded}, c.Writable...)
	t.cmd.Dir, t.cmd.Env, t.cmd.Stdout, t.cmd.Stderr, t.cmd.ExtraFiles = c.Dir, c.Env, output, output, passed[:]
	if err = adoptOrphans(); err == nil {
		if err = procgroup.StartSession(t.cmd); err != nil {
			disownOrphans()
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.lifeline.Close(), t.report.Close())
	}
	return t, nil
}

// terminate sends SIGTERM to the build's process group.
func (t *tree) terminate() { _, _ = t.lifeline.Write([]byte{requestTerm}) }

// kill makes the supervisor kill the build, and wait return.
func (t *tree) kill() {
	_ = t.lifeline.Close()
	timeout := time.AfterFunc(supervisorTimeout, func() { _ = t.cmd.Process.Kill() })
	go func() {
		<-t.ended
		timeout.Stop()
	}()
}

// wait waits until no process of the build is left, and returns the result.
func (t *tree) wait() error {
	defer disownOrphans()
	defer t.lifeline.Close() //nolint:errcheck // a pipe
	defer t.report.Close()   //nolint:errcheck // only read
	text, _ := io.ReadAll(t.report)
	err := t.cmd.Wait()
	procgroup.EndSession(t.cmd)
	close(t.ended)
	var status, left int
	if n, _ := fmt.Sscan(string(text), &status, &left); n != 2 {
		killOrphans()
		return fmt.Errorf("the build's supervisor was killed (%w)", err)
	}
	switch status := syscall.WaitStatus(status); {
	case left != 0:
		return fmt.Errorf("process %d of the build runs as another user and cannot be killed; "+
			"kill it, and run the build without sudo", left)
	case status.Signaled():
		return fmt.Errorf("signal: %s", status.Signal())
	case status.ExitStatus() != 0:
		return exitError(status.ExitStatus())
	}
	return nil
}

// exitError is the exit code of a failed build.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
func (e exitError) ExitCode() int { return int(e) }

// adopting counts the running builds. While there is one, this process adopts orphans.
var adopting struct {
	sync.Mutex
	builds int
}

// adoptOrphans makes this process a subreaper until disownOrphans is called: if a
// supervisor is killed, its children become children of this process.
func adoptOrphans() error {
	adopting.Lock()
	defer adopting.Unlock()
	if adopting.builds == 0 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("adopt the build's processes: %w", err)
		}
	}
	adopting.builds++
	return nil
}

// disownOrphans reverts adoptOrphans. It also waits for adopted processes that have
// ended, such as a background process of git.
func disownOrphans() {
	adopting.Lock()
	defer adopting.Unlock()
	if adopting.builds--; adopting.builds == 0 {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	for pid := range listedPIDs {
		if isOrphan(pid) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
	}
}

// killOrphans kills all adopted processes until there are none.
func killOrphans() {
	kill := func(pids func(func(int) bool)) (found int) {
		for pid := range pids {
			if !isOrphan(pid) || errors.Is(unix.Kill(pid, unix.SIGKILL), unix.EPERM) {
				continue
			}
			found++
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
		return found
	}
	pause := time.Duration(0)
	for kill(listedPIDs) > 0 || kill(allPIDs) > 0 {
		time.Sleep(pause)
		pause = min(pause+time.Millisecond, longestPause)
	}
}

// isOrphan reports whether a process is a child that this process did not start. A child
// that it did start is in its own session or in one that [procgroup.StartSession]
// created. The processes of a build are in other sessions, and a process cannot move
// into a session that exists.
func isOrphan(pid int) bool {
	if !isChild(pid) {
		return false
	}
	own, err := unix.Getsid(0)
	if err != nil {
		return false
	}
	session, err := unix.Getsid(pid)
	return err == nil && session != own && !procgroup.Started(session)
}
