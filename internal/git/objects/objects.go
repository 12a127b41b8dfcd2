package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/kv-sync/kv-sync/internal/git/command"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Errors of an object store.
var (
	// errNoObject is returned (wrapped) for an object that the repository does
	// not have, as beyond the boundary of a shallow clone.
	ErrNoObject = errors.New("object not found")
	// errNoRevision is returned (wrapped) for a revision that names no commit.
	ErrNoRevision = errors.New("no such revision")
	// errSyntax is returned (wrapped) by a store that does not know the form of
	// a revision; another may.
	errSyntax = errors.New("this form of revision is not supported")
)

// Kinds of objects.
const (
	kindCommit = "commit"
	kindTree   = "tree"
	kindBlob   = "blob"
	kindTag    = "tag"
)

// objectStore reads the objects of one repository, by their ids in hexadecimal.
// It is safe for concurrent use. There are two: storage and commandStore.
type store interface {
	// stat returns an object's kind and size without its content.
	stat(ctx context.Context, id string) (kind string, size int64, err error)
	// open returns an object's content as well.
	open(ctx context.Context, id string) (kind string, size int64, content io.ReadCloser, err error)
	// resolve returns the commit that a revision names.
	resolve(ctx context.Context, revision string) (id string, err error)
	// shallow lists the commits whose parents the repository does not have.
	shallow(ctx context.Context) (map[string]bool, error)
	// expect is told which objects will be read next: it brings them into the
	// order in which they are read fastest, and has them fetched together where
	// a partial clone lacks them. What cannot be had shows when it is read.
	prefetch(ctx context.Context, ids []string)
	// Close ends what the store holds open.
	Close() error
}

// Reads counts what a source read.
type Reads struct {
	Commits, Trees int64
	// Blobs counts contents, Sizes look-ups of a blob's size alone.
	Blobs, Sizes int64
	// Bytes counts those of packs and their indexes, where the git command did
	// not do the reading.
	Bytes int64
}

// objects decodes and counts what object stores read.
type Reader struct {
	store store
	// git knows revisions that store does not; nil if there is none.
	git store

	commitReads, treeReads, blobReads, sizeReads atomic.Int64
}

// openObjects opens a repository whose form this program can read. git is for what
// it does better: forms of revision, and large deltas; nil is no git command.
func Open(l Layout, git *command.Git) (*Reader, error) {
	store, err := openFiles(l)
	if err != nil {
		return nil, err
	}
	o := &Reader{store: store}
	if git != nil {
		o.git = newCatStore(git, l)
	}
	return o, nil
}

// openByGit opens a repository that only the git command can read.
func OpenByGit(l Layout, git *command.Git) *Reader { return &Reader{store: newCatStore(git, l)} }

// headID returns the id that HEAD names, or "". It reads no object.
func HeadID(l Layout) string {
	if l.IDBytes != SHA1Bytes {
		return ""
	}
	store, err := openFiles(l)
	if err != nil {
		return ""
	}
	defer store.Close() //nolint:errcheck // only read
	return store.ref("HEAD")
}

// shallow returns the commits whose parents the clone does not have.
func (o *Reader) Shallow(ctx context.Context) (map[string]bool, error) { return o.store.shallow(ctx) }

// prefetch announces which objects will be read next. It sorts them into the order
// in which they are read fastest, and fetches together those that a partial clone
// lacks. An object that cannot be fetched gives an error when it is read.
func (o *Reader) Prefetch(ctx context.Context, ids []string) { o.store.prefetch(ctx, ids) }

func (o *Reader) Reads() Reads {
	r := Reads{Commits: o.commitReads.Load(), Trees: o.treeReads.Load(), Blobs: o.blobReads.Load(), Sizes: o.sizeReads.Load()}
	if s, ok := o.store.(*fileStore); ok {
		r.Bytes = s.count.read.Load()
	}
	return r
}

// close ends what the stores hold open.
func (o *Reader) Close() error {
	err := o.store.Close()
	if o.git != nil {
		err = errors.Join(err, o.git.Close())
	}
	return err
}

// resolve returns the commit that a revision names. A form of revision that
// the one store does not know may be known to the other.
func (o *Reader) Resolve(ctx context.Context, revision string) (string, error) {
	id, err := o.store.resolve(ctx, revision)
	if errors.Is(err, errSyntax) && o.git != nil {
		return o.git.resolve(ctx, revision)
	}
	return id, err
}

// maxMeta bounds commits and trees, which are read whole.
const maxMeta = 256 << 20

// read returns the content of a commit, tag or tree.
func (o *Reader) read(ctx context.Context, id, want string) ([]byte, error) {
	kind, size, content, err := o.store.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", want, id, err)
	}
	defer content.Close()
	if kind != want {
		return nil, fmt.Errorf("read %s %s: it is a %s", want, id, kind)
	}
	if size > maxMeta {
		return nil, fmt.Errorf("read %s %s: %d bytes are too many", want, id, size)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", want, id, err)
	}
	return data, nil
}

func (o *Reader) Commit(ctx context.Context, id string) (*Commit, error) {
	o.commitReads.Add(1)
	data, err := o.read(ctx, id, kindCommit)
	if err != nil {
		return nil, err
	}
	c, err := parseCommit(data)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", id, err)
	}
	return c, nil
}

func (o *Reader) Tree(ctx context.Context, id string) ([]Entry, error) {
	o.treeReads.Add(1)
	data, err := o.read(ctx, id, kindTree)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(data, len(id)/2)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", id, err)
	}
	return entries, nil
}

func (o *Reader) BlobSize(ctx context.Context, id string) (int64, error) {
	o.sizeReads.Add(1)
	kind, size, err := o.store.stat(ctx, id)
	if err == nil && kind != kindBlob {
		err = fmt.Errorf("it is a %s", kind)
	}
	if err != nil {
		return 0, fmt.Errorf("read blob %s: %w", id, err)
	}
	return size, nil
}

func (o *Reader) Blob(ctx context.Context, id string) (io.ReadCloser, error) {
	return o.blobFrom(ctx, o.store, id)
}

func (o *Reader) blobFrom(ctx context.Context, store store, id string) (io.ReadCloser, error) {
	o.blobReads.Add(1)
	kind, _, content, err := store.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", id, err)
	}
	if kind != kindBlob {
		content.Close()
		return nil, fmt.Errorf("read blob %s: it is a %s", id, kind)
	}
	return content, nil
}

// sized opens a blob of a known size. One that is large and lies in the
// repository as a difference would be held whole, with what it differs from:
// where git is there, it does that, in a process of its own.
func (o *Reader) SizedBlob(ctx context.Context, id string, size int64) (io.ReadCloser, error) {
	s, ours := o.store.(*fileStore)
	if size <= kvsync.MaxValueBytes || !ours || o.git == nil || !s.differs(id) {
		return o.Blob(ctx, id)
	}
	content, err := o.blobFrom(ctx, o.git, id)
	if err != nil && ctx.Err() == nil {
		return o.Blob(ctx, id) // git refuses a repository of another user
	}
	return content, err
}
