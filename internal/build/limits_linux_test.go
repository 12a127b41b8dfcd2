package build_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/build"
)

func init() {
	plays = append(plays, func() {
		if pid, err := strconv.Atoi(os.Getenv("LIMIT")); err == nil {
			limit(pid)
			os.Exit(0)
		}
	})
}

// limit sets the limits of a process to what they are, and prints how that went.
func limit(pid int) {
	var now unix.Rlimit
	fmt.Println("read:", unix.Prlimit(pid, unix.RLIMIT_CPU, nil, &now))
	fmt.Println("another's:", unix.Prlimit(pid, unix.RLIMIT_CPU, &now, nil))
	fmt.Println("its own:", unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{}, nil))
}

// A confined build cannot set the limits of another process. By one it had the kernel
// kill its supervisor and the daemon, where the build may send them no signal, and
// left processes behind.
func TestConfinedSetsNoLimits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(confined bool) string {
		out := &notes{}
		line := fmt.Sprintf("LIMIT=$PPID %s; ulimit -c 0 && echo ulimit works", self)
		if err := (build.Command{Line: line, Env: os.Environ(), Output: out,
			Confined: confined}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.text
	}
	if out := run(false); !strings.Contains(out, "another's: <nil>") {
		t.Errorf("the attempt does not work: %q", out)
	}
	out := run(true)
	for _, want := range []string{"read: <nil>", "another's: operation not permitted", "its own: <nil>", "ulimit works"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q: %q", want, out)
		}
	}
}
