package pull

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Branch is the folder of a site in the commit that a branch names, on which a commit is being
// made. The work tree and the index are not touched.
type Branch struct {
	repo    *git.Repository
	objects *filesystem.Storage
	name    plumbing.ReferenceName
	// old is the branch as it was found, nil if it does not exist yet.
	old    *plumbing.Reference
	parent *object.Commit
	dir    string // of the site, within the repository; "" is its root
	root   *folder
	// shared is the .git folder that all work trees of the repository share.
	shared string
}

// OpenBranch opens a branch of the repository that holds a folder; dir is the site's, relative
// to the repository's root. A branch that does not exist is made, at HEAD. One that is checked
// out is refused: its work tree would seem to revert the commit.
func OpenBranch(top, dir, branch string) (*Branch, error) {
	b := &Branch{name: plumbing.NewBranchReferenceName(branch)}
	if err := b.name.Validate(); err != nil {
		return nil, fmt.Errorf("branch %q: %w", branch, err)
	}
	if dir = path.Clean(dir); dir != "." {
		b.dir = norm.NFC.String(dir)
	}
	if err := b.openRepository(top); err != nil {
		return nil, fmt.Errorf("open repository %s: %w; "+
			"where only the git command can read it, pull without --branch and commit by hand", top, err)
	}
	if err := b.checkFree(); err != nil {
		return nil, err
	}
	if err := b.openTip(); err != nil {
		return nil, err
	}
	return b, nil
}

// largeObject is the size from which an object is read in pieces.
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
	// Open it again with what go-git's way of opening has no options for: large objects, and
	// objects that are borrowed from another clone.
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

// AsOwner does work as the owner of the repository: see [AsOwner].
func (b *Branch) AsOwner(work func() error) error { return AsOwner(b.shared, work) }

// checkFree refuses a branch that is checked out in any work tree of the repository, or whose
// name conflicts with another branch's: a branch is a file, or the folder that other branches
// are in.
func (b *Branch) checkFree() error {
	linked, err := filepath.Glob(filepath.Join(b.shared, "worktrees", "*", "HEAD"))
	if err != nil {
		return fmt.Errorf("list the work trees: %w", err)
	}
	for _, head := range append(linked, filepath.Join(b.shared, "HEAD")) {
		text, err := os.ReadFile(head) //nolint:gosec // the repository's own
		if err == nil && strings.TrimSpace(string(text)) == "ref: "+b.name.String() {
			return fmt.Errorf("branch %s is checked out; "+
				"pull without --branch and commit, or name another branch", b.name.Short())
		}
	}
	refs, err := b.repo.References()
	if err != nil {
		return fmt.Errorf("list the branches: %w", err)
	}
	defer refs.Close()
	return refs.ForEach(func(r *plumbing.Reference) error {
		have, want := r.Name().String()+"/", b.name.String()+"/"
		if have != want && (strings.HasPrefix(have, want) || strings.HasPrefix(want, have)) {
			return fmt.Errorf("there cannot be a branch %s beside %s; name another branch",
				b.name.Short(), r.Name().Short())
		}
		return nil
	})
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
	if b.root, err = b.open(b.parent.TreeHash); err != nil {
		return fmt.Errorf("read the tree of commit %s: %w", tip.Hash(), err)
	}
	return nil
}

// within returns a pathname's name in the repository.
func (b *Branch) within(pathname string) string { return path.Join(b.dir, pathname[1:]) }

