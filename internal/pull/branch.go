package pull

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Branch is a [Tree] that makes a commit on a branch. It does not change the work tree or the
// index.
type Branch struct {
	repo    *git.Repository
	objects *filesystem.Storage
	name    plumbing.ReferenceName
	// old is the branch at the time of OpenBranch, or nil if the branch did not exist.
	old    *plumbing.Reference
	parent *object.Commit
	// dir is the site's folder relative to the repository's root. "" is the root.
	dir  string
	root *folder
	// shared is the .git folder that all work trees of the repository share.
	shared string
}

// OpenBranch opens a branch of the repository at top. dir is the site's folder relative to the
// repository's root. If the branch does not exist, Commit creates it from HEAD. OpenBranch
// refuses a branch that is checked out, because its work tree would seem to revert the commit.
func OpenBranch(top, dir, branch string) (*Branch, error) {
	branch = strings.TrimPrefix(branch, "refs/heads/") // as CI systems name a branch
	b := &Branch{name: plumbing.NewBranchReferenceName(branch)}
	if err := b.name.Validate(); err != nil {
		return nil, fmt.Errorf("branch %q: %w", branch, err)
	}
	if branch == "HEAD" {
		return nil, errors.New(`"HEAD" cannot be the name of a branch; name another branch`)
	}
	if dir = path.Clean(dir); dir != "." {
		b.dir = dir
	}
	if err := b.openRepository(top); err != nil {
		return nil, fmt.Errorf("open repository %s: %w; "+
			"if only the git command can read it, pull into the work tree and commit by hand", top, err)
	}
	if err := b.checkFree(); err != nil {
		return nil, err
	}
	if err := b.openTip(); err != nil {
		return nil, err
	}
	return b, nil
}

// largeObject is the size from which go-git streams an object instead of reading it into memory.
const largeObject = 1 << 20

func (b *Branch) openRepository(top string) error {
	repo, err := git.PlainOpenWithOptions(top, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return err
	}
	plain, ok := repo.Storer.(*filesystem.Storage)
	if !ok {
		return errors.New("it is not stored on disk")
	}
	// PlainOpenWithOptions has no options for large objects and for alternates, which are
	// objects in another clone. Open the repository again with both.
	b.objects = filesystem.NewStorageWithOptions(plain.Filesystem(), cache.NewObjectLRU(16<<20),
		filesystem.Options{
			LargeObjectThreshold: largeObject,
			AlternatesFS:         osfs.New(filepath.VolumeName(top) + string(filepath.Separator)),
		})
	if b.repo, err = git.Open(b.objects, nil); err != nil {
		return err
	}
	b.shared = plain.Filesystem().Root()
	text, err := os.ReadFile(filepath.Join(b.shared, "commondir")) //nolint:gosec // the repository's own
	if err == nil {
		if name := strings.TrimSpace(string(text)); filepath.IsAbs(name) {
			b.shared = name
		} else {
			b.shared = filepath.Join(b.shared, name)
		}
	}
	return nil
}

// AsOwner calls [AsOwner] for the repository's folder.
func (b *Branch) AsOwner(work func() error) error { return AsOwner(b.shared, work) }

func (b *Branch) openTip() error {
	tip, err := b.repo.Reference(b.name, true)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		if tip, err = b.repo.Head(); err != nil {
			return fmt.Errorf("find the commit at which the new branch %s starts: %w; commit something first",
				b.name.Short(), err)
		}
	case err != nil:
		return fmt.Errorf("find branch %s: %w", b.name.Short(), err)
	default:
		b.old = tip
	}
	if b.parent, err = b.repo.CommitObject(tip.Hash()); err != nil {
		return fmt.Errorf("read commit %s: %w", tip.Hash(), err)
	}
	if b.root, err = b.open(b.parent.TreeHash); err != nil {
		return fmt.Errorf("read the tree of commit %s: %w", tip.Hash(), err)
	}
	return nil
}

// fileName returns the file name of a pathname relative to the repository's root.
func (b *Branch) fileName(pathname string) string { return path.Join(b.dir, pathname[1:]) }

// State implements [Tree].
func (b *Branch) State(pathname string) (FileState, error) {
	p, err := b.find(b.fileName(pathname), false)
	if err != nil {
		return FileState{}, err
	}
	conversion, err := b.conversionAt(b.fileName(pathname))
	if err != nil {
		return FileState{}, err
	}
	if p.blocked != "" || !p.exists {
		return FileState{Blocked: cmp.Or(p.blocked, onlyGit(conversion))}, nil
	}
	e, ok := p.folder().entries[p.name()]
	switch {
	case !ok:
		return FileState{Blocked: onlyGit(conversion)}, nil
	case e.Mode == filemode.Dir || e.Mode == filemode.Submodule:
		return FileState{Blocked: isFolder}, nil
	case !e.Mode.IsFile() || e.Mode == filemode.Symlink:
		return FileState{Blocked: notRegular}, nil
	}
	blob, err := b.blobOf(e)
	if err != nil {
		return FileState{}, err
	}
	r, err := blob.Reader()
	if err != nil {
		return FileState{}, err
	}
	defer r.Close()
	start := make([]byte, min(int64(len(lfsPointer)), blob.Size))
	if _, err := io.ReadFull(r, start); err != nil {
		return FileState{}, err
	}
	if string(start) == lfsPointer {
		return FileState{Blocked: onlyGit(attributes.Conversion{Filter: "lfs"})}, nil
	}
	if blocked := onlyGit(conversion); blocked != "" {
		return FileState{Blocked: blocked}, nil
	}
	h := manifest.NewHasher(blob.Size)
	_, _ = h.Write(start) // a hash never fails
	if _, err := io.Copy(h, r); err != nil {
		return FileState{}, err
	}
	state := FileState{Hashes: []manifest.Hash{h.Sum()}}
	if !conversion.None() && blob.Size <= maxConverted {
		deployed, err := b.checkedOut(e, conversion)
		if err != nil {
			return FileState{}, err
		}
		state.Hashes = slices.Compact(append([]manifest.Hash{deployed}, state.Hashes...))
	}
	return state, nil
}

