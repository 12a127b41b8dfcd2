package objects

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// deltaCache bounds the bases of deltas that are remembered. With the buffers of
// an upload they stay within the memory that a whole deploy may take.
const deltaCache = 16 << 20

// storage reads a repository without the git command: names of commits through
// go-git, objects from their files. go-git's own reading of objects is not used:
// it takes several times as long and much more memory, because each concurrent
// reader needs a storage of its own, and each object is held whole.
type fileStore struct {
	commonDir string
	// dirs are the repository's own directory of objects and those that it
	// borrows from.
	dirs  []*objectDirectory
	count packCount

	mu sync.Mutex // of git, which is not safe for concurrent use
	// git has the refs.
	git    *filesystem.Storage
	closed bool
}

func openFiles(r Layout) (*fileStore, error) {
	dirs, err := alternates(append([]string{r.ObjectDir}, r.Borrowed...))
	if err != nil {
		return nil, err
	}
	s := &fileStore{commonDir: r.CommonDir}
	gitDir := osfs.New(r.GitDir)
	if r.CommonDir != r.GitDir {
		gitDir = dotgit.NewRepositoryFilesystem(gitDir, osfs.New(r.CommonDir))
	}
	s.git = filesystem.NewStorage(gitDir, cache.NewObjectLRU(0))
	bases := newBaseCache(deltaCache)
	for _, path := range dirs {
		s.dirs = append(s.dirs, &objectDirectory{path: path, bases: bases})
	}
	_, err = s.rescan()
	return s, err
}

// rescan looks for packs that are new, and reports whether there are any.
func (s *fileStore) rescan() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, errors.New("the source is closed")
	}
	found := false
	for _, d := range s.dirs {
		some, err := d.rescan(&s.count)
		if err != nil {
			return false, err
		}
		found = found || some
	}
	return found, nil
}

// get finds an object in any of the directories.
func (s *fileStore) get(ctx context.Context, id string, whole bool) (object, error) {
	for {
		if err := ctx.Err(); err != nil {
			return object{}, err
		}
		for _, d := range s.dirs {
			o, err := d.get(id, whole)
			if !errors.Is(err, ErrNoObject) {
				return o, err
			}
		}
		more, err := s.rescan()
		if err != nil {
			return object{}, err
		}
		if !more {
			return object{}, ErrNoObject
		}
	}
}

func (s *fileStore) stat(ctx context.Context, id string) (string, int64, error) {
	o, err := s.get(ctx, id, false)
	return o.kind, o.size, err
}

func (s *fileStore) open(ctx context.Context, id string) (string, int64, io.ReadCloser, error) {
	o, err := s.get(ctx, id, true)
	return o.kind, o.size, o.content, err
}

// differs reports whether an object lies in a pack as a difference from another.
func (s *fileStore) differs(id string) bool {
	bin, err := parseID(id)
	if err != nil {
		return false
	}
	for _, d := range s.dirs {
		if p, offset, err := d.locate(bin); err == nil && p != nil {
			e, err := p.entry(offset)
			return err == nil && e.kind == ""
		}
	}
	return false
}

// expect brings ids into the order in which they lie in the packs, where a delta
// lies close to its base.
func (s *fileStore) prefetch(_ context.Context, ids []string) {
	type found struct {
		id     string
		pack   int
		offset int64
	}
	all := make([]found, len(ids))
	for i, id := range ids {
		all[i].id = id
		bin, err := parseID(id)
		if err != nil {
			continue
		}
		for _, d := range s.dirs {
			// What cannot be found shows when it is read.
			if p, offset, err := d.locate(bin); err == nil && p != nil {
				all[i].pack, all[i].offset = p.number, offset
				break
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Or(a.pack-b.pack, cmp.Compare(a.offset, b.offset)) })
	for i, f := range all {
		ids[i] = f.id
	}
}

// Close ends what the storage holds open. It is called when nothing is read any more.
func (s *fileStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, d := range s.dirs {
		d.close()
	}
	return s.git.Close()
}

func (s *fileStore) shallow(context.Context) (map[string]bool, error) {
	return readShallow(s.commonDir)
}
