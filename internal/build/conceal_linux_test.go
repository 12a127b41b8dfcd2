package build_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// surrender gives up the right to look into every process, which root has where
// it is in no container, for what this goroutine starts. Its thread ends with it.
func surrender() {
	const sysPtrace, sysAdmin, perfmon = 19, 21, 38
	runtime.LockOSThread()
	for _, capability := range []uintptr{sysPtrace, sysAdmin, perfmon} {
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_CAPBSET_DROP, capability, 0)
	}
}

// The build cannot read what was kept from it out of the process that runs it.
func TestConceal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	surrender()
	run := func(line string) (string, error) {
		runner := exec.Command(self)
		runner.Env = append(os.Environ(), "BUILD_AS_CHILD="+line)
		out, err := runner.Output()
		return string(out), err
	}
	out, err := run(`cat /proc/$PPID/environ`)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 9 || out == "" || strings.Contains(out, "BUILD_AS_CHILD") {
		t.Errorf("%v: %.200q", err, out)
	}
	t.Setenv("BUILD_BESIDE", "echo begun; sleep 0.2") // one that ends does not show it to another
	if out, err := run(`sleep 0.6; cat /proc/$PPID/environ`); err == nil || strings.Contains(out, "BUILD_AS_CHILD") {
		t.Errorf("beside another: %v: %.200q", err, out)
	}
	if out, err := run(`cat /proc/self/environ`); err != nil || !strings.Contains(out, "BUILD_AS_CHILD") {
		t.Errorf("a build cannot read what is its own: %v: %.200q", err, out)
	}
}
