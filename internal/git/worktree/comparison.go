package worktree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kv-sync/kv-sync/internal/filestat"
	"github.com/kv-sync/kv-sync/internal/git/objects"
)

//nolint:gosec // git's object ids

// comparison does the work of git status for one directory, without the git command.
type comparison struct {
	*Repository
	Snapshot
}

// run compares commit, index and work tree, and returns the first difference.
func (c *comparison) run(ctx context.Context) (string, error) {
	written, err := os.Stat(c.index)
	if err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(c.index, c.IDBytes)
	if err != nil {
		return "", err
	}
	committed := map[string]objects.Entry{}
	var size objects.Extent
	if err := c.flatten(ctx, c.Root, c.prefix(), committed, &size); err != nil {
		return "", err
	}
	if entries, err = c.expand(ctx, entries); err != nil {
		return "", err
	}
	trusted := written.ModTime()
	if c.Reread {
		trusted = time.Time{}
	}
	staged := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if !strings.HasPrefix(e.name, c.prefix()) {
			continue
		}
		staged[e.name] = true
		if e.kind() == objects.ModeGitlink {
			continue
		}
		was, ok := committed[e.name]
		if !ok || was.ID != e.id || e.conflict {
			return e.name + " is staged and not committed", nil
		}
		if e.assumed || e.skipped && !c.sparse {
			continue // the user told git to ignore changes of the file
		}
		if !unchanged(c.Top, e, trusted) {
			return e.name + " differs from the commit", nil
		}
	}
	for name := range committed {
		if !staged[name] {
			return name + " is removed and not committed", nil
		}
	}
	why, err := c.untracked(ctx, staged)
	if err == nil && why == "" {
		why = c.submodule(c.Snapshot, entries)
	}
	return why, err
}

// expand replaces the directories of a sparse index by their files in the commit. A sparse
// index has a directory as one entry if the checkout leaves out all of its files.
func (c *comparison) expand(ctx context.Context, entries []indexEntry) ([]indexEntry, error) {
	var files []indexEntry
	var size objects.Extent
	for _, e := range entries {
		if e.kind() != objects.ModeDir {
			files = append(files, e)
			continue
		}
		if !e.below(c.prefix()) {
			continue
		}
		tree, err := c.Objects.Tree(ctx, e.id)
		if err != nil {
			return nil, err
		}
		below := map[string]objects.Entry{}
		if err := c.flatten(ctx, tree, e.name, below, &size); err != nil {
			return nil, err
		}
		for name, f := range below {
			files = append(files, indexEntry{name: name, id: f.ID, mode: f.Mode, skipped: true})
		}
	}
	return files, nil
}

// flatten lists every file of a tree by its name in the repository.
func (c *comparison) flatten(
	ctx context.Context, entries []objects.Entry, prefix string, into map[string]objects.Entry, size *objects.Extent,
) error {
	if err := cmp.Or(ctx.Err(), size.Enter(entries, prefix)); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Kind() != objects.ModeDir {
			into[prefix+e.Name] = e
			continue
		}
		below, err := c.Objects.Tree(ctx, e.ID)
		if err != nil {
			return err
		}
		if err := c.flatten(ctx, below, prefix+e.Name+"/", into, size); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reports whether a file has the content that the index names. It trusts the file's
// time and size if the time is before the index was written; otherwise it hashes the content.
// A file that a sparse checkout leaves out need not exist.
func unchanged(top string, e *indexEntry, written time.Time) bool {
	name := filepath.Join(top, filepath.FromSlash(e.name))
	info, err := os.Lstat(name)
	if e.skipped && errors.Is(err, fs.ErrNotExist) {
		return true
	}
	isLink := e.kind() == objects.ModeLink
	if err != nil || (info.Mode()&fs.ModeSymlink != 0) != isLink {
		return false
	}
	if isLink {
		text, err := os.Readlink(name)
		return err == nil && objects.BlobID(int64(len(text)), strings.NewReader(text)) == e.id
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if !e.skipped && info.Size() == int64(e.size) && info.ModTime().Equal(e.modified) && e.modified.Before(written) {
		if changed, _ := filestat.ChangeTime(info); changed == 0 || changed == e.changed.UnixNano() {
			return true
		}
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would block
	if err != nil {
		return false
	}
	defer f.Close()
	return objects.BlobID(info.Size(), f) == e.id
}
