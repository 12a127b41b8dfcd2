package build

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Conceal keeps other processes of the user, as a build is one, from reading this
// process's environment and memory, and from tracing it: for good, because a
// build may have left behind something that waits. A process that has secrets and
// runs builds calls it before it reads the secrets. Debuggers and core dumps need
// root then.
func Conceal() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide this process from builds: %w", err)
	}
	return nil
}
