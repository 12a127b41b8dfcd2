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

	"github.com/kv-sync/kv-sync/internal/git/attributes"
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
	// Ignored permits that files which git ignores are published.
	Ignored bool
	// Reread reads every file, even if its time stamps are those of the index.
	Reread bool
}

func (s Snapshot) prefix() string {
	if s.Dir == "." {
		return ""
	}
	return s.Dir + "/"
}

// Status is how the directory of a [Snapshot] on disk relates to its commit.
type Status struct {
	// Difference is a reason why the work tree does not have what the commit has, or "". The other
	// fields are set if there is none.
	Difference string
	// Unseen are the files that git does not compare with the disk, by their path from the
	// repository's root: files marked assume-unchanged, and files marked skip-worktree that are on
	// disk nevertheless.
	Unseen map[string]bool
	// Attributes are the ids of the .gitattributes files below the directory, by their path from the
	// repository's root.
	Attributes map[string]string
}

// Compare compares the work tree with a commit. There is no difference if nothing is staged or changed
// in the directory, and nothing that is published is untracked or in a submodule. The git command is
// asked if there is one, because it knows filters, line endings and the user's own ignore files; else
// the index is compared.
func (r *Repository) Compare(ctx context.Context, s Snapshot) (Status, error) {
	if r.Top == "" {
		return Status{}, nil // a bare repository has only commits
	}
	if command.Available() {
		why, err := r.status(ctx, s)
		switch {
		case ctx.Err() != nil || err == nil && why != "":
			return Status{Difference: why}, err
		case err == nil:
			return r.indexed(s)
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

// indexed returns what git status does not say. Without an index that is nothing.
func (r *Repository) indexed(s Snapshot) (Status, error) {
	entries, err := readIndex(r.index, r.IDBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	} else if err != nil {
		return Status{}, err
	}
	return r.statusOf(s, entries), nil
}

// statusOf returns the status by the index of a directory in which git sees no difference.
func (r *Repository) statusOf(s Snapshot, entries []indexEntry) Status {
	if why := r.submodule(s, entries); why != "" {
		return Status{Difference: why}
	}
	status := Status{Unseen: map[string]bool{}, Attributes: map[string]string{}}
	for i := range entries {
		e := &entries[i]
		below, ok := strings.CutPrefix(e.name, s.prefix())
		if !ok || e.kind() != objects.ModeFile && e.kind() != objects.ModeLink {
			continue
		}
		if strings.HasSuffix(below, "/"+attributes.File) {
			status.Attributes[e.name] = e.id
		}
		if e.assumed || e.skipped && r.onDisk(e) {
			status.Unseen[e.name] = true
		}
	}
	return status
}

// onDisk reports whether something is in the place of a file of the index. An error counts as
// something.
func (r *Repository) onDisk(e *indexEntry) bool {
	_, err := os.Lstat(filepath.Join(r.Top, filepath.FromSlash(e.name)))
	return !errors.Is(err, fs.ErrNotExist)
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
