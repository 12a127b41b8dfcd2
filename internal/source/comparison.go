package source

import (
	"cmp"
	"context" //nolint:gosec // git's object ids
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// comparison is git status without git, for one directory.
type comparison struct {
	*repository
	snapshot
}

// run compares commit, index and work tree, and returns the first difference.
func (c *comparison) run(ctx context.Context) (string, error) {
	written, err := os.Stat(c.index)
	if err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(c.index, c.idBytes)
	if err != nil {
		return "", err
	}
	committed := map[string]treeEntry{}
	var size extent
	if err := c.flatten(ctx, c.root, c.prefix(), committed, &size); err != nil {
		return "", err
	}
	if entries, err = c.expand(ctx, entries); err != nil {
		return "", err
	}
	staged := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if !strings.HasPrefix(e.name, c.prefix()) {
			continue
		}
		staged[e.name] = true
		if e.mode&modeKind == modeGitlink {
			continue
		}
		was, ok := committed[e.name]
		if !ok || was.id != e.id || e.conflict {
			return e.name + " is staged and not committed", nil
		}
		if e.assumed || e.left && !c.sparse {
			continue // git was told not to look
		}
		if !unchanged(c.top, e, written.ModTime()) {
			return e.name + " differs from the commit", nil
		}
	}
	for name := range committed {
		if !staged[name] {
			return name + " is removed and not committed", nil
		}
	}
	return c.untracked(ctx, staged)
}

// expand replaces directories, which a sparse index has for what is left out
// whole, by the files of the commit.
func (c *comparison) expand(ctx context.Context, entries []indexEntry) ([]indexEntry, error) {
	var files []indexEntry
	var size extent
	for _, e := range entries {
		if e.mode&modeKind != modeDir {
			files = append(files, e)
			continue
		}
		if !e.below(c.prefix()) {
			continue
		}
		tree, err := c.objects.tree(ctx, e.id)
		if err != nil {
			return nil, err
		}
		below := map[string]treeEntry{}
		if err := c.flatten(ctx, tree, e.name, below, &size); err != nil {
			return nil, err
		}
		for name, f := range below {
			files = append(files, indexEntry{name: name, id: f.id, mode: f.mode, left: true})
		}
	}
	return files, nil
}

// flatten lists every file of a tree by its name in the repository.
func (c *comparison) flatten(
	ctx context.Context, entries []treeEntry, prefix string, into map[string]treeEntry, size *extent,
) error {
	if err := cmp.Or(ctx.Err(), size.enter(entries, prefix)); err != nil {
		return err
	}
	for _, e := range entries {
		if e.kind() != modeDir {
			into[prefix+e.name] = e
			continue
		}
		below, err := c.objects.tree(ctx, e.id)
		if err != nil {
			return err
		}
		if err := c.flatten(ctx, below, prefix+e.name+"/", into, size); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reports whether a file is what the index says: by its stamp if that
// is older than the index, else by its content. A file that a sparse checkout
// leaves out need not exist.
func unchanged(top string, e *indexEntry, written time.Time) bool {
	name := filepath.Join(top, filepath.FromSlash(e.name))
	info, err := os.Lstat(name)
	if e.left && errors.Is(err, fs.ErrNotExist) {
		return true
	}
	isLink := e.mode&modeKind == modeLink
	if err != nil || (info.Mode()&fs.ModeSymlink != 0) != isLink {
		return false
	}
	if isLink {
		text, err := os.Readlink(name)
		return err == nil && blobID(int64(len(text)), strings.NewReader(text)) == e.id
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if !e.left && info.Size() == int64(e.size) && info.ModTime().Equal(e.modified) && e.modified.Before(written) {
		if changed, _ := changeTime(info); changed == 0 || changed == e.changed.UnixNano() {
			return true
		}
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would block
	if err != nil {
		return false
	}
	defer f.Close()
	return blobID(info.Size(), f) == e.id
}
