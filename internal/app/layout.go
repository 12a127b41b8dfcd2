package app

import (
	"context"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// byPathname reports whether the keys lie as in Cloudflare's recipe for Dynamic
// Workers, where a deploy writes files alone, and in place.
func (s *Site) byPathname() bool { return s.settings.Layout == "pathname" }

// offers refuses a command that the layout has not.
func (s *Site) offers(command string) error {
	if s.byPathname() {
		return kvsync.NotInPathnameLayout(command)
	}
	return nil
}

func (s *Site) deployPathname(ctx context.Context, opt kvsync.Options) (*kvsync.Result, error) {
	e, src, err := s.prepareFiles(ctx)
	if err != nil {
		return nil, err
	}
	return e.DeployPathname(ctx, src, opt)
}

func (s *Site) planPathname(ctx context.Context, opt kvsync.Options) (*kvsync.Plan, error) {
	e, src, err := s.prepareFiles(ctx)
	if err != nil {
		return nil, err
	}
	return e.PlanPathname(ctx, src, opt)
}

// prepareFiles makes what a deploy without code needs.
func (s *Site) prepareFiles(ctx context.Context) (*kvsync.Engine, kvsync.Source, error) {
	e, err := s.reach()
	if err != nil {
		return nil, nil, err
	}
	if s.settings.Code.Main != "" && s.settings.Project != "" {
		s.Notices = append(s.Notices, kvsync.Problem{Path: s.settings.Where("worker"),
			Reason: `the code is not deployed in the layout "pathname", only the files are`, Fix: "give it to the platform that the project runs on"})
	}
	src, err := s.Source(ctx)
	return e, src, err
}
