package build_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/build"
)

// escapes are ways in which a process tries to survive its build. The process keeps
// descriptor 9 open. "forks all the time" is one process at any moment: each process forks
// once and exits. It ends when the test's folder is removed.
var escapes = map[string]string{
	"background":            `sh -c 'READY; sleep 60' &`,
	"own session":           `setsid sh -c 'READY; sleep 60' &`,
	"double fork":           `( ( setsid sh -c 'READY; sleep 60' & ) & )`,
	"nohup":                 `nohup sh -c 'READY; sleep 60' &`,
	"ignores signals":       `setsid sh -c 'trap "" TERM HUP INT; READY; sleep 60' &`,
	"stopped":               `setsid sh -c 'READY; kill -STOP $$; sleep 60' &`,
	"forks all the time":    `setsid sh -c 'READY; f() { test -d DIR || exit; f & }; f' &`,
	"closes its output":     `setsid sh -c 'READY; exec >/dev/null 2>&1 </dev/null; sleep 60' &`,
	"changes its directory": `setsid sh -c 'READY; cd /; sleep 60' &`,
}

// watch is a FIFO that shows whether any process of a build has it open.
type watch struct {
	t         *testing.T
	fd        int
	fifo, dir string
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{t: t, dir: t.TempDir()}
	w.fifo = filepath.Join(w.dir, "fifo")
	if err := unix.Mkfifo(w.fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(w.fifo, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.fd = fd
	t.Cleanup(func() { _ = unix.Close(fd) })
	return w
}

// line returns the command line of a build: it starts a process with one of the escapes,
// waits until that process has the FIFO open, prints "ready", and then runs a command.
func (w *watch) line(escape, then string) string {
	ready := filepath.Join(w.dir, "ready")
	_ = os.Remove(ready)
	return fmt.Sprintf("%s\nuntil test -e %s; do sleep 0.01; done\necho ready\n%s",
		strings.NewReplacer("READY", "exec 9>"+w.fifo+"; echo here >&9; : >"+ready, "DIR", w.dir).Replace(escape), ready,
		then)
}

// check reports whether a process has opened the FIFO, and whether one still has it open.
func (w *watch) check() (started, left bool) {
	w.t.Helper()
	b := make([]byte, 1<<10)
	for {
		switch n, err := unix.Read(w.fd, b); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return started, true
		case err != nil:
			w.t.Fatal(err)
		case n == 0:
			return started, false
		default:
			started = true
		}
	}
}

// nothingLeft fails the test if a process of the build is left, or none was started.
func (w *watch) nothingLeft() {
	w.t.Helper()
	if started, left := w.check(); !started || left {
		w.t.Errorf("a process was started: %v; a process is left: %v", started, left)
	}
}

// awaitNone waits until no process of the build is left.
func (w *watch) awaitNone() {
	w.t.Helper()
	anyStarted := false
	for {
		started, left := w.check()
		if anyStarted = anyStarted || started; !left {
			break
		}
		polled := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(polled, 60_000); n == 0 && err == nil {
			w.t.Fatal("a process of the build is left")
		}
	}
	if !anyStarted {
		w.t.Error("no process was started")
	}
}

// No process survives its build, with any of the escapes, when the build succeeds, fails
// or is cancelled.
func TestNothingSurvivesABuild(t *testing.T) {
	for _, confined := range []bool{false, true} {
		for name, escape := range escapes {
			t.Run(fmt.Sprintf("%s/confined %v", name, confined), func(t *testing.T) {
				c := build.Command{Env: os.Environ(), Confined: confined}
				w := newWatch(t)
				c.Line = w.line(escape, "exit 0")
				if err := c.Run(t.Context()); err != nil {
					t.Errorf("success: %v", err)
				}
				w.nothingLeft()

				var failed *build.Error
				c.Line = w.line(escape, "exit 3")
				if err := c.Run(t.Context()); !errors.As(err, &failed) || failed.Code != 3 {
					t.Errorf("failure: %v", err)
				}
				w.nothingLeft()

				c.Line = w.line(escape, "sleep 60")
				runCancelled(t, c)
				w.nothingLeft()
			})
		}
	}
}

// No process survives a timeout of its build.
func TestNothingSurvivesATimeout(t *testing.T) {
	for limit := time.Second; ; limit *= 2 {
		w := newWatch(t)
		out := &output{}
		c := build.Command{Line: w.line(escapes["double fork"], "sleep 60"), Env: os.Environ(), Timeout: limit, Output: out}
		err := c.Run(t.Context())
		if !strings.Contains(fmt.Sprint(err), "ended after "+limit.String()) {
			t.Fatal(err)
		}
		if out.text == "" {
			continue // the timeout came before the process was started
		}
		w.nothingLeft()
		return
	}
}

// When the process that runs a build is killed, no process of the build survives.
func TestNothingSurvivesItsRunner(t *testing.T) {
	for _, confined := range []string{"", "yes"} {
		for name, escape := range escapes {
			t.Run(name+"/"+confined, func(t *testing.T) {
				w := newWatch(t)
				r := startRunner(t, w.line(escape, "sleep 60"), "BUILD_CONFINED="+confined)
				r.await("ready")
				if err := r.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = r.cmd.Wait()
				w.awaitNone()
			})
		}
	}
}

// When a build kills or stops its supervisor, no process of the build survives.
func TestKilledSupervisor(t *testing.T) {
	build.SetSupervisorTimeout(t, 100*time.Millisecond)
	for name, escape := range escapes {
		t.Run(name, func(t *testing.T) {
			w := newWatch(t)
			err := build.Command{Line: w.line(escape, "kill -9 $PPID; sleep 60"), Env: os.Environ()}.Run(t.Context())
			if !strings.Contains(fmt.Sprint(err), "supervisor was killed") {
				t.Errorf("%v", err)
			}
			w.nothingLeft()
		})
	}
	t.Run("stopped", func(t *testing.T) {
		w := newWatch(t)
		runCancelled(t, build.Command{Line: "kill -STOP $PPID\n" + w.line(escapes["double fork"], "sleep 60"),
			Env: os.Environ()})
		w.nothingLeft()
	})
}

// After a supervisor was killed, its orphans are killed. Another build and another child
// of this process continue.
func TestKilledSupervisorLeavesOtherProcesses(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	otherBuild := newWatch(t)
	firstLine := make(chan struct{})
	out := &output{firstLine: firstLine}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- build.Command{Line: otherBuild.line(escapes["double fork"], "sleep 60"), Env: os.Environ(),
			Output: out}.Run(ctx)
	}()
	<-firstLine
	w := newWatch(t)
	_ = build.Command{Line: w.line(escapes["double fork"], "kill -9 $PPID; sleep 60"), Env: os.Environ()}.Run(t.Context())
	w.nothingLeft()
	if _, left := otherBuild.check(); !left {
		t.Error("another build was killed")
	}
	if err := other.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("another process was killed: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the other build ended with %v", err)
	}
	if _, left := otherBuild.check(); left {
		t.Error("a process of the other build is left")
	}
}

