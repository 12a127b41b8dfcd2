package app

import (
	"context"
	"io"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/worker"
)

// prepare makes what a deploy needs. The account comes first: a missing token
// is told before a large site is read.
func (s *Site) prepare(ctx context.Context) (*kvsync.Engine, kvsync.Source, kvsync.Worker, error) {
	e, err := s.reach()
	if err != nil {
		return nil, nil, kvsync.Worker{}, err
	}
	src, err := s.Source(ctx)
	if err != nil {
		return nil, nil, kvsync.Worker{}, err
	}
	w, err := s.Worker(ctx)
	return e, src, w, err
}

// Source opens what is to be published. It needs no token. The site closes it.
func (s *Site) Source(ctx context.Context) (kvsync.Source, error) {
	gh, err := gitHubOf(s.in.GitHubToken, s.in.Getenv)
	if err != nil {
		return nil, usage(err)
	}
	src, err := source.Open(ctx, s.settings.source)
	if err != nil {
		return nil, usage(err)
	}
	if c, ok := src.(io.Closer); ok {
		s.closers = append(s.closers, c)
	}
	return &ordered{Source: src, github: gh, clone: clone{s.in.Root, gitEnviron()}, log: s.in.Log}, nil
}

// Worker bundles the Worker that serves the site: the author's, or ours where
// there is none.
func (s *Site) Worker(ctx context.Context) (kvsync.Worker, error) {
	w := s.settings.worker
	options := s.settings.bundle
	options.Library = worker.Source
	built, err := bundle.Bundle(ctx, options)
	if err != nil {
		return kvsync.Worker{}, err
	}
	w.Main, w.Modules = built.Main, built.Modules
	s.Notices = append(s.Notices, built.Notices...)
	return w, nil
}
