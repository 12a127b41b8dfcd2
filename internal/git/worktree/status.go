package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	// Published reports whether a file of the work tree is published, or whether something in
	// a directory may be. The path is absolute and without symlinks.
	Published func(path string, isDir bool) bool
	// Ignored: files that git ignores may be published.
	Ignored bool
	// Reread: every file is read, even if its time stamps are those of the index.
	Reread bool
}

func (s Snapshot) prefix() string {
	if s.Dir == "." {
		return ""
	}
	return s.Dir + "/"
}

// Difference returns a reason why the work tree does not have what the commit has, or "":
// nothing may be staged or changed in the directory, and nothing that is published may be
// untracked or in a submodule. The git command is asked if there is one, because it knows
// filters, line endings and the user's own ignore files; else the index is compared.
func (r *Repository) Difference(ctx context.Context, s Snapshot) (string, error) {
	if r.Top == "" {
		return "", nil // a bare repository has only commits
	}
	if command.Available() {
		why, err := r.status(ctx, s)
		if err == nil && why == "" {
			why, err = r.indexedSubmodule(s)
		}
		if err == nil || ctx.Err() != nil {
			return why, err
		}
		// git refuses a repository of another user, as in a container.
	}
	c := &comparison{Repository: r, Snapshot: s}
	return c.run(ctx)
}

// status asks git status.
func (r *Repository) status(ctx context.Context, s Snapshot) (string, error) {
	ignored := "--ignored=no"
	if s.Ignored {
		ignored = "--ignored=matching"
	}
	call := command.Call{Args: []string{"--literal-pathspecs",
		"status", "--porcelain", "-z", "--untracked-files=normal", ignored, "--no-renames", "--ignore-submodules=all",
		"--", filepath.Join(r.Top, filepath.FromSlash(s.Dir))}}
	if s.Reread {
		index, err := r.oldIndex()
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(filepath.Dir(index))
		call.Set = []string{"GIT_INDEX_FILE=" + index}
	}
	out, err := r.command().Do(ctx, call)
	if err != nil {
		return "", err
	}
	top := RealPath(r.Top)
	for line := range strings.SplitSeq(out, "\x00") {
		if len(line) < 4 {
			continue
		}
		state, name := line[:2], line[3:]
		path, isDir := filepath.Join(top, filepath.FromSlash(name)), strings.HasSuffix(name, "/")
		if untracked := state == "??" || state == "!!"; !untracked || s.Published(path, isDir) {
			return name + " is not committed", nil
		}
	}
	return "", nil
}

// oldIndex copies the index into a new directory and gives the copy a time before that of every
// file. git reads the files that changed after the index was written, even if their time stamps
// are those of the index. The caller removes the directory.
func (r *Repository) oldIndex() (string, error) {
	content, err := os.ReadFile(r.index)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read index: %w", err)
	}
	dir, err := os.MkdirTemp("", "kv-sync-index-")
	if err != nil {
		return "", fmt.Errorf("copy index: %w", err)
	}
	index := filepath.Join(dir, "index")
	if content == nil {
		return index, nil
	}
	err = os.WriteFile(index, content, 0o600)
	if err == nil {
		err = os.Chtimes(index, time.Unix(1, 0), time.Unix(1, 0)) // git ignores the time 0
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("copy index: %w", err), os.RemoveAll(dir))
	}
	return index, nil
}

// indexedSubmodule calls submodule with the entries of the index. Without an index it returns "".
func (r *Repository) indexedSubmodule(s Snapshot) (string, error) {
	entries, err := readIndex(r.index, r.IDBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return r.submodule(s, entries), nil
}

// submodule returns a reason that names a submodule with files, which only a folder
// publishes, or "".
func (r *Repository) submodule(s Snapshot, entries []indexEntry) string {
	top := RealPath(r.Top)
	for i := range entries {
		e := &entries[i]
		if e.kind() != objects.ModeGitlink || !strings.HasPrefix(e.name, s.prefix()) {
			continue
		}
		dir := filepath.Join(top, filepath.FromSlash(e.name))
		files, err := os.ReadDir(dir)
		if err != nil || !s.Published(dir, true) {
			continue // it is not checked out, or not published
		}
		for _, f := range files {
			if s.Published(filepath.Join(dir, f.Name()), f.IsDir()) {
				return e.name + " is a submodule, whose files are not in the commit"
			}
		}
	}
	return ""
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
