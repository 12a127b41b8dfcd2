package build

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kinds of access that change a file, and kinds that change a file or folder.
const (
	changesFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	changes     = changesFile | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
)

// allowChanges adds rules to a ruleset that forbids all changes. The rules allow changes
// outside of the guarded folder and in the writable folders. A Landlock rule can only
// allow, so there is one rule for each sibling of the guarded folder and of its parents.
// A parent itself has no rule, so a build cannot create entries directly in it.
func allowChanges(ruleset int, guarded string, writable []string) error {
	guarded, err := filepath.EvalSymlinks(guarded)
	if err != nil {
		return fmt.Errorf("guard %s: %w", guarded, err)
	}
	for path := range siblings(guarded) {
		if err := allowBelow(ruleset, path, changes); err != nil {
			return err
		}
	}
	for _, path := range writable {
		if err := allowBelow(ruleset, path, changes); err != nil {
			return err
		}
	}
	return nil
}

// allowMoves allows moving files between folders. Each domain must allow it: if an outer
// domain does not, a nested domain cannot.
func allowMoves(ruleset int) error { return allowBelow(ruleset, "/", unix.LANDLOCK_ACCESS_FS_REFER) }

// siblings yields the siblings of a path and of its parents. It skips folders that
// cannot be listed.
func siblings(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ; path != "/"; path = filepath.Dir(path) {
			entries, _ := os.ReadDir(filepath.Dir(path))
			for _, e := range entries {
				if e.Name() != filepath.Base(path) && !yield(filepath.Join(filepath.Dir(path), e.Name())) {
					return
				}
			}
		}
	}
}

// allowBelow allows access to a file, or to everything in a folder. It does not follow
// symlinks, which could lead to the guarded folder.
func allowBelow(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd) //nolint:errcheck // only a reference
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("inspect %s: %w", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return nil
	case unix.S_IFDIR:
	default:
		access &= changesFile // the kernel accepts nothing else for a file
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("let the build change %s: %w", path, errno)
	}
	return nil
}
