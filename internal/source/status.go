package source

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
)

// snapshot is a directory of a commit, to be compared with the work tree.
type snapshot struct {
	objects *objects
	// dir is the directory, relative to the repository's root and with slashes;
	// root are its entries.
	dir  string
	root []treeEntry
	// inside is where a .gitignore may be read.
	inside *boundary.Boundary
}

func (s snapshot) prefix() string {
	if s.dir == "." {
		return ""
	}
	return s.dir + "/"
}

// difference returns a reason why the work tree does not have what the commit has,
// or "": nothing may be staged, changed or added in the directory. The git command
// is asked if there is one, because it knows filters, line endings and the user's
// own ignore files; else the index is compared.
func (r *repository) difference(ctx context.Context, s snapshot) (string, error) {
	if r.top == "" {
		return "", nil // a bare repository has only commits
	}
	if command.Available() {
		why, err := r.status(ctx, s.dir)
		if err == nil || ctx.Err() != nil {
			return why, err
		}
		// git refuses a repository of another user, as in a container.
	}
	c := &comparison{repository: r, snapshot: s}
	return c.run(ctx)
}

func (r *repository) status(ctx context.Context, dir string) (string, error) {
	out, err := r.command().Run(ctx, "--literal-pathspecs",
		"status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--",
		filepath.Join(r.top, filepath.FromSlash(dir)))
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(out, "\x00")
	if len(first) < 4 {
		return "", nil
	}
	return first[3:] + " is not committed", nil
}

// dirty reports whether a tracked file of the work tree differs from what is
// staged. It looks at each tracked file, and reads those whose times or sizes
// changed.
func (r *repository) dirty(ctx context.Context) (bool, error) {
	if r.top == "" {
		return false, nil
	}
	written, err := os.Stat(r.index)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(r.index, r.idBytes)
	if err != nil {
		return false, err
	}
	for i := range entries {
		e := &entries[i]
		if e.mode&modeKind == modeGitlink || e.mode&modeKind == modeDir || e.assumed || e.left {
			continue
		}
		if e.conflict || !unchanged(r.top, e, written.ModTime()) {
			return true, nil
		}
		if i%1024 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return false, nil
}
