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

// What a process needs to change something: in a file, and in a folder.
const (
	changesFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	changes     = changesFile | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
)

// allowChanges has a ruleset, which forbids all changes, allow those outside of a
// folder, and in some folders inside. Landlock has rules that allow, and none that
// forbid: so what is beside the folder, and beside each folder above it, is allowed,
// and these folders themselves get no new entries.
func allowChanges(ruleset int, guarded string, writable []string) error {
	guarded, err := filepath.EvalSymlinks(guarded)
	if err != nil {
		return fmt.Errorf("guard %s: %w", guarded, err)
	}
	for path := range beside(guarded) {
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

// allowMoves has a ruleset allow files to be moved between folders. A domain with no
// such rule forbids that, also where another domain, nested in it, allows it.
func allowMoves(ruleset int) error { return allowBelow(ruleset, "/", unix.LANDLOCK_ACCESS_FS_REFER) }

// beside yields all that is beside a path or beside a folder above it. What cannot
// be listed is left out.
func beside(path string) iter.Seq[string] {
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

// allowBelow allows access to a file, or to all that is in a folder. It follows no
// symlink, which could lead to what is guarded.
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
		return fmt.Errorf("look at %s: %w", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return nil
	case unix.S_IFDIR:
	default:
		access &= changesFile // the kernel takes no more for a file
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("let the build change %s: %w", path, errno)
	}
	return nil
}
