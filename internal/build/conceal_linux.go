package build

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Conceal keeps other processes of the same user, such as builds, from tracing this
// process and from reading its environment and memory. A process calls it before it
// reads secrets. The effect is permanent, because another process may try again after
// the build. Afterwards debuggers and core dumps need root.
func Conceal() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hide this process from builds: %w", err)
	}
	return nil
}
