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

	"github.com/kv-sync/kv-sync/internal/family"
)

// tree is a running build: its supervisor and all processes under it. The other side is
// in supervisor_linux.go.
type tree struct {
	cmd *exec.Cmd
	// lifeline sends requests to the supervisor. When it closes, as at the end of this
	// process, the supervisor kills the build.
	lifeline *os.File
	// report receives the result when no process of the build is left.
	report *os.File
	ended  chan struct{}
}

// lateSupervisor limits how long a supervisor may take to kill a build. A later one may
// have been stopped by the build, and is killed.
var lateSupervisor = 10 * time.Second

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
	t.cmd = exec.Command("/proc/self/exe") // works also after the file was replaced
	t.cmd.Args = append([]string{supervisorName, mode, c.Line, c.Guarded}, c.Writable...)
	t.cmd.Dir, t.cmd.Env, t.cmd.Stdout, t.cmd.Stderr, t.cmd.ExtraFiles = c.Dir, c.Env, output, output, passed[:]
	if err = adoptOrphans(); err == nil {
		if err = family.StartSession(t.cmd); err != nil {
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

// kill kills the build. Then wait returns.
func (t *tree) kill() {
	_ = t.lifeline.Close()
	late := time.AfterFunc(lateSupervisor, func() { _ = t.cmd.Process.Kill() })
	go func() {
		<-t.ended
		late.Stop()
	}()
}

// wait returns the result when no process of the build is left.
func (t *tree) wait() error {
	defer disownOrphans()
	defer t.lifeline.Close() //nolint:errcheck // a pipe
	defer t.report.Close()   //nolint:errcheck // only read
	text, _ := io.ReadAll(t.report)
	err := t.cmd.Wait()
	family.EndSession(t.cmd)
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

// adopting counts the running builds, for which this process adopts orphans.
var adopting struct {
	sync.Mutex
	builds int
}

// adoptOrphans makes the processes of a killed supervisor children of this process, until
// disownOrphans.
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

// disownOrphans ends adoptOrphans. It reaps adopted processes that have ended, such as a
// helper that git left.
func disownOrphans() {
	adopting.Lock()
	defer adopting.Unlock()
	if adopting.builds--; adopting.builds == 0 {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	for pid := range listed {
		if orphan(pid) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
	}
}

// killOrphans kills all adopted processes until there are none.
func killOrphans() {
	kill := func(pids func(func(int) bool)) (found int) {
		for pid := range pids {
			if !orphan(pid) || errors.Is(unix.Kill(pid, unix.SIGKILL), unix.EPERM) {
				continue
			}
			found++
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		}
		return found
	}
	pause := time.Duration(0)
	for kill(listed) > 0 || kill(all) > 0 {
		time.Sleep(pause)
		pause = min(pause+time.Millisecond, longestPause)
	}
}

// orphan reports whether a process is a child that this process did not start. Processes
// that it starts are in its own session or in one that package family knows. A build
// starts in another session and cannot enter these.
func orphan(pid int) bool {
	if !child(pid) {
		return false
	}
	own, err := unix.Getsid(0)
	if err != nil {
		return false
	}
	session, err := unix.Getsid(pid)
	return err == nil && session != own && !family.Started(session)
}
