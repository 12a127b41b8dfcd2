package build

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Conceal keeps other processes of the same user, such as builds, from reading this
// process's environment and memory and from tracing it. It is permanent, because a
// build's process may be waiting for its end. A process with secrets calls it before it
// reads them. Afterwards debuggers and core dumps need root.
func Conceal() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide this process from builds: %w", err)
	}
	return nil
}
