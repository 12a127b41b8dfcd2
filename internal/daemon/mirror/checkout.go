package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Checkout makes a new work tree of a commit with a repository of its own, so that a
// build can use git and does not change the mirror.
func (m *Mirror) Checkout(ctx context.Context, commit, tree string) error {
	if err := remove(tree); err != nil {
		return fmt.Errorf("remove the previous work tree: %w", err)
	}
	_, err := m.git.run(ctx, m.limit, "file", "clone", "--quiet", "--shared", "--no-tags", "--no-checkout", "--template=",
		"--", m.dir, tree)
	if err == nil {
		_, err = m.git.run(ctx, m.limit, m.remote.protocol, "-C", tree, "checkout", "--quiet", "--force", "--detach", commit,
			"--")
	}
	if err != nil {
		return fmt.Errorf("check out commit %.12s: %w", commit, err)
	}
	return nil
}

// remove removes a folder, also if a build made folders in it read-only.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
