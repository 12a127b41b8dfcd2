package app

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// built is a folder that was built from a commit: its files are the folder's, and
// its place in the order of commits is the commit's. So a build is held to that
// order as a commit is, and a rollback holds it back.
type built struct {
	kvsync.Source // the folder
	commit        *source.Commit
}

// builtFrom opens the commit beside the folder. The site closes it.
func (s *Site) builtFrom(ctx context.Context, folder kvsync.Source) (kvsync.Source, error) {
	commit, err := source.OpenCommit(ctx, source.Options{WorkDir: s.settings.Root, Revision: s.in.BuiltFrom, Getenv: s.in.Getenv})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, commit)
	return &built{folder, commit}, nil
}

// Origin implements [kvsync.Source].
func (b *built) Origin(ctx context.Context) (kvsync.Origin, error) {
	o, err := b.Source.Origin(ctx)
	if err != nil {
		return o, err
	}
	return b.from(ctx, o)
}

func (b *built) from(ctx context.Context, o kvsync.Origin) (kvsync.Origin, error) {
	c, err := b.commit.Origin(ctx)
	o.Commit, o.Branch, o.Subject, o.Author, o.Time = c.Commit, c.Branch, c.Subject, c.Author, c.Time
	return o, err
}

// Files implements [kvsync.Source].
func (b *built) Files(ctx context.Context, base *kvsync.Manifest) (*kvsync.Listing, error) {
	l, err := b.Source.Files(ctx, base)
	if err != nil {
		return nil, err
	}
	l.Origin, err = b.from(ctx, l.Origin)
	return l, err
}

// Compare implements [kvsync.Source].
func (b *built) Compare(ctx context.Context, active, next string) (kvsync.Relation, error) {
	return b.commit.Compare(ctx, active, next)
}

// confine refuses to publish a folder that a symlink leads to out of a repository
// that is not trusted with the rest of this machine. What lies in the folder the
// source itself confines.
func (s *Site) confine(o source.Options) error {
	if !s.in.Confined || s.in.BuiltFrom == "" {
		return nil // a commit has nothing outside of it
	}
	if inside, err := s.inRepository(s.pathOf(o.Dir)); err != nil || inside {
		return err
	}
	return &UsageError{Err: errors.New("the folder " + o.Dir + " leads out of the repository"), Fix: "publish a folder that lies inside"}
}

// inRepository reports whether a path, as far as it is there, leads to a place in
// the repository that is not git's own.
func (s *Site) inRepository(path string) (bool, error) {
	top, err := filepath.EvalSymlinks(s.settings.Code.Within)
	if err != nil {
		return false, err
	}
	for {
		at, err := filepath.EvalSymlinks(path)
		if err == nil {
			return within(top, at) && !within(filepath.Join(top, ".git"), at), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path {
			return false, err
		}
		path = filepath.Dir(path)
	}
}
