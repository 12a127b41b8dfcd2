//go:build linux || darwin

package pull

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// AsOwner calls work as the owner of a folder, if this process is root and the owner is another
// user. In a container the workspace belongs to the CI runner, which can neither read nor remove
// files of root. Also, root must not open files that the folder's owner may not open. Until work
// returns, the whole process runs as the owner, so no other goroutine may need root.
func AsOwner(dir string, work func() error) (err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return work() //nolint:nilerr // the folder does not exist; work reports that
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return work()
	}
	group := os.Getegid()
	if err := syscall.Setregid(-1, int(owner.Gid)); err != nil {
		return fmt.Errorf("write as the group of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, wrap("set the group back to root's", syscall.Setregid(-1, group))) }()
	if err := syscall.Setreuid(-1, int(owner.Uid)); err != nil {
		return fmt.Errorf("write as the owner of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, wrap("set the user back to root", syscall.Setreuid(-1, 0))) }()
	return work()
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
