package app

import (
	"context"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// UploadAhead uploads the files that a deploy of the commit will need: see
// [kvsync.Engine.UploadAhead].
func (s *Site) UploadAhead(ctx context.Context, opt plan.Options) (a *kvsync.Ahead, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	if err := e.CheckAhead(); err != nil {
		return nil, err
	}
	_, src, w, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if s.commit == nil {
		return nil, refuse(finding.CaseFolderAhead, finding.Facts{Path: s.settings.Directory})
	}
	return e.UploadAhead(ctx, src, w, opt)
}
