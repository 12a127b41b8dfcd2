package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// deltaCache is the size of the base cache in bytes. Together with the buffers of an upload it
// must fit into the memory that a deploy may take.
const deltaCache = 16 << 20

// fileStore reads a repository without the git command. It reads refs through go-git, but not
// objects: go-git takes several times as long and much more memory, because each concurrent
// reader needs a storage of its own, and each object is held in memory.
type fileStore struct {
	commonDir string
	// dirs are the repository's own object directory and its alternates.
	dirs  []*objectDirectory
	count packCount

	mu sync.Mutex // guards git, which is not safe for concurrent use
	// git reads the refs.
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

// rescan looks for new packs, and reports whether there are any.
func (s *fileStore) rescan() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, errors.New("the repository is closed")
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

// get reads an object from the first directory that has it.
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

// isDelta reports whether an object is stored as a delta in a pack.
func (s *fileStore) isDelta(id string) bool {
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

// prefetch sorts the ids by their offset in the packs, because a delta is close to its base.
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
			// An object that cannot be found gives an error when it is read.
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

// Close closes the packs and the refs. It must not be called while an object is read.
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

// alternates returns the object directories, followed by those that their info/alternates name.
// Like git it follows alternates of alternates, up to a depth of five.
func alternates(dirs []string) ([]string, error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		seen[dir] = true
	}
	level, all := dirs, dirs
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
				other := filepath.Clean(line)
				if !filepath.IsAbs(other) {
					other = filepath.Join(dir, other)
				}
				if line[0] == '"' {
					return nil, fmt.Errorf("its info/alternates has a quoted path, %s, that only git can read", line)
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

// readShallow returns the commits whose parents a shallow clone does not have.
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
