package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

const (
	// largeObject is the size from which go-git streams an object instead of
	// holding it in memory.
	largeObject = 1 << 20
	// deltaCache bounds the bases of deltas that all readers together remember.
	// go-git's own default, 96 MiB for each, would be more than the memory that
	// a whole deploy may take.
	deltaCache = 32 * cache.MiByte
)

// storage reads a repository through go-git's object storage. That is not safe
// for concurrent use, so each reader at a time has its own.
type storage struct {
	commonDir string
	fs        billy.Filesystem
	// alternates are the object directories that objects/info/alternates name,
	// and those that they name. go-git itself follows them only where the paths
	// are absolute, and only for some of its calls.
	alternates []billy.Filesystem
	// cache is shared by the readers; it has a lock of its own, and what is in
	// it is only read.
	cache cache.Object

	mu     sync.Mutex
	idle   []*reader
	closed bool
}

// reader is one set of go-git storages: the repository's own, then alternates.
type reader struct{ stores []*filesystem.Storage }

func openStorage(r *repository) (*storage, error) {
	s := &storage{commonDir: r.commonDir, fs: osfs.New(r.gitDir), cache: cache.NewObjectLRU(deltaCache)}
	if r.commonDir != r.gitDir {
		s.fs = dotgit.NewRepositoryFilesystem(s.fs, osfs.New(r.commonDir))
	}
	dirs, err := alternates(filepath.Join(r.commonDir, "objects"))
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		s.alternates = append(s.alternates, osfs.New(filepath.Dir(dir)))
	}
	return s, nil
}

// alternates lists the object directories that one borrows from. git follows
// them to a depth of five.
func alternates(objects string) ([]string, error) {
	seen := map[string]bool{objects: true}
	level, all := []string{objects}, []string(nil)
	for range 5 {
		var next []string
		for _, dir := range level {
			text, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSuffix(line, "\n")
				if line == "" || line[0] == '#' {
					continue
				}
				other := under(dir, line)
				if filepath.Base(other) != "objects" || line[0] == '"' {
					return nil, fmt.Errorf("it borrows objects from %q", line)
				}
				if !seen[other] {
					seen[other] = true
					next = append(next, other)
				}
			}
		}
		all = append(all, next...)
		level = next
	}
	return all, nil
}

func (s *storage) take() (*reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the source is closed")
	}
	if n := len(s.idle); n > 0 {
		r := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return r, nil
	}
	r := &reader{}
	for _, fs := range append([]billy.Filesystem{s.fs}, s.alternates...) {
		r.stores = append(r.stores, filesystem.NewStorageWithOptions(fs, s.cache,
			filesystem.Options{KeepDescriptors: true, LargeObjectThreshold: largeObject}))
	}
	return r, nil
}

func (s *storage) give(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		r.close()
		return
	}
	s.idle = append(s.idle, r)
}

func (r *reader) close() {
	for _, store := range r.stores {
		_ = store.Close()
	}
}

func (s *storage) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, r := range s.idle {
		r.close()
	}
	s.idle = nil
	return nil
}

// object finds an object in any of the storages.
func (r *reader) object(id string) (plumbing.EncodedObject, error) {
	if len(id) != 40 || !isHex(id) {
		return nil, fmt.Errorf("%q is no SHA-1 id", id)
	}
	for _, store := range r.stores {
		o, err := store.EncodedObject(plumbing.AnyObject, plumbing.NewHash(id))
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return o, err
		}
	}
	return nil, errNoObject
}

// stat takes the kind on trust: go-git can tell an object's size without its
// content, but not its kind, and a tree that calls it a blob is right about it.
func (s *storage) stat(_ context.Context, id string) (string, int64, error) {
	if len(id) != 40 || !isHex(id) {
		return "", 0, fmt.Errorf("%q is no SHA-1 id", id)
	}
	r, err := s.take()
	if err != nil {
		return "", 0, err
	}
	defer s.give(r)
	for _, store := range r.stores {
		size, err := store.EncodedObjectSize(plumbing.NewHash(id))
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return kindBlob, size, err
		}
	}
	return "", 0, errNoObject
}

func (s *storage) open(ctx context.Context, id string) (string, int64, io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return "", 0, nil, err
	}
	r, err := s.take()
	if err != nil {
		return "", 0, nil, err
	}
	o, err := r.object(id)
	if err != nil {
		s.give(r)
		return "", 0, nil, err
	}
	content, err := o.Reader()
	if err != nil {
		s.give(r)
		return "", 0, nil, err
	}
	if _, inMemory := o.(*plumbing.MemoryObject); inMemory {
		s.give(r)
		return o.Type().String(), o.Size(), content, nil
	}
	// A large object is read from the storage as it is consumed.
	return o.Type().String(), o.Size(), &heldReader{ReadCloser: content, give: sync.OnceFunc(func() { s.give(r) })}, nil
}

// heldReader gives the storage back when it is closed.
type heldReader struct {
	io.ReadCloser
	give func()
}

func (h *heldReader) Close() error {
	err := h.ReadCloser.Close()
	h.give()
	return err
}

func (s *storage) shallow(context.Context) (map[string]bool, error) { return readShallow(s.commonDir) }

// readShallow reads the list that git keeps of commits without their parents.
func readShallow(commonDir string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(commonDir, "shallow"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the boundary of the shallow clone: %w", err)
	}
	boundary := map[string]bool{}
	for _, id := range strings.Fields(string(text)) {
		boundary[id] = true
	}
	return boundary, nil
}

