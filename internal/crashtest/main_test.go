package crashtest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var (
	every = flag.Int("every", 80, "try each n-th case only, of some scenarios; 1 is all of all scenarios")
	only  = flag.String("case", "", "only the cases whose names begin with this")
)

// command and action are the built programs.
var command, action string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "crashtest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	command, action = filepath.Join(dir, "kv-sync"), filepath.Join(dir, "action")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/", "../../cmd/kv-sync", "../../cmd/action")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
