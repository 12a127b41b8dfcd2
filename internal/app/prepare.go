package app

import (
	"context"
	"io"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
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
	e.Prefetch(ctx) // it only reads; the Worker is bundled meanwhile
	w, err := s.Worker(ctx)
	return e, src, w, err
}

// Source opens what is to be published. It needs no token. The site closes it.
func (s *Site) Source(ctx context.Context) (kvsync.Source, error) {
	gh, err := gitHubOf(s.in.GitHubToken, s.in.Getenv)
	if err != nil {
		return nil, usage(err)
	}
	options := source.Options{
		Kind: s.settings.Source, WorkDir: s.settings.Root, Dir: s.settings.Directory, Revision: s.in.Commit,
		Patterns: s.settings.Ignore, HTMLHandling: s.settings.Serving.HTMLHandling, Getenv: s.in.Getenv, Log: s.in.Log,
	}
	if s.in.CacheDir != "" {
		options.CacheDir = filepath.Join(s.in.CacheDir, "kv-sync")
	}
	src, err := source.Open(ctx, options)
	if err != nil {
		return nil, usage(err)
	}
	if c, ok := src.(io.Closer); ok {
		s.closers = append(s.closers, c)
	}
	return &ordered{Source: src, github: gh, clone: clone{s.settings.Root, gitEnviron()}, log: s.in.Log}, nil
}

// Worker bundles the Worker that serves the site: the author's, or ours where
// there is none. A project without code of its own has none.
func (s *Site) Worker(ctx context.Context) (kvsync.Worker, error) {
	w := s.settings.Worker
	project := s.settings.Project != ""
	if project && s.settings.Code.Main == "" {
		return w, nil
	}
	code := s.settings.Code
	code.Dynamic = project
	built, err := bundle.Bundle(ctx, code)
	if err != nil {
		return kvsync.Worker{}, err
	}
	w.Main, w.Modules = built.Main, built.Modules
	s.Notices = append(s.Notices, built.Notices...)
	return w, nil
}
