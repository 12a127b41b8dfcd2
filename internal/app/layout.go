package app

import (
	"context"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Layout returns the layout of the settings.
func (s *Site) Layout() layout.Layout {
	l, _ := kvsync.LayoutNamed(s.settings.Layout) // the configuration was checked
	return l
}

// prepare makes what a deploy needs in its layout: the engine, the source and the Worker.
func (s *Site) prepare(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	e, src, w, err := s.prepareFor(ctx)
	if err != nil {
		err = s.prepareMistakes(ctx, err)
	}
	return e, src, w, err
}

func (s *Site) prepareFor(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	switch l := s.Layout(); {
	case l.InPlace:
		return s.prepareFiles(ctx)
	case l.Compiled:
		return s.prepareBuild(ctx)
	}
	return s.prepareWorker(ctx)
}

// prepareFiles prepares a deploy without code.
func (s *Site) prepareFiles(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	e, err := s.reach()
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	if s.settings.Code.Main != "" && s.settings.Project != "" {
		s.Notices = append(s.Notices, manifest.Problem{
			Path:   s.settings.Where("worker"),
			Reason: "the code is not deployed in the layout \"" + s.settings.Layout + "\", only the files are",
			Fix:    "give it to the platform that the project runs on",
		})
	}
	src, err := s.Source(ctx)
	return e, src, cloud.Worker{}, err
}