var (
	// suffix is one step of a revision, from right to left.
	suffix = regexp.MustCompile(`(~\d*|\^\d*|\^\{commit\}|\^\{\}|\^0)$`)
	// plain is what is left: a name of a ref, or an id. Anything else, such as
	// "@{upstream}" or ":/text", is left to git.
	plain = regexp.MustCompile(`^[^\s~^:?*\[\\@{}]+$|^@$`)
	// described is the output of git describe.
	described = regexp.MustCompile(`-\d+-g[0-9a-f]{4,}$`)
)

func (s *storage) resolve(ctx context.Context, revision string) (string, error) {
	base, steps := revision, []string(nil)
	for {
		step := suffix.FindString(base)
		if step == "" {
			break
		}
		base = base[:len(base)-len(step)]
		steps = append(steps, step)
	}
	if !plain.MatchString(base) || strings.HasPrefix(base, "-") || strings.Contains(base, "..") {
		return "", fmt.Errorf("revision %q: %w", revision, errSyntax)
	}
	id, err := s.name(ctx, base)
	if err != nil {
		return "", fmt.Errorf("%w %q", err, revision)
	}
	o := &objects{meta: s, blobs: s}
	if id, err = peel(ctx, o, id); err != nil {
		return "", fmt.Errorf("revision %q: %w", revision, err)
	}
	for _, step := range slices.Backward(steps) {
		if id, err = follow(ctx, o, id, step); err != nil {
			return "", fmt.Errorf("revision %q: %w", revision, err)
		}
	}
	return id, nil
}

// peel follows tags to the commit.
func peel(ctx context.Context, o *objects, id string) (string, error) {
	for range 10 {
		kind, _, content, err := o.meta.open(ctx, id)
		if err != nil {
			return "", err
		}
		content.Close()
		switch kind {
		case kindCommit:
			return id, nil
		case kindTag:
			data, err := o.read(ctx, id, kindTag)
			if err != nil {
				return "", err
			}
			line, _, _ := strings.Cut(string(data), "\n")
			id = strings.TrimPrefix(line, "object ")
		default:
			return "", fmt.Errorf("%w: it is a %s", errNoRevision, kind)
		}
	}
	return "", errors.New("tags of tags without end")
}

// follow takes one step: "~3" the third first parent, "^2" the second parent.
func follow(ctx context.Context, o *objects, id, step string) (string, error) {
	if strings.HasPrefix(step, "^{") {
		return id, nil
	}
	n := 1
	if len(step) > 1 {
		var err error
		if n, err = strconv.Atoi(step[1:]); err != nil {
			return "", errNoRevision
		}
	}
	if step[0] == '^' {
		if n == 0 {
			return id, nil
		}
		return parent(ctx, o, id, n)
	}
	for range n {
		var err error
		if id, err = parent(ctx, o, id, 1); err != nil {
			return "", err
		}
	}
	return id, nil
}

func parent(ctx context.Context, o *objects, id string, n int) (string, error) {
	c, err := o.commit(ctx, id)
	if err != nil {
		return "", err
	}
	if n > len(c.parents) {
		return "", fmt.Errorf("%w: commit %s has %d parents", errNoRevision, id, len(c.parents))
	}
	return c.parents[n-1], nil
}

// name returns the id of a ref, a whole id, or an abbreviated one, in the
// order in which git tries them.
func (s *storage) name(ctx context.Context, base string) (string, error) {
	if len(base) == 40 && isHex(base) {
		return base, nil
	}
	if base == "@" {
		base = "HEAD"
	}
	r, err := s.take()
	if err != nil {
		return "", err
	}
	defer s.give(r)
	for _, format := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		name := fmt.Sprintf(format, base)
		if !strings.HasPrefix(name, "refs/") && strings.ToUpper(name) != name {
			continue // beside HEAD and its like, files of the git directory are no refs
		}
		if id := r.ref(plumbing.ReferenceName(name)); id != "" {
			return id, nil
		}
	}
	if described.MatchString(base) {
		base = base[strings.LastIndex(base, "-g")+2:]
	}
	if len(base) < 4 || len(base) > 40 || !isHex(base) {
		return "", errNoRevision
	}
	return s.expand(ctx, r, base)
}

// ref follows symbolic refs. A name that is none gives "".
func (r *reader) ref(name plumbing.ReferenceName) string {
	for range 5 {
		ref, err := r.stores[0].Reference(name)
		if err != nil {
			return ""
		}
		if ref.Type() == plumbing.HashReference {
			return ref.Hash().String()
		}
		name = ref.Target()
	}
	return ""
}

// expand returns the one commit (or tag) whose id begins with prefix.
func (s *storage) expand(ctx context.Context, r *reader, prefix string) (string, error) {
	found := map[string]bool{}
	for _, store := range r.stores {
		// go-git wants whole bytes, so an odd last digit is compared here.
		whole := plumbing.NewHash(prefix + strings.Repeat("0", 40-len(prefix)))
		hashes, err := store.HashesWithPrefix(whole[:len(prefix)/2])
		if err != nil {
			return "", err
		}
		for _, h := range hashes {
			if id := h.String(); strings.HasPrefix(id, prefix) {
				if o, err := r.object(id); err == nil && (o.Type() == plumbing.CommitObject || o.Type() == plumbing.TagObject) {
					found[id] = true
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", errNoRevision
	case 1:
		for id := range found {
			return id, nil
		}
	}
	return "", fmt.Errorf("%d commits begin so: %w", len(found), errNoRevision)
}
