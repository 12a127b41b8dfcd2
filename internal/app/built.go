package app

import (
	"context"

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
	commit, err := source.OpenCommit(ctx, source.Options{WorkDir: s.settings.Root, Revision: s.in.BuiltFrom, Boundary: s.boundary, Getenv: s.in.Getenv})
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
