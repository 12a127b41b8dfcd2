package source

import (
	"cmp"
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

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
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
type storage struct {
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

func openStorage(r *repository) (*storage, error) {
	dirs, err := alternates(append([]string{r.objectDir}, r.borrowed...))
	if err != nil {
		return nil, err
	}
	s := &storage{commonDir: r.commonDir}
	gitDir := osfs.New(r.gitDir)
	if r.commonDir != r.gitDir {
		gitDir = dotgit.NewRepositoryFilesystem(gitDir, osfs.New(r.commonDir))
	}
	s.git = filesystem.NewStorage(gitDir, cache.NewObjectLRU(0))
	bases := newBaseCache(deltaCache)
	for _, path := range dirs {
		s.dirs = append(s.dirs, &objectDirectory{path: path, bases: bases})
	}
	_, err = s.rescan()
	return s, err
}

// alternates adds to object directories those that they borrow from. git follows
// them to a depth of five.
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
				other := under(dir, line)
				if line[0] == '"' {
					return nil, fmt.Errorf("it borrows objects from %s, a name that only git reads", line)
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

// rescan looks for packs that are new, and reports whether there are any.
func (s *storage) rescan() (bool, error) {
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
func (s *storage) get(ctx context.Context, id string, whole bool) (object, error) {
	for {
		if err := ctx.Err(); err != nil {
			return object{}, err
		}
		for _, d := range s.dirs {
			o, err := d.get(id, whole)
			if !errors.Is(err, errNoObject) {
				return o, err
			}
		}
		more, err := s.rescan()
		if err != nil {
			return object{}, err
		}
		if !more {
			return object{}, errNoObject
		}
	}
}

func (s *storage) stat(ctx context.Context, id string) (string, int64, error) {
	o, err := s.get(ctx, id, false)
	return o.kind, o.size, err
}

func (s *storage) open(ctx context.Context, id string) (string, int64, io.ReadCloser, error) {
	o, err := s.get(ctx, id, true)
	return o.kind, o.size, o.content, err
}

// differs reports whether an object lies in a pack as a difference from another.
func (s *storage) differs(id string) bool {
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
func (s *storage) expect(_ context.Context, ids []string) {
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
func (s *storage) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, d := range s.dirs {
		d.close()
	}
	return s.git.Close()
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
	o := &objects{store: s}
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
		kind, _, err := o.store.stat(ctx, id)
		if err != nil {
			return "", err
		}
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
	for _, format := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		name := fmt.Sprintf(format, base)
		if !strings.HasPrefix(name, "refs/") && strings.ToUpper(name) != name {
			continue // beside HEAD and its like, files of the git directory are no refs
		}
		if id := s.ref(plumbing.ReferenceName(name)); id != "" {
			return id, nil
		}
	}
	if described.MatchString(base) {
		base = base[strings.LastIndex(base, "-g")+2:]
	}
	if len(base) < 4 || len(base) > 40 || !isHex(base) {
		return "", errNoRevision
	}
	return s.expand(ctx, base)
}

// ref follows symbolic refs. A name that is none gives "".
func (s *storage) ref(name plumbing.ReferenceName) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 5 {
		ref, err := s.git.Reference(name)
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
func (s *storage) expand(ctx context.Context, prefix string) (string, error) {
	found := map[string]bool{}
	for _, d := range s.dirs {
		ids, err := d.withPrefix(prefix)
		if err != nil {
			return "", err
		}
		for _, id := range ids {
			if kind, _, err := s.stat(ctx, id); err == nil && (kind == kindCommit || kind == kindTag) {
				found[id] = true
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
