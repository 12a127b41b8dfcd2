package pull

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Branch is the folder of a site in the commit that a branch names, on which a
// commit is being made. The work tree and the index are not touched.
type Branch struct {
	repo    *git.Repository
	objects *filesystem.Storage
	name    plumbing.ReferenceName
	// old is the branch as it was found, nil if it is to be made.
	old    *plumbing.Reference
	parent *object.Commit
	dir    string // of the site, within the repository, "" for its root
	tree   *object.Tree
	// changes by name within the repository; the zero entry removes.
	changes map[string]object.TreeEntry
}

// OpenBranch opens a branch of the repository that holds a folder; dir is the
// site's, relative to the repository's root. A branch that is not there is made,
// at HEAD. The one that is checked out is refused: its work tree would seem to
// take the commit back.
func OpenBranch(top, dir, branch string) (*Branch, error) {
	repo, err := git.PlainOpenWithOptions(top, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w; where only the git command can read it, pull without --branch and commit by hand", top, err)
	}
	b := &Branch{repo: repo, name: plumbing.NewBranchReferenceName(branch), changes: make(map[string]object.TreeEntry)}
	if dir = path.Clean(dir); dir != "." {
		b.dir = dir
	}
	var ok bool
	if b.objects, ok = repo.Storer.(*filesystem.Storage); !ok {
		return nil, fmt.Errorf("open repository %s: it does not lie on a disk", top)
	}
	if err := b.name.Validate(); err != nil {
		return nil, fmt.Errorf("branch %q: %w", branch, err)
	}
	if head, err := repo.Reference(plumbing.HEAD, false); err == nil && head.Target() == b.name {
		return nil, fmt.Errorf("branch %s is checked out here; pull without --branch and commit, or name another branch", branch)
	}
	if err := b.openTip(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Branch) openTip() error {
	tip, err := b.repo.Reference(b.name, true)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		if tip, err = b.repo.Head(); err != nil {
			return fmt.Errorf("find the commit to begin %s at: %w; commit something first", b.name.Short(), err)
		}
	case err != nil:
		return fmt.Errorf("find branch %s: %w", b.name.Short(), err)
	default:
		b.old = tip
	}
	if b.parent, err = b.repo.CommitObject(tip.Hash()); err != nil {
		return fmt.Errorf("read commit %s: %w", tip.Hash(), err)
	}
	if b.tree, err = b.parent.Tree(); err != nil {
		return fmt.Errorf("read the tree of commit %s: %w", tip.Hash(), err)
	}
	return nil
}

// within is a pathname's name in the repository.
func (b *Branch) within(pathname string) string { return path.Join(b.dir, pathname[1:]) }

// Lies implements [Tree].
func (b *Branch) Lies(pathname string) (Lying, error) {
	name := b.within(pathname)
	for above := path.Dir(name); above != "."; above = path.Dir(above) {
		if e, err := b.tree.FindEntry(above); err == nil && e.Mode != filemode.Dir {
			return Lying{Other: "there is a file where its folder should be"}, nil
		}
	}
	e, err := b.tree.FindEntry(name)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound):
		return Lying{}, nil
	case err != nil:
		return Lying{}, err
	case e.Mode == filemode.Dir:
		return Lying{Other: "there is a folder of this name"}, nil
	case !e.Mode.IsFile() || e.Mode == filemode.Symlink:
		return Lying{Other: "what is there is no regular file"}, nil
	}
	blob, err := b.repo.BlobObject(e.Hash)
	if err != nil {
		return Lying{}, err
	}
	r, err := blob.Reader()
	if err != nil {
		return Lying{}, err
	}
	defer r.Close()
	h := kvsync.NewHasher(blob.Size)
	if _, err := io.Copy(h, r); err != nil {
		return Lying{}, err
	}
	return Lying{Hashes: []kvsync.Hash{h.Sum()}}, nil
}

// Put implements [Tree]. The content goes straight into an object.
func (b *Branch) Put(pathname string, size int64, write func(io.Writer) error) error {
	name := b.within(pathname)
	mode := filemode.Regular
	if e, err := b.tree.FindEntry(name); err == nil && e.Mode.IsFile() {
		mode = e.Mode
	}
	id, err := b.blob(size, write)
	if err != nil {
		return err
	}
	b.changes[name] = object.TreeEntry{Mode: mode, Hash: id}
	return nil
}

