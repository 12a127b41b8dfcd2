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
	"github.com/kv-sync/kv-sync/internal/source/folder"
)

// git takes a file for unchanged if it would commit the same bytes. A checkout may have others: line
// endings of the user's configuration, or that an editor wrote and git normalises. Such files are
// found here, because the folder is what a person sees.

// onDisk compares the files on disk with those that a commit publishes.
type onDisk struct {
	*Commit
	top        string            // of the work tree
	scope, own *attributes.Scope // of the commit, which decides what it publishes; of the user
	publishes  func(path string, isDir bool) bool
}

// converted returns why a published file has other bytes on disk than the commit publishes, or "". It
// looks at files only if attributes or the user's configuration may convert any. git status must
// have found no difference before.
func (c *Commit) converted(ctx context.Context) (string, error) {
	if c.options.NoFiles || c.repo.Top == "" {
		return "", nil
	}
	scope, err := c.attributes(ctx)
	if err != nil {
		return "", err
	}
	user := c.repo.UserConversion(ctx)
	var own *attributes.Scope
	for _, text := range user.Attributes {
		own = own.Within("", text)
	}
	if !user.LineEndings && !own.Converts() && !scope.Converts() {
		return "", nil
	}
	d := onDisk{c, c.Top(), scope, own, folder.Publishes(c.options.ofFolder())}
	name, err := d.below(ctx, "", c.root)
	if name != "" {
		name += " has other bytes on disk than the commit publishes, such as line endings"
	}
	return name, err
}

// below returns the first such file of a directory, or "".
func (d onDisk) below(ctx context.Context, rel string, entries []objects.Entry) (string, error) {
	for _, e := range entries {
		at := rel + e.Name
		isDir := e.Kind() == objects.ModeDir
		path := filepath.Join(d.top, filepath.FromSlash(d.repoPath(at)))
		if e.Kind() == objects.ModeFile {
			same, err := d.same(ctx, path, at, e.ID)
			if err != nil || !same && d.publishes(path, false) {
				return at, err
			}
		}
		if !isDir || !d.publishes(path, true) {
			continue
		}
		below, err := d.objects.Tree(ctx, e.ID)
		if err != nil {
			return "", err
		}
		if name, err := d.below(ctx, at+"/", below); name != "" || err != nil {
			return name, err
		}
	}
	return "", nil
}

// same reports whether a file on disk has the bytes that the commit publishes. git status has found no
// change, so line endings that differ show in the size. Contents are compared where the commit
// publishes other bytes than the blob's, or the user has a filter for the file.
func (d onDisk) same(ctx context.Context, path, rel, id string) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // a sparse checkout leaves it out
	}
	if err != nil {
		return false, fmt.Errorf("compare with the disk: %w", err)
	}
	name := d.repoPath(rel)
	conversion, own := d.scope.Of(name), d.own.Of(name)
	if conversion.None() && own.Filter == "" && own.Encoding == "" {
		size, err := d.objects.BlobSize(ctx, id)
		return size == info.Size(), err
	}
	if info.Size() > maxConverted {
		return false, nil
	}
	content, err := (&opening{ctx: ctx, objects: d.objects}).converted(foundBlob{rel, id, conversion})()
	if err != nil {
		return false, fmt.Errorf("%s: %w", rel, err)
	}
	disk, err := d.options.Boundary.ReadFile(path, maxConverted)
	return bytes.Equal(content.Bytes(), disk), err
}
