package hooks

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/filelock"
	"github.com/kv-sync/kv-sync/internal/realpath"
)

// lockHooks waits until no other process installs or uninstalls hooks in the same folders.
func (r *Repository) lockHooks(ctx context.Context) (unlock func(), err error) {
	dir, err := r.hooksDir(ctx)
	if err != nil {
		return nil, err
	}
	folders := []string{existing(filepath.Join(r.CommonDir, "hooks"))}
	if dir = existing(dir); !sameEntry(dir, folders[0]) {
		folders = append(folders, dir)
	}
	slices.Sort(folders) // with one order, two processes cannot wait for each other
	var locks []io.Closer
	unlock = func() {
		for _, l := range locks {
			_ = l.Close()
		}
	}
	for _, folder := range folders {
		lock, err := filelock.Folder(ctx, folder)
		if err != nil {
			unlock()
			return nil, fmt.Errorf("lock %s: %w", folder, err)
		}
		locks = append(locks, lock)
		removeUnfinished(folder)
	}
	return unlock, nil
}

// removeUnfinished removes the files that a killed install left in a folder whose lock is held.
func removeUnfinished(folder string) {
	list, _ := os.ReadDir(folder) // a folder that cannot be read is reported later
	for _, e := range list {
		if number, ok := strings.CutPrefix(e.Name(), atomicfile.TempPrefix); ok && strings.Trim(number, "0123456789") == "" {
			_ = os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// existing returns a folder by its real path, or the nearest folder above that exists.
func existing(dir string) string { return realpath.NearestFolder(realpath.Resolve(dir)) }
