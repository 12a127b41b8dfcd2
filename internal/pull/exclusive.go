package pull

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/filelock"
)

// unfinished begins the names of files that Put has not completed. A killed process may leave
// such a file.
const unfinished = ".kv-sync-new-"

// Exclusive calls work while no other Exclusive runs for the folder, in any process. So an
// unfinished file in the folder is one that a killed pull left, and is removed when work looks
// into its folder. Where the system has no file locks, or the folder does not exist yet, two pulls
// may run at once: one of them may then fail, and changes nothing that the other does not.
func (t *WorkTree) Exclusive(ctx context.Context, work func() error) error {
	if t.root == nil {
		return work()
	}
	lock, err := filelock.Folder(ctx, t.dir)
	if err != nil {
		return fmt.Errorf("wait for another pull into %s: %w", t.dir, err)
	}
	defer lock.Close()
	t.exclusive, t.listed = true, map[string]names{} // another pull may have changed the folder
	defer func() { t.exclusive = false }()
	return work()
}

// removeUnfinished removes the unfinished files from the list of names in a folder and, if no
// other pull can be writing them, from the folder.
func (t *WorkTree) removeUnfinished(dir string, list []string) (rest []string) {
	for _, name := range list {
		if !strings.HasPrefix(name, unfinished) {
			rest = append(rest, name)
		} else if t.exclusive {
			_ = t.root.Remove(filepath.Join(dir, name)) // it only takes space
		}
	}
	return rest
}
