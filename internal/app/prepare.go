package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// prepareWorker makes what a deploy with a bundled Worker needs. The account comes
// first: a missing token is reported before a large site is read.
func (s *Site) prepareWorker(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	e, err := s.reach()
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	src, err := s.Source(ctx)
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	// It only reads; the Worker is bundled meanwhile. It may be under way still
	// when that is refused.
	stop := e.Prefetch(ctx)
	s.closers = append(s.closers, closer(func() error { stop(); return nil }))
	w, code, err := s.worker(ctx)
	if s.chosen() && uncommitted(code, err) {
		// As with a change to the site itself, the work tree is what is published.
		s.in.Log.Debug("source is the folder", "because", "the Worker's code is not as in the commit")
		if src, err = s.open(ctx, source.KindFolder); err != nil {
			return nil, nil, cloud.Worker{}, err
		}
		w, code, err = s.worker(ctx)
	}
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	if s.settings.Directory == "" && code.ServesSite {
		folders := strings.Join(config.Directories, ", ")
		return nil, nil, cloud.Worker{}, refuse(advice.CaseNoSiteFolder, finding.Facts{What: folders})
	}
	s.Notices = append(s.Notices, code.Notices...)
	if s.in.Commit == "" {
		for _, file := range code.Differ {
			s.Notices = append(s.Notices, manifest.Problem{
				Path:   file,
				Reason: "the Worker has this file as it is in the commit, which differs from the one here",
				Fix:    "commit it if it is meant",
			})
		}
	}
	return e, src, w, nil
}

// chosen reports whether kv-sync chose a commit as the source by itself.
func (s *Site) chosen() bool {
	return s.commit != nil && s.commit.Top() != "" && s.in.Commit == "" && s.sourceKind() == source.Auto
}

// sourceKind returns the setting "source": auto, commit or folder.
func (s *Site) sourceKind() string { return s.settings.Options.Text(options.Source) }

// uncommitted reports whether the work tree may hold other code than the commit
// that was bundled.
func uncommitted(code *bundle.Result, err error) bool {
	var broken *bundle.Error
	return errors.As(err, &broken) || err == nil && len(code.Differ) > 0
}

// Source opens what is to be published. It needs no token. The site closes it.
func (s *Site) Source(ctx context.Context) (manifest.Source, error) {
	return s.open(ctx, s.sourceKind())
}

func (s *Site) sourceOptions(kind string) source.Options {
	options := source.Options{
		Kind: kind, WorkDir: s.settings.Root, Top: s.top, Dir: s.settings.Directory,
		Revision: s.in.Commit, Boundary: s.boundary,
		Patterns: s.settings.Ignore, HTMLHandling: s.settings.Serving.HTMLHandling, Getenv: s.in.Getenv, Log: s.in.Log,
	}
	if s.in.CacheDir != "" {
		options.CacheDir = filepath.Join(s.in.CacheDir, "kv-sync")
	}
	return options
}

func (s *Site) open(ctx context.Context, kind string) (manifest.Source, error) {
	gh, err := gitHubOf(s.in.GitHubToken, s.in.Getenv)
	if err != nil {
		return nil, usage(err)
	}
	options := s.sourceOptions(kind)
	if s.settings.Directory == "" {
		// No file is published, but whether the code is as in the commit decides which it is.
		options.Dir, options.Patterns = path.Dir(s.settings.Code.Main), []string{"*"}
	}
	if s.in.BuiltFrom != "" {
		options.Kind = source.KindFolder
	}
	src, err := source.Open(ctx, options)
	if err != nil {
		return nil, usage(err)
	}
	if c, ok := src.(io.Closer); ok {
		s.closers = append(s.closers, c)
	}
	s.commit, _ = src.(*source.Commit)
	known, err := s.identify(ctx, src, options)
	if err != nil {
		return nil, usage(err)
	}
	src = known
	if s.settings.Directory == "" {
		src = codeOnly{src}
	}
	gitDir := s.in.Getenv("GIT_DIR") // the repository that the commit was read from
	if gitDir != "" {
		gitDir = absolute(gitDir)
	}
	at := s.settings.Root
	if known.commit != nil {
		at = cmp.Or(known.commit.Top(), at)
	}
	job, of := jobRepository(s.in.Getenv).Name, known.origin.Repository.Name
	if job != "" && of != "" && of != job {
		gh = nil // it knows another repository
	}
	return &ordered{Source: src, github: gh, clone: newClone(at, gitDir), log: s.in.Log}, nil
}

// unnamedCode says that a project without code has a file that looks like it.
func (s *Site) unnamedCode() []manifest.Problem {
	for _, dir := range []string{"", "src/"} {
		for _, name := range []string{"index", "worker", "main"} {
			for _, ext := range []string{".ts", ".js", ".mjs", ".tsx", ".jsx"} {
				file := dir + name + ext
				st, err := os.Stat(filepath.Join(s.settings.Root, filepath.FromSlash(file)))
				if err != nil || !st.Mode().IsRegular() {
					continue
				}
				return []manifest.Problem{{
					Path:   file,
					Reason: "nothing names this file as the project's code, so the project is deployed as assets alone",
					Fix: `name it as "worker" in the project's kv-sync.toml, or as "main" in its wrangler file, ` +
						`if it is meant`,
				}}
			}
		}
	}
	return nil
}

// worker bundles the Worker that serves the site: the author's, or ours where
// there is none. Of a commit it is that commit's. A project without code of its
// own has none.
func (s *Site) worker(ctx context.Context) (cloud.Worker, *bundle.Result, error) {
	w, options := s.settings.Worker, s.settings.Code
	options.Dynamic, options.Alone = s.settings.Project != "", s.settings.Directory == "" || s.Layout().Compiled
	if options.Dynamic && options.Main == "" {
		w.Routing = &manifest.Routing{}
		return w, &bundle.Result{Notices: s.unnamedCode()}, nil
	}
	if s.commit != nil && !s.Layout().Compiled {
		options.Commit, options.CommitRoot = s.commit.Tree(ctx), cmp.Or(s.commit.Top(), s.top)
	}
	options.Read = s.read
	code, err := bundle.Bundle(ctx, options)
	if err != nil {
		if options.Main != "" { // what it wants may be missing yet
			s.read(filepath.Dir(under(s.settings.Root, options.Main)))
		}
		return cloud.Worker{}, nil, err
	}
	w.Main, w.Modules, w.Routing = code.Main, code.Modules, &code.Routing
	if len(code.Routing.Worker) > 0 {
		w.Routing.Retire = s.settings.Retire
	}
	if options.Overlay {
		companion, err := bundle.Companion(ctx, options.Root, options.Library)
		if err != nil {
			return cloud.Worker{}, nil, err
		}
		// The date is ours as the code is: what a site is served by does not change it.
		w.Companion = &cloud.Worker{
			Main: companion.Main, Modules: companion.Modules, CompatibilityDate: config.DefaultCompatibilityDate,
		}
	}
	return w, code, nil
}
