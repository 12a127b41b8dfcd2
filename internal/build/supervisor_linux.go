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

// The names under which this executable starts itself, the modes of the supervisor, and
// the requests to it.
const (
	supervisorName = "kv-sync-build"
	shellName      = "kv-sync-build-shell"

	plain, confined = "plain", "confined"

	requestTerm = 't'
)

// File descriptors of the supervisor.
const (
	lifelineFD = 3
	reportFD   = 4
)

// longestPause is the longest wait between two attempts to kill all processes.
const longestPause = 50 * time.Millisecond

// maxDenied is how often the supervisor tries again if it has no permission to kill a
// process.
const maxDenied = 100

// init makes any program that uses this package run as the supervisor, or as the shell,
// if it was started under their name.
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
	domain *domain // may be nil
	shell  int
	ended  chan struct{} // closed when the shell has ended with status
	status unix.WaitStatus
	gone   chan struct{} // closed when no process of the build is left
}

// supervise runs a build and returns the supervisor's exit code. When the shell ends or
// the lifeline closes, it kills all processes of the build and reports the shell's
// status. args are the command line, the guarded folder and the writable folders.
func supervise(isConfined bool, args []string) int {
	for _, fd := range []int{lifelineFD, reportFD} {
		unix.CloseOnExec(fd)
	}
	// Ignore these signals: only the process that started the supervisor may end the build.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	s := &supervisor{ended: make(chan struct{}), gone: make(chan struct{})}
	if err := s.start(isConfined, args); err != nil {
		fmt.Fprintln(os.Stderr, "kv-sync: start the build:", err)
		return s.report(126<<8, 0)
	}
	closed := make(chan struct{})
	go s.serve(os.NewFile(lifelineFD, "lifeline"), closed)
	go s.reap()
	select {
	case <-s.ended:
	case <-closed:
	}
	left := s.killAll()
	return s.report(int(s.status), left)
}

func (s *supervisor) start(isConfined bool, args []string) (err error) {
	// A build that could inspect its supervisor could fake its report.
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
	onNewThread(func() {
		if err = confine(); err == nil {
			s.shell, err = shell()
		}
	})
	return err
}

// serve handles requests until the lifeline closes.
func (s *supervisor) serve(lifeline io.Reader, closed chan<- struct{}) {
	defer close(closed)
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

// reap waits for the shell and all adopted processes. When a process ends, its children
// become children of the supervisor before the supervisor can wait for that process. So
// when the supervisor has no children, no process of the build is left.
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

// killAll kills processes until no process of the build is left, and returns 0. If the
// supervisor has no permission to kill some, because they run as another user, killAll
// gives up and returns the number of one of them.
func (s *supervisor) killAll() (left int) {
	var found int
	for denied, pause := 0, time.Duration(0); denied < maxDenied; pause = min(pause+time.Millisecond/10, longestPause) {
		if s.domain != nil {
			s.domain.kill()
		}
		if found, left = killChildren(listedPIDs); found == 0 && left == 0 && !s.isGone() {
			found, left = killChildren(allPIDs)
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

// killChildren kills those of the processes that are children of this process. It
// returns how many it killed, and the number of one that it has no permission to kill.
func killChildren(pids func(func(int) bool)) (found, denied int) {
	for pid := range pids {
		if !isChild(pid) {
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
		return 1 // the process that started the build has ended
	}
	return 0
}
