package build

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Conceal prevents that other processes of the user, such as a build, read the environment
// and memory of this process, or trace it. It cannot be undone, because a process of a build
// may still wait. A process with secrets that runs builds calls it before it reads the
// secrets. Afterwards debuggers and core dumps need root.
func Conceal() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide this process from builds: %w", err)
	}
	return nil
}
