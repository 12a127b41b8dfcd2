package worktree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// untracked returns a reason that names a file that is published and not tracked, or "".
func (c *comparison) untracked(ctx context.Context, staged map[string]bool) (string, error) {
	return c.untrackedIn(ctx, RealPath(c.Top), c.prefix(), staged)
}

// untrackedIn looks in one directory. at is "" for the work tree's root, else ends in a slash.
func (c *comparison) untrackedIn(
	ctx context.Context, top, at string, staged map[string]bool,
) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	dir := filepath.Join(top, filepath.FromSlash(at))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	for _, e := range entries {
		name := at + e.Name()
		if staged[name] || !c.Published(filepath.Join(dir, e.Name()), e.IsDir()) {
			continue
		}
		if !e.IsDir() {
			return name + " is not committed", nil
		}
		if why, err := c.untrackedIn(ctx, top, name+"/", staged); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}
