package worktree

import (
	"cmp"
	"context"
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

// comparison does the work of git status for one directory, without the git command.
type comparison struct {
	*Repository
	Snapshot
}

// run compares commit, index and work tree, up to the first difference.
func (c *comparison) run(ctx context.Context) (Status, error) {
	written, err := os.Stat(c.index)
	if err != nil {
		return Status{}, fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(c.index, c.IDBytes)
	if err != nil {
		return Status{}, err
	}
	if entries, err = c.expand(ctx, entries); err != nil {
		return Status{}, err
	}
	trusted := written.ModTime()
	if c.Reread {
		trusted = time.Time{}
	}
	why, staged, err := c.tracked(ctx, entries, trusted)
	if err == nil && why == "" {
		why, err = c.untracked(ctx, staged)
	}
	if err != nil || why != "" {
		return Status{Difference: why}, err
	}
	return c.statusOf(c.Snapshot, entries), nil
}

// tracked returns a reason that names a file which is staged, changed or removed, or "". staged are the
// names in the index. The time stamps of files that are older than trusted count.
func (c *comparison) tracked(
	ctx context.Context, entries []indexEntry, trusted time.Time,
) (why string, staged map[string]bool, err error) {
	committed := map[string]objects.Entry{}
	var size objects.Extent
	if err := c.flatten(ctx, c.Root, c.prefix(), committed, &size); err != nil {
		return "", nil, err
	}
	staged = map[string]bool{}
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
			return e.name + " is staged and not committed", nil, nil
		}
		if !e.assumed && !e.skipped && !unchanged(c.Top, e, trusted) {
			return e.name + " differs from the commit", nil, nil
		}
	}
	for name := range committed {
		if !staged[name] {
			return name + " is removed and not committed", nil, nil
		}
	}
	return "", staged, nil
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
func unchanged(top string, e *indexEntry, written time.Time) bool {
	name := filepath.Join(top, filepath.FromSlash(e.name))
	info, err := os.Lstat(name)
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
	if info.Size() == int64(e.size) && info.ModTime().Equal(e.modified) && e.modified.Before(written) {
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
