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

// tree is a running build: its supervisor with all processes of the build below it. See
// supervisor_linux.go for the other side.
type tree struct {
	cmd *exec.Cmd
	// lifeline carries requests to the supervisor. When it closes, also because this
	// process ends, the supervisor kills the build.
	lifeline *os.File
	// report gets how the build ended, after its last process has ended.
	report *os.File
	ended  chan struct{}
}

// lateSupervisor is how long a supervisor may take to kill a build. A later one was, for
// example, stopped by the build. Then it is killed, too.
var lateSupervisor = 10 * time.Second

func start(c Command, output *os.File) (_ *tree, err error) {
	var theirs [2]*os.File
	t := &tree{ended: make(chan struct{})}
	if theirs[0], t.lifeline, err = os.Pipe(); err != nil {
		return nil, err
	}
	defer theirs[0].Close()
	if t.report, theirs[1], err = os.Pipe(); err != nil {
		_ = t.lifeline.Close()
		return nil, err
	}
	defer theirs[1].Close()
	mode := plain
	if c.Confined {
		mode = confined
	}
	t.cmd = exec.Command("/proc/self/exe") // works even if the file was replaced
	t.cmd.Args = append([]string{supervisorName, mode, c.Line, c.Guarded}, c.Writable...)
	t.cmd.Dir, t.cmd.Env, t.cmd.Stdout, t.cmd.Stderr, t.cmd.ExtraFiles = c.Dir, c.Env, output, output, theirs[:]
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

// ask sends SIGTERM to the build's process group.
func (t *tree) ask() { _, _ = t.lifeline.Write([]byte{requestTerm}) }

// end kills the build. Then wait returns.
func (t *tree) end() {
	_ = t.lifeline.Close()
	late := time.AfterFunc(lateSupervisor, func() { _ = t.cmd.Process.Kill() })
	go func() {
		<-t.ended
		late.Stop()
	}()
}

// wait returns how the build ended, after its last process has ended.
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
		return fmt.Errorf("process %d of the build runs as another user and cannot be ended; run the build without sudo, "+
			"and end that process", left)
	case status.Signaled():
		return fmt.Errorf("signal: %s", status.Signal())
	case status.ExitStatus() != 0:
		return exitError(status.ExitStatus())
	}
	return nil
}

// exitError is the exit code of a build that failed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
func (e exitError) ExitCode() int { return int(e) }

// adopting counts the builds for which this process is a subreaper.
var adopting struct {
	sync.Mutex
	builds int
}

// adoptOrphans makes this process a subreaper until disownOrphans: it adopts the processes
// of a killed supervisor.
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

// disownOrphans ends adoptOrphans. It waits for adopted processes that have ended, such as
// helpers of git.
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

// killOrphans kills the adopted processes until there are none.
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
	for pause := time.Duration(0); kill(listed) > 0 || kill(all) > 0; pause = min(pause+time.Millisecond, longestPause) {
		time.Sleep(pause)
	}
}

// orphan reports whether a process is a child that this process did not start. What this
// process starts is in its own session, or in one that package family knows. A build
// cannot enter either, because it started in another one.
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