func (b *Branch) blob(size int64, write func(io.Writer) error) (plumbing.Hash, error) {
	w, header, err := b.objects.LazyWriter()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if err = header(plumbing.BlobObject, size); err == nil {
		err = write(w)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	hashed, ok := w.(interface{ Hash() plumbing.Hash })
	if !ok {
		return plumbing.ZeroHash, errors.New("the storage does not say what it has written")
	}
	return hashed.Hash(), nil
}

// Remove implements [Tree].
func (b *Branch) Remove(pathname string) error {
	b.changes[b.within(pathname)] = object.TreeEntry{}
	return nil
}

// Pulled reads which writes are in git.
func (b *Branch) Pulled() (map[string]kvsync.Nonce, error) {
	f, err := b.tree.File(path.Join(b.dir, kvsync.PulledName))
	if errors.Is(err, object.ErrFileNotFound) {
		return pulledOf(nil)
	} else if err != nil {
		return nil, err
	}
	text, err := f.Contents()
	if err != nil {
		return nil, err
	}
	return pulledOf([]byte(text))
}

// SetPulled writes it.
func (b *Branch) SetPulled(pulled map[string]kvsync.Nonce) error {
	if len(pulled) == 0 {
		if _, err := b.tree.FindEntry(path.Join(b.dir, kvsync.PulledName)); err == nil {
			return b.Remove("/" + kvsync.PulledName)
		}
		return nil
	}
	text := kvsync.FormatPulled(pulled)
	return b.Put("/"+kvsync.PulledName, int64(len(text)), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// Commit makes the commit and moves the branch there, unless somebody else has
// moved it meanwhile. Without a change it makes none, and returns "".
func (b *Branch) Commit(message Message, now time.Time) (string, error) {
	tree, err := b.write(b.tree, b.changes)
	if err != nil {
		return "", fmt.Errorf("write the tree: %w", err)
	}
	if tree == b.parent.TreeHash {
		return "", nil
	}
	commit := &object.Commit{
		Author:       object.Signature{Name: message.Author.Name, Email: message.Author.Email, When: message.Time},
		Committer:    object.Signature{Name: tool.Name, Email: tool.Email, When: now},
		Message:      message.Text,
		TreeHash:     tree,
		ParentHashes: []plumbing.Hash{b.parent.Hash},
	}
	id, err := b.store(commit)
	if err != nil {
		return "", fmt.Errorf("write the commit: %w", err)
	}
	moved := plumbing.NewHashReference(b.name, id)
	if err := b.repo.Storer.CheckAndSetReference(moved, b.old); err != nil {
		return "", fmt.Errorf("move branch %s: %w; somebody else did, run again", b.name.Short(), err)
	}
	return id.String(), nil
}

// write makes the tree that an old one (or nil, for none) becomes by changes,
// whose names are relative to it. A folder that is empty then is left out.
func (b *Branch) write(old *object.Tree, changes map[string]object.TreeEntry) (plumbing.Hash, error) {
	entries := make(map[string]object.TreeEntry)
	if old != nil {
		for _, e := range old.Entries {
			entries[e.Name] = e
		}
	}
	below := make(map[string]map[string]object.TreeEntry)
	for name, e := range changes {
		dir, rest, nested := strings.Cut(name, "/")
		switch {
		case nested:
			if below[dir] == nil {
				below[dir] = make(map[string]object.TreeEntry)
			}
			below[dir][rest] = e
		case e.Hash.IsZero():
			delete(entries, name)
		default:
			e.Name = name
			entries[name] = e
		}
	}
	for dir, changes := range below {
		var tree *object.Tree
		if e, ok := entries[dir]; ok && e.Mode == filemode.Dir {
			var err error
			if tree, err = b.repo.TreeObject(e.Hash); err != nil {
				return plumbing.ZeroHash, err
			}
		}
		id, err := b.write(tree, changes)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if delete(entries, dir); !id.IsZero() {
			entries[dir] = object.TreeEntry{Name: dir, Mode: filemode.Dir, Hash: id}
		}
	}
	if len(entries) == 0 && old != b.tree {
		return plumbing.ZeroHash, nil
	}
	tree := &object.Tree{Entries: slices.Collect(maps.Values(entries))}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return b.store(tree)
}

func (b *Branch) store(o object.Object) (plumbing.Hash, error) {
	encoded := b.repo.Storer.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return b.repo.Storer.SetEncodedObject(encoded)
}
