package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// CheckSparse refuses a published folder that lacks files because of a sparse checkout: the
// site would go live without them.
func CheckSparse(ctx context.Context, p Project) error {
	if r, err := Locate(ctx, p); err != nil || !r.sparse {
		return nil //nolint:nilerr // then it is a folder and nothing more
	}
	r, dir, entries, err := indexOf(ctx, p)
	for _, e := range entries {
		if !e.skipped {
			continue
		}
		_, statErr := os.Lstat(filepath.Join(r.Top, filepath.FromSlash(e.name)))
		if e.kind() == objects.ModeDir || errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s is not the whole site: the sparse checkout leaves out %s; "+
				"deploy the commit (source: commit), or check the folder out (git sparse-checkout disable)",
				dir, e.name)
		}
	}
	return err
}
