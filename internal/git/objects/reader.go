package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Errors of an object store.
var (
	// ErrNoObject is returned (wrapped) for an object that the repository does not have, for
	// example beyond the boundary of a shallow clone.
	ErrNoObject = errors.New("object not found")
	// ErrNoRevision is returned (wrapped) for a revision that names no commit.
	ErrNoRevision = errors.New("no such revision")
	// errSyntax is returned (wrapped) by fileStore for a form of revision that only the git
	// command knows.
	errSyntax = errors.New("this form of revision is not supported")
)

// Kinds of objects.
const (
	kindCommit = "commit"
	kindTree   = "tree"
	kindBlob   = "blob"
	kindTag    = "tag"
)

// store reads the objects of one repository, by their ids in hexadecimal. It is safe for
// concurrent use. There are two: fileStore and catStore.
type store interface {
	// stat returns an object's kind and size without its content.
	stat(ctx context.Context, id string) (kind string, size int64, err error)
	// open also returns the object's content.
	open(ctx context.Context, id string) (kind string, size int64, content io.ReadCloser, err error)
	// resolve returns the commit that a revision names.
	resolve(ctx context.Context, revision string) (id string, err error)
	// shallow lists the commits whose parents the repository does not have.
	shallow(ctx context.Context) (map[string]bool, error)
	// prefetch announces which objects will be read next: see [Reader.Prefetch].
	prefetch(ctx context.Context, ids []string)
	// Close releases what the store holds open.
	Close() error
}

// Reads counts what a [Reader] read.
type Reads struct {
	Commits, Trees int64
	// Blobs counts contents, Sizes look-ups of a blob's size only.
	Blobs, Sizes int64
	// Bytes counts the bytes of packs and their indexes. What the git command reads does not
	// count.
	Bytes int64
}

// Reader reads and decodes the objects of one repository. It is safe for concurrent use until
// Close.
type Reader struct {
	store store
	// git knows forms of revision that store does not; nil without a git command.
	git store

	commitReads, treeReads, blobReads, sizeReads atomic.Int64
}

// Open opens a repository whose files this program can read. The git command is only used for
// unusual forms of revision and for large deltas. It may be nil.
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

// OpenByGit opens a repository that only the git command can read.
func OpenByGit(l Layout, git *command.Git) *Reader { return &Reader{store: newCatStore(git, l)} }

// HeadID returns the id of the commit that HEAD names, or "". It reads no object.
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

// Shallow returns the commits whose parents the clone does not have.
func (r *Reader) Shallow(ctx context.Context) (map[string]bool, error) { return r.store.shallow(ctx) }

// Prefetch announces which objects will be read next. It sorts the ids into the order
// in which reading is fastest, and fetches together those that a partial clone
// lacks. An object that cannot be fetched gives an error when it is read.
func (r *Reader) Prefetch(ctx context.Context, ids []string) { r.store.prefetch(ctx, ids) }

// Reads returns what was read so far.
func (r *Reader) Reads() Reads {
	out := Reads{
		Commits: r.commitReads.Load(), Trees: r.treeReads.Load(),
		Blobs: r.blobReads.Load(), Sizes: r.sizeReads.Load(),
	}
	if s, ok := r.store.(*fileStore); ok {
		out.Bytes = s.count.read.Load()
	}
	return out
}

// Close releases what the reader holds open.
func (r *Reader) Close() error {
	err := r.store.Close()
	if r.git != nil {
		err = errors.Join(err, r.git.Close())
	}
	return err
}

// Resolve returns the id of the commit that a revision names.
func (r *Reader) Resolve(ctx context.Context, revision string) (string, error) {
	id, err := r.store.resolve(ctx, revision)
	if errors.Is(err, errSyntax) && r.git != nil {
		return r.git.resolve(ctx, revision)
	}
	return id, err
}

// maxMeta bounds commits and trees, and all objects that are built from deltas. They are held
// in memory.
const maxMeta = 256 << 20

// read returns the content of a commit, tag or tree.
func (r *Reader) read(ctx context.Context, id, want string) ([]byte, error) {
	kind, size, content, err := r.store.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", want, id, err)
	}
	defer content.Close()
	if kind != want {
		return nil, fmt.Errorf("read %s %s: it is a %s", want, id, kind)
	}
	if size > maxMeta {
		return nil, &LimitError{fmt.Sprintf("read %s %s: %d bytes are too many", want, id, size)}
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", want, id, err)
	}
	return data, nil
}

// Commit reads a commit.
func (r *Reader) Commit(ctx context.Context, id string) (*Commit, error) {
	r.commitReads.Add(1)
	data, err := r.read(ctx, id, kindCommit)
	if err != nil {
		return nil, err
	}
	c, err := parseCommit(data)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", id, err)
	}
	return c, nil
}

// Tree reads a tree.
func (r *Reader) Tree(ctx context.Context, id string) ([]Entry, error) {
	r.treeReads.Add(1)
	data, err := r.read(ctx, id, kindTree)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(data, len(id)/2)
	if err != nil {
		return nil, fmt.Errorf("read tree %s: %w", id, err)
	}
	return entries, nil
}

// BlobSize returns the size of a blob without reading it.
func (r *Reader) BlobSize(ctx context.Context, id string) (int64, error) {
	r.sizeReads.Add(1)
	kind, size, err := r.store.stat(ctx, id)
	if err == nil && kind != kindBlob {
		err = fmt.Errorf("it is a %s", kind)
	}
	if err != nil {
		return 0, fmt.Errorf("read blob %s: %w", id, err)
	}
	return size, nil
}

// Blob opens a blob. Another kind of object is an error.
func (r *Reader) Blob(ctx context.Context, id string) (io.ReadCloser, error) {
	return r.blobFrom(ctx, r.store, id)
}

func (r *Reader) blobFrom(ctx context.Context, store store, id string) (io.ReadCloser, error) {
	r.blobReads.Add(1)
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

// SizedBlob opens a blob of a known size. A large blob that is stored as a delta is read through
// the git command if there is one, because this program would hold it in memory together with
// its base.
func (r *Reader) SizedBlob(ctx context.Context, id string, size int64) (io.ReadCloser, error) {
	s, fromFiles := r.store.(*fileStore)
	if size <= manifest.MaxValueBytes || !fromFiles || r.git == nil || !s.isDelta(id) {
		return r.Blob(ctx, id)
	}
	content, err := r.blobFrom(ctx, r.git, id)
	if err != nil && ctx.Err() == nil {
		return r.Blob(ctx, id) // git refuses a repository of another user
	}
	return content, err
}
