package build_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/build"
)

func init() { roles["LIMIT"] = limit }

// limit tries to set a limit of another process (to its current value) and one of its own,
// and prints the results.
func limit(pid int) {
	var now unix.Rlimit
	fmt.Println("read:", unix.Prlimit(pid, unix.RLIMIT_CPU, nil, &now))
	fmt.Println("another's:", unix.Prlimit(pid, unix.RLIMIT_CPU, &now, nil))
	fmt.Println("its own:", unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{}, nil))
}

// A confined build cannot set limits of other processes. It cannot signal the supervisor
// and the daemon, but a limit would make the kernel kill them.
func TestConfinedBuildCannotSetLimits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("LIMIT=$PPID %s; ulimit -c 0 && echo ulimit works", self)
	if out := runOutput(t, build.Command{Line: line}); !strings.Contains(out, "another's: <nil>") {
		t.Errorf("the attempt does not work: %q", out)
	}
	out := runOutput(t, build.Command{Line: line, Confined: true})
	for _, want := range []string{"read: <nil>", "another's: operation not permitted", "its own: <nil>", "ulimit works"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q: %q", want, out)
		}
	}
}
