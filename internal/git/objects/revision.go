package objects

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

var (
	// suffix matches one step at the end of a revision, such as "~3".
	suffix = regexp.MustCompile(`(~\d*|\^\d*|\^\{commit\}|\^\{\}|\^0)$`)
	// plain matches the rest of a revision: the name of a ref, or an id. Only the git command
	// resolves other forms, such as "@{upstream}" or ":/text".
	plain = regexp.MustCompile(`^[^\s~^:?*\[\\@{}]+$|^@$`)
	// described matches the output of git describe.
	described = regexp.MustCompile(`-\d+-g[0-9a-f]{4,}$`)
)

func (s *fileStore) resolve(ctx context.Context, revision string) (string, error) {
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
	o := &Reader{store: s}
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

// peel follows tags to their commit.
func peel(ctx context.Context, o *Reader, id string) (string, error) {
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
			return "", fmt.Errorf("%w: it is a %s", ErrNoRevision, kind)
		}
	}
	return "", errors.New("too many tags of tags")
}

// follow returns the commit after one step: "~3" goes to the first parent three times, "^2" goes
// to the second parent.
func follow(ctx context.Context, o *Reader, id, step string) (string, error) {
	if strings.HasPrefix(step, "^{") {
		return id, nil
	}
	n := 1
	if len(step) > 1 {
		var err error
		if n, err = strconv.Atoi(step[1:]); err != nil {
			return "", ErrNoRevision
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

func parent(ctx context.Context, o *Reader, id string, n int) (string, error) {
	c, err := o.Commit(ctx, id)
	if err != nil {
		return "", err
	}
	if n > len(c.parents) {
		return "", fmt.Errorf("%w: commit %s has %d parents", ErrNoRevision, id, len(c.parents))
	}
	return c.parents[n-1], nil
}

// name resolves a ref, a full id or an abbreviated id to a full id. It tries them in
// git's order.
func (s *fileStore) name(ctx context.Context, base string) (string, error) {
	if len(base) == 40 && IsHex(base) {
		return base, nil
	}
	if base == "@" {
		base = "HEAD"
	}
	for _, format := range []string{
		"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD",
	} {
		name := fmt.Sprintf(format, base)
		if !strings.HasPrefix(name, "refs/") && strings.ToUpper(name) != name {
			continue // other files of the git directory are not refs
		}
		if id := s.ref(plumbing.ReferenceName(name)); id != "" {
			return id, nil
		}
	}
	if described.MatchString(base) {
		base = base[strings.LastIndex(base, "-g")+2:]
	}
	if len(base) < 4 || len(base) > 40 || !IsHex(base) {
		return "", ErrNoRevision
	}
	return s.expand(ctx, base)
}

// ref returns the id that a ref names, through symbolic refs, or "".
func (s *fileStore) ref(name plumbing.ReferenceName) string {
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

// expand returns the commit (or tag) whose id begins with prefix. There must be only one.
func (s *fileStore) expand(ctx context.Context, prefix string) (string, error) {
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
		return "", ErrNoRevision
	case 1:
		for id := range found {
			return id, nil
		}
	}
	return "", fmt.Errorf("%d commits have this prefix: %w", len(found), ErrNoRevision)
}
