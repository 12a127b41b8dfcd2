package build

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The names under which this executable starts itself, which are no commands, and the
// requests to the supervisor.
const (
	supervisorName = "kv-sync-build"
	shellName      = "kv-sync-build-shell"

	plain, confined = "plain", "confined"

	requestTerm = 't'
)

// The file descriptors of a supervisor.
const (
	lifelineFD = 3
	reportFD   = 4
)

// longestPause is the longest time between two attempts to kill what is left.
const longestPause = 50 * time.Millisecond

// patience is the number of attempts to kill processes without permission.
const patience = 100

// init runs the supervisor, or becomes the shell, in every program that uses this
// package.
func init() {
	switch args := os.Args; {
	case len(args) >= 4 && args[0] == supervisorName:
		os.Exit(supervise(args[1] == confined, args[2:]))
	case len(args) >= 3 && args[0] == shellName:
		err := becomeShell(args[1], args[2], args[3:])
		fmt.Fprintln(os.Stderr, "kv-sync: start the build:", err)
		os.Exit(126)
	}
}

// supervisor is the state of the process that runs one build.
type supervisor struct {
	domain *domain // or nil
	shell  int
	ended  chan struct{} // the shell has ended, with status
	status unix.WaitStatus
	gone   chan struct{} // no process of the build is left
}

// supervise runs a build. When the build ends or the lifeline closes, it kills what is left
// of it, and then reports how the shell ended. The arguments are the line, the guarded
// folder, and the writable ones.
func supervise(isConfined bool, args []string) int {
	for _, fd := range []int{lifelineFD, reportFD} {
		unix.CloseOnExec(fd)
	}
	// Ignore signals: only the process that runs the build ends it.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	s := &supervisor{ended: make(chan struct{}), gone: make(chan struct{})}
	if err := s.start(isConfined, args); err != nil {
		fmt.Fprintln(os.Stderr, "kv-sync: start the build:", err)
		return s.report(126<<8, 0)
	}
	cut := make(chan struct{})
	go s.obey(os.NewFile(lifelineFD, "lifeline"), cut)
	go s.reap()
	select {
	case <-s.ended:
	case <-cut:
	}
	left := s.killAll()
	return s.report(int(s.status), left)
}

func (s *supervisor) start(isConfined bool, args []string) (err error) {
	// A build that could write to the memory of its supervisor could make it report a
	// false end.
	if err := Conceal(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	attr := &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true}}
	shell := func() (int, error) { return syscall.ForkExec("/bin/sh", []string{"/bin/sh", "-c", args[0]}, attr) }
	if !isConfined {
		s.shell, err = shell()
		return err
	}
	if s.domain = newDomain(); s.domain != nil {
		s.domain.do(func() { s.shell, err = syscall.ForkExec("/proc/self/exe", append([]string{shellName}, args...), attr) })
		return err
	}
	onItsOwnThread(func() {
		if err = confine(); err == nil {
			s.shell, err = shell()
		}
	})
	return err
}

// obey executes requests until the lifeline closes.
func (s *supervisor) obey(lifeline io.Reader, cut chan<- struct{}) {
	defer close(cut)
	b := make([]byte, 1)
	for {
		if _, err := lifeline.Read(b); err != nil {
			return
		}
		if b[0] == requestTerm {
			_ = unix.Kill(-s.shell, unix.SIGTERM)
		}
	}
}

// reap waits for the shell and all adopted processes. The children of a process are adopted
// before it can be waited for. So without a child there is no process of the build.
func (s *supervisor) reap() {
	defer close(s.gone)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case pid == s.shell && (status.Exited() || status.Signaled()):
			s.status = status
			close(s.ended)
		}
	}
}

// killAll kills the processes of the build until none is left. If some cannot be killed,
// because they run as another user, it stops, and returns one of them.
func (s *supervisor) killAll() (left int) {
	var found int
	for denied, pause := 0, time.Duration(0); denied < patience; pause = min(pause+time.Millisecond/10, longestPause) {
		if s.domain != nil {
			s.domain.kill()
		}
		if found, left = killChildren(listed); found == 0 && left == 0 && !s.isGone() {
			found, left = killChildren(all)
		}
		if found == 0 && left != 0 {
			denied++
		}
		select {
		case <-s.gone:
			return 0
		case <-time.After(pause):
		}
	}
	return left
}

func (s *supervisor) isGone() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// killChildren kills the children of this process among pids. It returns how many it found,
// and one that it may not kill.
func killChildren(pids func(func(int) bool)) (found, denied int) {
	for pid := range pids {
		if !child(pid) {
			continue
		}
		if err := unix.Kill(pid, unix.SIGKILL); errors.Is(err, unix.EPERM) {
			denied = pid
		} else {
			found++
		}
	}
	return found, denied
}

func (s *supervisor) report(status, left int) int {
	report := os.NewFile(reportFD, "report")
	if _, err := fmt.Fprintln(report, status, left); err != nil {
		return 1 // whoever started the build is gone
	}
	return 0
}
