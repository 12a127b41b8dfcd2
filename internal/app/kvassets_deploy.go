package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/build"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// prepareBuild prepares a deploy whose code is built with the index of its files. It checks
// everything that it can before the first upload.
func (s *Site) prepareBuild(ctx context.Context) (*kvsync.Engine, manifest.Source, cloud.Worker, error) {
	build := &cloud.Build{Make: s.makeIndexed, Binding: s.settings.Binding}
	w := cloud.Worker{Bindings: s.settings.Worker.Bindings, Build: build}
	e, err := s.reach()
	if err != nil {
		return nil, nil, w, err
	}
	if err := s.mayBuild(); err != nil {
		return nil, nil, w, err
	}
	if w.Build.Local, err = readIndexFile(s.pathOf(s.settings.Index)); err != nil {
		return nil, nil, w, err
	}
	src, err := s.Source(ctx)
	return e, src, w, err
}

// mayBuild refuses settings with which the build, or the deploy after it, cannot succeed.
func (s *Site) mayBuild() error {
	line := s.settings.Build.Line
	if err := errors.Join(s.checkedOut(), s.confineIndex(s.settings.Index)); err != nil {
		return err
	}
	switch {
	case s.settings.Code.Main == "":
		return &UsageError{
			Err: errors.New(`in the layout "kv-assets" a Worker of your own serves the files, and none is configured`),
			Fix: `name the JavaScript file that its build makes, as "main" in the wrangler file`,
		}
	case s.publishesIndex():
		return &UsageError{
			Err: errors.New("the index is in the folder that is published, so it would contain itself"),
			Fix: `set "index" to a path outside of that folder`,
		}
	case line != "" && s.in.Commit != "":
		return refuse(advice.CaseBuildsCommit, finding.Facts{})
	case line != "" && s.in.BuildOutput == nil:
		return refuse(advice.CaseBuildsNothing, finding.Facts{What: s.settings.Where("build")})
	}
	return nil
}

// confineIndex refuses an index outside of the boundary or among the files of git. The path is
// from the repository's configuration, which is not trusted.
func (s *Site) confineIndex(index string) error {
	if err := s.boundary.Check(s.pathOf(index)); err != nil {
		return &UsageError{
			Err: fmt.Errorf("the index %s may not be used: %w", index, err),
			Fix: `set "index" to a path inside`,
		}
	}
	return nil
}

// checkedOut refuses a commit whose code is not checked out, because the build needs a folder for
// the index.
func (s *Site) checkedOut() error {
	if s.in.Commit == "" || s.settings.Code.Main == "" {
		return nil
	}
	if _, err := s.boundary.Stat(s.pathOf(s.settings.Code.Main)); err != nil {
		return &UsageError{
			Err: errors.New(`in the layout "kv-assets" the code is built with the index of its files, ` +
				`and a commit has no folder to write that into`),
			Fix: "deploy it from a checkout",
		}
	}
	return nil
}

func (s *Site) publishesIndex() bool {
	return s.settings.Directory != "." && within(s.pathOf(s.settings.Directory), s.pathOf(s.settings.Index))
}

// makeIndexed writes the index, builds the code with it in the work tree, and bundles the
// result.
//
// If that fails, the new index stays in place. KV keeps all files that it names for the grace
// period, so the project can still be built with it, and published even by another tool.
func (s *Site) makeIndexed(ctx context.Context, index []byte) (cloud.Worker, error) {
	file := s.pathOf(s.settings.Index)
	before, err := readIndexFile(file)
	if err != nil {
		return cloud.Worker{}, err
	}
	if before == nil || !bytes.Equal(before, index) { // writing the same index would cause a new compilation
		if err := writeIndexFile(file, index); err != nil {
			return cloud.Worker{}, err
		}
	}
	if line := s.settings.Build.Line; line != "" {
		if err := s.build(ctx, line, s.settings.Build.Dir); err != nil {
			return cloud.Worker{}, err
		}
	}
	w, code, err := s.worker(ctx)
	switch {
	case err != nil:
		return cloud.Worker{}, &lateError{err}
	case code.ServesSite:
		return cloud.Worker{}, &UsageError{
			Err: errors.New(`the Worker serves the site with "@kv-sync/worker/site", ` +
				`which needs a manifest, and the layout "kv-assets" has none`),
			Fix: `use the layout "content"`,
		}
	}
	s.Notices = append(s.Notices, code.Notices...)
	return w, nil
}

// Build runs a build of the site without credentials in its environment: the command line in
// Root, or if line is "" the build of the configuration.
func (s *Site) Build(ctx context.Context, line string) error {
	if line != "" {
		return s.build(ctx, line, ".")
	}
	if line = s.settings.Build.Line; line == "" {
		return &UsageError{
			Err: errors.New("the configuration of the site names no build"),
			Fix: `name one, as "build" in kv-sync.toml for the layout "kv-assets", ` +
				`or as build.command in the wrangler file for the others`,
		}
	}
	return s.build(ctx, line, s.settings.Build.Dir)
}

func (s *Site) build(ctx context.Context, line, dir string) error {
	env := s.in.BuildEnv
	if env == nil {
		env = os.Environ()
	}
	c := build.Command{
		Line: line, Dir: s.pathOf(dir), Output: s.in.BuildOutput, Timeout: s.in.BuildTimeout,
		Env: build.Environment(env, s.secrets()), Confined: s.in.BuildConfined,
		Guarded: s.in.BuildGuarded, Writable: s.in.BuildWritable,
	}
	err := c.Run(ctx)
	if s.in.AfterBuild != nil {
		err = errors.Join(err, s.in.AfterBuild())
	}
	return err
}

// secrets are the values that must not reach a build.
func (s *Site) secrets() []string {
	return append([]string{s.settings.Token.Reveal(), s.settings.APIKey.Reveal(), s.in.GitHubToken}, s.in.Secrets...)
}

// lateError is an error of the code that is found after files were uploaded.
type lateError struct{ error }

func (e *lateError) Unwrap() error { return e.error }
