package app

import (
	"context"
	"errors"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// UploadAhead uploads what a deploy of the commit will want: see
// [kvsync.Engine.UploadAhead].
func (s *Site) UploadAhead(ctx context.Context, opt kvsync.Options) (a *kvsync.Ahead, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	e, src, w, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if s.commit == nil {
		return nil, &UsageError{
			Err: errors.New("only a commit can be uploaded ahead, and the source is the folder " + s.settings.Directory),
			Fix: "commit what is to be published, or name a commit with --commit",
		}
	}
	return e.UploadAhead(ctx, src, w, opt)
}