// A process that is not listed in /proc (hidepid) does not survive its build.
func TestNoHiddenProcessSurvivesABuild(t *testing.T) {
	w := newWatch(t)
	c := build.Command{Line: w.line(escapes["double fork"], "exit 0"),
		Env: append(os.Environ(), "BUILD_HIDES_PROCESSES=yes")}
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
	w.nothingLeft()
}

// A child process is found without /proc.
func TestChildrenWithoutProc(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if !build.IsChildWithoutProc(cmd.Process.Pid) {
		t.Error("a child is not found")
	}
	if build.IsChildWithoutProc(1) {
		t.Error("process 1 is found to be a child")
	}
}

// runner is a process of this executable that runs a build. TestMain reads its environment.
type runner struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Scanner
}

func startRunner(t *testing.T, line string, env ...string) *runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), "BUILD_AS_CHILD="+line), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &runner{t, cmd, bufio.NewScanner(out)}
}

// await reads lines until one begins with a text, and returns them.
func (r *runner) await(text string) (lines []string) {
	r.t.Helper()
	for r.out.Scan() {
		lines = append(lines, r.out.Text())
		if strings.HasPrefix(r.out.Text(), text) {
			return lines
		}
	}
	r.t.Fatalf("no line begins with %q: %q", text, lines)
	return nil
}
