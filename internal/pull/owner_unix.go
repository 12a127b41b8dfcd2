//go:build linux || darwin

package pull

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// AsOwner does work as the owner of a folder, if this process is root and the folder is
// somebody else's. In a container the workspace belongs to the runner, who could neither read
// nor remove files of root; and root must not follow where the folder's owner may not go. The
// whole process changes its identity meanwhile, so nothing else that needs root may be running.
func AsOwner(dir string, work func() error) (err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return work() //nolint:nilerr // it does not exist; the work reports that
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return work()
	}
	group := os.Getegid()
	if err := syscall.Setregid(-1, int(owner.Gid)); err != nil {
		return fmt.Errorf("write as the group of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, wrap("be root's group again", syscall.Setregid(-1, group))) }()
	if err := syscall.Setreuid(-1, int(owner.Uid)); err != nil {
		return fmt.Errorf("write as the owner of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, wrap("be root again", syscall.Setreuid(-1, 0))) }()
	return work()
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
