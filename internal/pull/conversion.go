package pull

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxConverted limits the size of a file that is converted, because it is held in memory. Larger
// files are taken as they are.
const maxConverted = 64 << 20

// conversionAt returns what git does to a file between the commit and a checkout, by the
// .gitattributes files of the commit.
func (b *Branch) conversionAt(name string) (attributes.Conversion, error) {
	p, err := b.find(name, false)
	if err != nil || p.blocked != "" {
		return attributes.Conversion{}, err
	}
	var scope *attributes.Scope
	dir := ""
	for i, f := range p.folders {
		if i > 0 {
			dir += p.parts[i-1] + "/"
		}
		if !f.scoped {
			if f.scope, err = b.within(scope, dir, f); err != nil {
				return attributes.Conversion{}, err
			}
			f.scoped = true
		}
		scope = f.scope
	}
	return scope.Of(name), nil
}

// within returns the attributes that are in force in a folder. outer are those of the folder above.
func (b *Branch) within(outer *attributes.Scope, dir string, f *folder) (*attributes.Scope, error) {
	e, ok := f.entries[attributes.File]
	if !ok || !e.Mode.IsFile() || e.Mode == filemode.Symlink {
		return outer, nil
	}
	text, err := b.content(e)
	if err != nil {
		return nil, fmt.Errorf("read %s%s: %w", dir, attributes.File, err)
	}
	return outer.Within(dir, string(text)), nil
}

// ErrPartial is returned (wrapped) if the clone lacks an object of the commit, which only the git
// command can fetch.
var ErrPartial = errors.New("the clone does not have all files of the commit")

// blobOf returns the blob of a file of the commit.
func (b *Branch) blobOf(e object.TreeEntry) (*object.Blob, error) {
	blob, err := b.repo.BlobObject(e.Hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		err = ErrPartial
	}
	return blob, err
}

// content returns the content of a file of the commit.
func (b *Branch) content(e object.TreeEntry) ([]byte, error) {
	blob, err := b.blobOf(e)
	if err != nil {
		return nil, err
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// onlyGit returns why only the git command can write a file, or "".
func onlyGit(c attributes.Conversion) string {
	const fix = ", and only the git command can write it; pull without --branch"
	switch {
	case c.Filter == "lfs":
		return "its content is in Git LFS" + fix
	case c.Filter != "":
		return fmt.Sprintf("git passes it through the filter %q", c.Filter) + fix
	case c.Encoding != "":
		return fmt.Sprintf("git stores it in another encoding than %s", c.Encoding) + fix
	case c.Ident:
		return "git changes $Id$ in it" + fix
	}
	return ""
}

// checkedOut returns the hash of a file as a checkout has it.
func (b *Branch) checkedOut(e object.TreeEntry, c attributes.Conversion) (manifest.Hash, error) {
	text, err := b.content(e)
	if err != nil {
		return manifest.Hash{}, err
	}
	return manifest.HashOf(c.Apply(text, e.Hash.String())), nil
}

// store replaces the content of f by the one that "git add" stores for a file.
func (b *Branch) store(f *os.File, c attributes.Conversion, name string) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || !c.Unix || size > maxConverted {
		return err
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil {
		return err
	}
	var before []byte
	if p, err := b.find(name, false); err != nil {
		return err
	} else if e, ok := p.folder().entries[p.name()]; p.exists && ok && e.Mode.IsFile() {
		if before, err = b.content(e); err != nil {
			return err
		}
	}
	stored := c.Stored(content, before)
	if bytes.Equal(stored, content) {
		return nil
	}
	if _, err := f.WriteAt(stored, 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(stored))); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekEnd)
	return err
}