// Look implements [Tree].
func (b *Branch) Look(pathname string) (Present, error) {
	p, err := b.find(b.within(pathname), false)
	if err != nil || p.blocked != "" || !p.exists {
		return Present{Blocked: blockedOf(p)}, err
	}
	e, ok := p.folder().entries[p.name()]
	switch {
	case !ok:
		return Present{}, nil
	case e.Mode == filemode.Dir || e.Mode == filemode.Submodule:
		return Present{Blocked: "there is a folder of this name"}, nil
	case !e.Mode.IsFile() || e.Mode == filemode.Symlink:
		return Present{Blocked: "what is there is not a regular file"}, nil
	}
	blob, err := b.repo.BlobObject(e.Hash)
	if err != nil {
		return Present{}, err
	}
	r, err := blob.Reader()
	if err != nil {
		return Present{}, err
	}
	defer r.Close()
	start := make([]byte, min(int64(len(lfsPointer)), blob.Size))
	if _, err := io.ReadFull(r, start); err != nil {
		return Present{}, err
	}
	if string(start) == lfsPointer {
		return Present{Blocked: "its content is in Git LFS, where only the git command can put it; " +
			"pull without --branch"}, nil
	}
	h := manifest.NewHasher(blob.Size)
	_, _ = h.Write(start) // a hash never fails
	if _, err := io.Copy(h, r); err != nil {
		return Present{}, err
	}
	return Present{Hashes: []manifest.Hash{h.Sum()}}, nil
}

const lfsPointer = "version https://git-lfs.github.com/spec/v1"

func blockedOf(p *place) string {
	if p == nil {
		return ""
	}
	return p.blocked
}

// Put implements [Tree]. The content goes to a temporary file first, because a partial object
// would stay in the repository. The file has a name of git's, so that git removes what a killed
// process left.
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
	id, err := b.blob(f)
	if err != nil {
		return err
	}
	p, err := b.find(b.within(pathname), true)
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

// blob stores the content of a file as an object.
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
		return plumbing.ZeroHash, errors.New("the storage does not say what it has written")
	}
	return hashed.Hash(), nil
}

// Remove implements [Tree]. It also removes folders that become empty.
func (b *Branch) Remove(pathname string) error {
	p, err := b.find(b.within(pathname), false)
	if err == nil && p.exists {
		p.remove()
	}
	return err
}

// Pulled reads which writes are in git.
func (b *Branch) Pulled() (map[string]manifest.Nonce, error) {
	p, err := b.find(b.within("/"+manifest.PulledName), false)
	if err != nil || !p.exists {
		return nil, err
	}
	e, ok := p.folder().entries[p.name()]
	if !ok {
		return nil, nil
	}
	blob, err := b.repo.BlobObject(e.Hash)
	if err != nil {
		return nil, err
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return pulledOf(text)
}

// SetPulled records which writes are in git.
func (b *Branch) SetPulled(pulled map[string]manifest.Nonce) error {
	if len(pulled) == 0 {
		p, err := b.find(b.within("/"+manifest.PulledName), false)
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

// Commit makes the commit and moves the branch there, unless somebody else has moved it
// meanwhile. Without a change it makes none, and returns "".
func (b *Branch) Commit(message Message, now time.Time) (string, error) {
	tree, err := b.write(b.root)
	if err != nil {
		return "", fmt.Errorf("write the tree: %w", err)
	}
	if tree == b.parent.TreeHash {
		return "", nil
	}
	when := message.Time
	if when.Unix() <= 0 || when.After(now) { // git cannot write it, or it is in the future
		when = now
	}
	commit := &object.Commit{
		Author:       object.Signature{Name: message.Author.Name, Email: message.Author.Email, When: when.UTC()},
		Committer:    object.Signature{Name: tool.Name, Email: tool.Email, When: now},
		Message:      message.Text,
		TreeHash:     tree,
		ParentHashes: []plumbing.Hash{b.parent.Hash},
	}
	id, err := b.store(commit)
	if err != nil {
		return "", fmt.Errorf("write the commit: %w", err)
	}
	if err := b.move(id); err != nil {
		return "", fmt.Errorf("move branch %s: %w; somebody else moved it, run again", b.name.Short(), err)
	}
	return id.String(), nil
}

// move sets the branch to a commit, if the branch is what it was.
func (b *Branch) move(to plumbing.Hash) error {
	if b.old == nil {
		if _, err := b.repo.Reference(b.name, false); !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return errors.New("somebody else made it")
		}
	}
	return b.repo.Storer.CheckAndSetReference(plumbing.NewHashReference(b.name, to), b.old)
}

func (b *Branch) store(o object.Object) (plumbing.Hash, error) {
	encoded := b.repo.Storer.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return b.repo.Storer.SetEncodedObject(encoded)
}
