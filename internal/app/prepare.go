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
	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// prepareWorker prepares a deploy with a bundled Worker. It checks the account first, so that a
// missing token is reported before a large site is read.
func (s *Site) prepareWorker(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	e, err := s.reach()
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	src, err := s.Source(ctx)
	if err != nil {
		return nil, nil, cloud.Worker{}, err
	}
	// The engine reads what is live while the Worker is bundled. Close stops it if the bundling
	// fails.
	stop := e.Prefetch(ctx)
	s.closers = append(s.closers, closer(func() error { stop(); return nil }))
	w, code, err := s.worker(ctx)
	if s.chosen() && uncommitted(code, err) {
		// The work tree has uncommitted code, so it is published like one with uncommitted files.
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
				Reason: "the Worker contains the committed version of this file, which differs from the one here",
				Fix:    "commit it if the change is intended",
			})
		}
	}
	return e, src, w, nil
}

// chosen reports whether kv-sync, and not the user, chose a commit as the source.
func (s *Site) chosen() bool {
	return s.commit != nil && s.commit.Top() != "" && s.in.Commit == "" && s.sourceKind() == source.Auto
}

// sourceKind returns the setting "source": auto, commit or folder.
func (s *Site) sourceKind() string { return s.settings.Options.Text(options.Source) }

// uncommitted reports whether the work tree may contain other code than the bundled commit.
func uncommitted(code *bundle.Result, err error) bool {
	var broken *bundle.Error
	return errors.As(err, &broken) || err == nil && len(code.Differ) > 0
}

// Source opens the source of the site. It needs no token. The site closes the source.
func (s *Site) Source(ctx context.Context) (manifest.Source, error) {
	return s.open(ctx, s.sourceKind())
}

func (s *Site) sourceOptions(kind string) source.Options {
	of := source.Options{
		Kind: kind, WorkDir: s.settings.Root, Top: s.top, Dir: s.settings.Directory,
		Revision: s.in.Commit, Boundary: s.boundary,
		Patterns: s.settings.Ignore, GitIgnore: s.settings.Options.Is(options.GitIgnore) || s.Layout().IgnoreFiles,
		PlainIgnore: s.Layout().IgnoreFiles, HTMLHandling: s.settings.Serving.HTMLHandling, Getenv: s.in.Getenv,
		Log: s.in.Log, Rehash: s.in.Given.Is(options.Rehash),
	}
	of.Discarded = func(ctx context.Context, record manifest.Pulled) map[string]bool {
		return s.discarded(ctx, s.pathOf(of.Dir), record)
	}
	if s.in.CacheDir != "" {
		of.CacheDir = filepath.Join(s.in.CacheDir, "kv-sync")
	}
	return of
}

func (s *Site) open(ctx context.Context, kind string) (manifest.Source, error) {
	gh, err := gitHubOf(s.in.GitHubToken, s.in.Getenv)
	if err != nil {
		return nil, usage(err)
	}
	options := s.sourceOptions(kind)
	if s.settings.Directory == "" {
		options.Dir, options.NoFiles = path.Dir(s.settings.Code.Main), true
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
		gh = nil // the token is for another repository
	}
	return &ordered{Source: src, github: gh, clone: clone.New(at, gitDir), log: s.in.Log}, nil
}

// unnamedCode returns a notice if a project without code has a file with a usual name of code.
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
					Fix: `to deploy it, name it as "worker" in the project's kv-sync.toml, or as "main" in its ` +
						`wrangler file`,
				}}
			}
		}
	}
	return nil
}

// worker bundles the site's own Worker, or else the default one. If the source is a commit, the
// code is read from it. A project without code has no Worker.
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
	options.Read, options.SourceMap = s.read, s.in.Local && !options.Dynamic
	code, err := bundle.Bundle(ctx, options)
	if err != nil {
		if options.Main != "" { // a watcher also needs to see the creation of a missing module
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
		// The compatibility date of the companion's own code, not that of the site's Worker.
		w.Companion = &cloud.Worker{
			Main: companion.Main, Modules: companion.Modules, CompatibilityDate: config.DefaultCompatibilityDate,
		}
	}
	return w, code, nil
}
