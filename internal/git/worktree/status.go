package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// Snapshot is a directory of a commit that is compared with the work tree.
type Snapshot struct {
	Objects *objects.Reader
	// Dir is the directory, relative to the repository's root and with slashes. Root are its
	// entries.
	Dir  string
	Root []objects.Entry
	// Boundary limits which .gitignore files may be read.
	Boundary *boundary.Boundary
}

func (s Snapshot) prefix() string {
	if s.Dir == "." {
		return ""
	}
	return s.Dir + "/"
}

// Difference describes one difference between the commit and the work tree: a file of the
// directory that is staged, changed, removed or added. It returns "" if there is none. It uses
// the git command if there is one, because git knows filters, line endings and the user's own
// ignore files. Otherwise it compares the index.
func (r *Repository) Difference(ctx context.Context, s Snapshot) (string, error) {
	if r.Top == "" {
		return "", nil // a bare repository has only commits
	}
	if command.Available() {
		why, err := r.status(ctx, s.Dir)
		if err == nil || ctx.Err() != nil {
			return why, err
		}
		// git refuses a repository of another user, as in a container.
	}
	c := &comparison{Repository: r, Snapshot: s}
	return c.run(ctx)
}

func (r *Repository) status(ctx context.Context, dir string) (string, error) {
	out, err := r.command().Run(ctx, "--literal-pathspecs",
		"status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--",
		filepath.Join(r.Top, filepath.FromSlash(dir)))
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(out, "\x00")
	if len(first) < 4 {
		return "", nil
	}
	return first[3:] + " is not committed", nil
}

// Dirty reports whether a tracked file of the work tree differs from the index. It checks the
// time and size of each tracked file, and reads a file only if these changed.
func (r *Repository) Dirty(ctx context.Context) (bool, error) {
	if r.Top == "" {
		return false, nil
	}
	written, err := os.Stat(r.index)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(r.index, r.IDBytes)
	if err != nil {
		return false, err
	}
	for i := range entries {
		e := &entries[i]
		if e.kind() == objects.ModeGitlink || e.kind() == objects.ModeDir || e.assumed || e.skipped {
			continue
		}
		if e.conflict || !unchanged(r.Top, e, written.ModTime()) {
			return true, nil
		}
		if i%1024 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return false, nil
}
