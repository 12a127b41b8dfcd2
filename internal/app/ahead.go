package app

import (
	"context"
	"errors"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// UploadAhead uploads what a deploy of the commit will want: see
// [kvsync.Engine.UploadAhead]. The layouts "pathname" and "kv-assets" have no
// such thing: there a file is written under the key that visitors read, or its
// key is known only to a build.
func (s *Site) UploadAhead(ctx context.Context, opt kvsync.Options) (a *kvsync.Ahead, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	if s.byPathname() {
		return nil, kvsync.NotInPathnameLayout("upload ahead")
	}
	if s.byKVAssets() {
		return nil, &kvsync.GuardError{Guard: kvsync.GuardLayout, Text: `there is no upload ahead in the layout "kv-assets"`, Fix: "deploy"}
	}
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
