package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/folder"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// git status reports a file as unchanged if git would commit the same bytes, or if it is configured to
// ignore changes of the file. The bytes on disk may still differ from the commit, for example in their
// line endings. These files are found here, because a person sees the files on disk.

// onDisk compares the files on disk with those that a commit publishes.
type onDisk struct {
	*Commit
	top       string            // of the work tree
	own       *attributes.Scope // of the user
	unseen    map[string]bool   // as in [worktree.Status]
	publishes func(path string, isDir bool) bool
}

// otherBytes describes a published file that has other bytes on disk than the commit publishes; "" if
// there is none. It looks at files only if attributes or the user's configuration may convert any, or
// git did not compare some.
func (c *Commit) otherBytes(ctx context.Context, status worktree.Status) (string, error) {
	if c.options.NoFiles || c.repo.Top == "" {
		return "", nil
	}
	scope, err := c.attributes(ctx)
	if err != nil {
		return "", err
	}
	below, err := c.convertsBelow(ctx, status.Attributes)
	if err != nil {
		return "", err
	}
	user := c.repo.UserConversion(ctx)
	var own *attributes.Scope
	for _, text := range user.Attributes {
		own = own.Within("", text)
	}
	if len(status.Unseen) == 0 && !user.LineEndings && !below && !own.Converts() && !scope.Converts() {
		return "", nil
	}
	d := onDisk{c, c.Top(), own, status.Unseen, folder.Publishes(c.options.ofFolder())}
	return d.below(ctx, scope, "", c.root)
}

// convertsBelow reports whether a .gitattributes file below the published directory may have git
// convert files. files are their ids by name.
func (c *Commit) convertsBelow(ctx context.Context, files map[string]string) (bool, error) {
	for name, id := range files {
		text, err := blobText(ctx, c.objects, id)
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		if (*attributes.Scope)(nil).Within("", string(text)).Converts() {
			return true, nil
		}
	}
	return false, nil
}

// below describes the first such file of a directory. outer are the attributes of its parent.
func (d onDisk) below(
	ctx context.Context, outer *attributes.Scope, rel string, entries []objects.Entry,
) (string, error) {
	scope, err := d.attributesIn(ctx, outer, rel, entries)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		at := rel + e.Name
		path := filepath.Join(d.top, filepath.FromSlash(d.repoPath(at)))
		if e.Kind() != objects.ModeDir {
			why, err := d.file(ctx, path, foundBlob{at, e.ID, scope.Of(d.repoPath(at))}, e.Kind())
			if err != nil || why != "" && d.publishes(path, false) {
				return at + why, err
			}
			continue
		}
		if !d.publishes(path, true) {
			continue
		}
		below, err := d.objects.Tree(ctx, e.ID)
		if err != nil {
			return "", err
		}
		if why, err := d.below(ctx, scope, at+"/", below); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// file describes how a file on disk differs from what the commit publishes; "" if it does not.
func (d onDisk) file(ctx context.Context, path string, f foundBlob, kind uint32) (why string, err error) {
	same := true
	switch {
	case kind == objects.ModeFile && conversionProblem(f.conversion) != (rules.Problem{}):
		return " passes through a git filter or has another encoding in the work tree", nil
	case kind == objects.ModeFile:
		same, err = d.same(ctx, path, f)
	case kind == objects.ModeLink && d.unseen[d.repoPath(f.rel)]:
		same, err = d.sameLink(ctx, path, f.id)
	}
	if err != nil || same {
		return "", err
	}
	return " has other bytes on disk than the commit publishes", nil
}

// same reports whether a file on disk has the bytes that the commit publishes. Where git has found no
// change, line endings that differ show in the size. Contents are compared where the commit publishes
// other bytes than the blob's, the user has a filter for the file, or git did not compare it.
func (d onDisk) same(ctx context.Context, path string, f foundBlob) (bool, error) {
	name := d.repoPath(f.rel)
	unseen := d.unseen[name]
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return !unseen, nil // a sparse checkout leaves it out
	}
	if err != nil {
		return false, fmt.Errorf("compare with the disk: %w", err)
	}
	own := d.own.Of(name)
	if !unseen && f.conversion.None() && own.Filter == "" && own.Encoding == "" {
		size, err := d.objects.BlobSize(ctx, f.id)
		return size == info.Size(), err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConverted {
		return false, nil
	}
	content, err := (&opening{ctx: ctx, objects: d.objects}).converted(f)()
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.rel, err)
	}
	disk, err := d.options.Boundary.ReadFile(path, maxConverted)
	return bytes.Equal(content.Bytes(), disk), err
}

// sameLink reports whether a symlink on disk leads where that of the commit leads.
func (d onDisk) sameLink(ctx context.Context, path, id string) (bool, error) {
	text, err := blobText(ctx, d.objects, id)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	target, err := os.Readlink(path)
	return err == nil && target == string(text), nil
}
