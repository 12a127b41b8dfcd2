package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Checkout makes a new work tree of a commit and its submodules. The work tree has its own
// repository, so a build can use git and does not change the mirror. The origin of that
// repository is the remote, so git resolves relative addresses as in any clone. empty lists
// the submodules that were not checked out, each with the reason.
func (m *Mirror) Checkout(ctx context.Context, commit, tree string) (empty []string, err error) {
	if err := remove(tree); err != nil {
		return nil, fmt.Errorf("remove the previous work tree: %w", err)
	}
	for _, step := range []struct {
		protocol string
		args     []string
	}{
		{"file", []string{"clone", "--quiet", "--shared", "--no-tags", "--no-checkout", "--template=", "--", m.dir, tree}},
		{"", []string{"-C", tree, "config", "remote.origin.url", m.remote.address}},
		{m.remote.protocol, []string{"-C", tree, "checkout", "--quiet", "--force", "--detach", commit, "--"}},
	} {
		if _, err := m.git.run(ctx, m.limit, step.protocol, step.args...); err != nil {
			return nil, fmt.Errorf("check out commit %.12s: %w", commit, err)
		}
	}
	timed, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	modules := &checkedOut{Mirror: m}
	err = modules.update(timed, tree, "", 1)
	if err != nil && timed.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("the submodules took longer than %s: %w", m.limit, err)
	}
	return modules.left, err
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
