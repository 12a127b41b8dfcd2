package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// leftOut refuses a published folder that lacks files because of a sparse
// checkout: the site would go live without them.
func leftOut(ctx context.Context, p project) error {
	if r, err := locate(ctx, p); err != nil || !r.sparse {
		return nil //nolint:nilerr // then it is a folder and nothing more
	}
	r, dir, entries, err := indexOf(ctx, p)
	for _, e := range entries {
		if !e.left {
			continue
		}
		_, statErr := os.Lstat(filepath.Join(r.top, filepath.FromSlash(e.name)))
		if e.mode&modeKind == modeDir || errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s is not the whole site: the sparse checkout leaves out %s; "+
				"deploy the commit (source: commit), or check the folder out (git sparse-checkout disable)", dir, e.name)
		}
	}
	return err
}
