package build_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/build"
)

func init() { roles["SNOOP"] = snoop }

// dropCapabilities takes from root the capabilities to inspect any process. It affects
// the processes that this goroutine starts. The goroutine's thread stays locked to it and
// ends with it.
func dropCapabilities(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	for _, capability := range []uintptr{unix.CAP_SYS_PTRACE, unix.CAP_SYS_ADMIN, unix.CAP_PERFMON} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && os.Geteuid() == 0 {
			t.Fatal(err)
		}
	}
}

// snoop tries every way to inspect a process, and prints those that worked.
func snoop(pid int) {
	base := "/proc/" + strconv.Itoa(pid)
	if b, err := os.ReadFile(base + "/environ"); err == nil && len(b) > 0 {
		fmt.Println("environ")
	}
	if f, err := os.Open(base + "/mem"); err == nil {
		if _, err := f.ReadAt(make([]byte, 1), int64(reflect.ValueOf(snoop).Pointer())); err == nil || err == io.EOF {
			fmt.Println("mem")
		}
	}
	if _, err := os.Readlink(base + "/fd/0"); err == nil {
		fmt.Println("fd")
	}
	runtime.LockOSThread()
	if unix.PtraceAttach(pid) == nil {
		fmt.Println("ptrace")
		_, _ = unix.Wait4(pid, nil, 0, nil)
		_ = unix.PtraceDetach(pid)
	}
	fmt.Println("tried")
}

// runSnoop runs snoop in another process of the same user, outside of a build, and
// returns what snoop printed.
func runSnoop(t *testing.T, pid int) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "SNOOP="+strconv.Itoa(pid))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "tried\n") {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(strings.TrimSuffix(string(out), "tried\n"))
}

// Neither the build nor another process can inspect the process that runs a build or its
// supervisor. The former also holds after the build.
func TestConceal(t *testing.T) {
	dropCapabilities(t)
	dir := t.TempDir()
	goOn := filepath.Join(dir, "go-on")
	r := startRunner(t, `grep -c "" /proc/$(cut -d" " -f4 /proc/$PPID/stat)/environ 2>/dev/null
grep -c "" /proc/$PPID/environ 2>/dev/null
grep -z ^BUILD_SECRET= /proc/$$/environ | tr "\0" "\n"
echo building $PPID; until test -e `+goOn+`; do sleep 0.01; done`, "BUILD_SECRET=s3cret")
	lines := r.await("building ")
	if len(lines) != 2 || lines[0] != "BUILD_SECRET=s3cret" { // a build can read its own environment
		t.Errorf("the build reads %q", lines)
	}
	supervisor, err := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], "building "))
	if err != nil {
		t.Fatal(err)
	}
	for what, pid := range map[string]int{"the runner": r.cmd.Process.Pid, "the supervisor": supervisor} {
		if got := runSnoop(t, pid); len(got) > 0 {
			t.Errorf("%s shows %q while it builds", what, got)
		}
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.await("ended: <nil>")
	if got := runSnoop(t, r.cmd.Process.Pid); len(got) > 0 {
		t.Errorf("the runner shows %q after a build", got)
	}
}

// Every attempt of snoop succeeds on a process that did not call Conceal. Otherwise
// TestConceal would prove nothing.
func TestSnoopWithoutConceal(t *testing.T) {
	dropCapabilities(t)
	r := startRunner(t, "", "IDLE=s3cret")
	r.await("idle")
	got := runSnoop(t, r.cmd.Process.Pid)
	for _, way := range []string{"environ", "mem", "fd", "ptrace"} {
		if !slices.Contains(got, way) {
			t.Errorf("%s does not work: %q", way, got)
		}
	}
}

// A confined build cannot signal its supervisor, and cannot inspect another process of
// the user, such as the daemon's git.
func TestConfined(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dropCapabilities(t)
	other := startRunner(t, "", "IDLE=s3cret")
	other.await("idle")
	line := fmt.Sprintf("for t in /proc/$PPID/task/*; do kill -0 ${t##*/} && echo signalled; done; "+
		"SNOOP=%d %s; grep NoNewPrivs /proc/self/status", other.cmd.Process.Pid, self)
	if out := runOutput(t, build.Command{Line: line}); !strings.Contains(out, "signalled") ||
		!strings.Contains(out, "environ") || !strings.Contains(out, "ptrace") {
		t.Errorf("the attempts do not work: %q", out)
	}
	out := runOutput(t, build.Command{Line: line, Confined: true})
	if !strings.Contains(out, "NoNewPrivs:\t1") {
		t.Errorf("the build may gain privileges: %q", out)
	}
	if !build.ScopesSignals() {
		t.Skip("this kernel has no Landlock with scoped signals (Linux 6.12)")
	}
	for _, way := range []string{"signalled", "environ", "mem", "ptrace"} {
		if strings.Contains(out, way) || !strings.Contains(out, "tried") {
			t.Errorf("the build reaches another process: %q", out)
		}
	}
}