// lfsPointer begins each file that Git LFS puts in place of a content.
const lfsPointer = "version https://git-lfs.github.com/spec/v1"

// Put implements [Tree]. It writes the content to a temporary file first, because a partial
// object would stay in the repository. git gc removes files with the prefix tmp_obj_, also if a
// killed process left them.
func (b *Branch) Put(pathname string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Join(b.shared, "objects"), "tmp_obj_")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	conversion, err := b.conversionAt(b.fileName(pathname))
	if err != nil {
		return err
	}
	if err := b.store(f, conversion, b.fileName(pathname)); err != nil {
		return err
	}
	id, err := b.blob(f)
	if err != nil {
		return err
	}
	p, err := b.find(b.fileName(pathname), true)
	if err != nil {
		return err
	}
	if p.blocked != "" {
		return errors.New(p.blocked)
	}
	mode := filemode.Regular
	if e, ok := p.folder().entries[p.name()]; ok && e.Mode.IsFile() {
		mode = e.Mode
	}
	p.folder().set(object.TreeEntry{Name: p.name(), Mode: mode, Hash: id})
	return nil
}

// blob stores the content of a file as a git object.
func (b *Branch) blob(f *os.File) (plumbing.Hash, error) {
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return plumbing.ZeroHash, err
	}
	w, header, err := b.objects.LazyWriter()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if err = header(plumbing.BlobObject, size); err == nil {
		_, err = io.Copy(w, f)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	hashed, ok := w.(interface{ Hash() plumbing.Hash })
	if !ok {
		return plumbing.ZeroHash, errors.New("go-git's object writer has no hash")
	}
	return hashed.Hash(), nil
}

// Remove implements [Tree].
func (b *Branch) Remove(pathname string) error {
	p, err := b.find(b.fileName(pathname), false)
	if err == nil && p.exists {
		p.remove()
	}
	return err
}

// Pulled reads the record of the writes that are in git.
func (b *Branch) Pulled() (manifest.Pulled, error) {
	p, err := b.find(b.fileName("/"+manifest.PulledName), false)
	if err != nil || !p.exists {
		return manifest.Pulled{}, err
	}
	e, ok := p.folder().entries[p.name()]
	if !ok {
		return manifest.Pulled{}, nil
	}
	text, err := b.content(e)
	if err != nil {
		return manifest.Pulled{}, err
	}
	return parsePulled(text)
}

// SetPulled replaces the record of the writes that are in git. It removes an empty record.
func (b *Branch) SetPulled(pulled manifest.Pulled) error {
	if len(pulled.Writes) == 0 {
		p, err := b.find(b.fileName("/"+manifest.PulledName), false)
		if err == nil && p.exists && p.folder().entries[p.name()].Name != "" {
			p.remove()
		}
		return err
	}
	return b.Put("/"+manifest.PulledName, func(w io.Writer) error {
		_, err := w.Write(manifest.FormatPulled(pulled))
		return err
	})
}

// Commit makes the commit and moves the branch to it. It returns the id of the commit, or "" if
// nothing has changed. It fails if the branch is not where OpenBranch found it.
func (b *Branch) Commit(message Message, now time.Time) (string, error) {
	tree, err := b.write(b.root)
	if err != nil {
		return "", fmt.Errorf("write the tree: %w", err)
	}
	if tree == b.parent.TreeHash {
		return "", nil
	}
	when := message.Time
	if when.Unix() <= 0 || when.After(now) { // git refuses such a time, or it is in the future
		when = now
	}
	commit := &object.Commit{
		Author:       object.Signature{Name: message.Author.Name, Email: message.Author.Email, When: when.UTC()},
		Committer:    object.Signature{Name: tool.Name, Email: tool.Email, When: now},
		Message:      message.Text,
		TreeHash:     tree,
		ParentHashes: []plumbing.Hash{b.parent.Hash},
	}
	id, err := b.encode(commit)
	if err != nil {
		return "", fmt.Errorf("write the commit: %w", err)
	}
	if err := b.move(id); err != nil {
		return "", fmt.Errorf("move branch %s, which another process may have moved: %w; run again", b.name.Short(), err)
	}
	return id.String(), nil
}

// move sets the branch to a commit, if the branch has not changed since OpenBranch.
func (b *Branch) move(to plumbing.Hash) error {
	if b.old == nil {
		if _, err := b.repo.Reference(b.name, false); !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return errors.New("another process created it")
		}
	}
	return b.repo.Storer.CheckAndSetReference(plumbing.NewHashReference(b.name, to), b.old)
}

func (b *Branch) encode(o object.Object) (plumbing.Hash, error) {
	encoded := b.repo.Storer.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return b.repo.Storer.SetEncodedObject(encoded)
}
