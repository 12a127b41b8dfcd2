package app

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"regexp"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// loadSettings reads the configuration. The inputs override the environment, which overrides
// the files.
//
// If the inputs name a commit, the files are read from that commit. Otherwise they are read
// from the work tree, also if the source is the commit that is checked out.
func loadSettings(
	ctx context.Context, in Inputs, shared string, inside *boundary.Boundary,
) (*config.Settings, []manifest.Problem, error) {
	if in.Commit != "" && in.BuiltFrom != "" {
		return nil, nil, errors.New("a commit and a folder built from a commit are both named; name one of the two")
	}
	if in.Commit != "" && in.Source == source.KindFolder {
		return nil, nil, &UsageError{Err: errors.New("a commit is named, and the source is the folder"),
			Fix: "leave one of the two out"}
	}
	from := config.Inputs{
		Root: in.Root, Shared: shared, Boundary: inside, Flags: in.settings(), Getenv: in.Getenv,
		Bare: in.Bare, Builds: in.Builds,
	}
	if in.Commit != "" {
		top := cmp.Or(shared, in.Root)
		commit, err := source.OpenCommit(ctx, source.Options{
			WorkDir: in.Root, Top: top, Revision: in.Commit, Boundary: inside, Getenv: in.Getenv,
		})
		switch {
		case errors.Is(err, worktree.ErrNoRepository): // a repository below the project does not have its settings
		case err != nil:
			return nil, nil, err
		default:
			defer commit.Close()
			// A bare repository may be inside a work tree, but is no part of it.
			from.Commit, from.CommitRoot = commit.Tree(ctx), cmp.Or(commit.Top(), top)
		}
	} else if in.DeployedOnly && worktree.Bare(in.Root, in.Getenv) {
		from.Commit = embed.FS{} // without a commit there are no settings files
	}
	set, notices, err := config.Load(from)
	if err != nil && in.Commit == "" && worktree.Bare(in.Root, in.Getenv) {
		return nil, nil, refuse(advice.CaseBare, finding.Facts{})
	}
	if err == nil && set.Project == "" && inPlace(set.Layout) {
		if _, err := Projects(ctx, in); err == nil {
			set.Layout = "" // the layout in the shared file is for the projects, not for the Worker beside them
		}
	}
	return set, notices, err
}

// atHead returns the inputs with the commit of HEAD, if the settings are read from it: see
// [Inputs.HeadOfBare]. It changes nothing if HEAD names a branch without a commit.
func (in Inputs) atHead(ctx context.Context) Inputs {
	if !in.DeployedOnly && !in.HeadOfBare || in.Commit != "" || in.BuiltFrom != "" || !worktree.Bare(in.Root, in.Getenv) {
		return in
	}
	head := in
	head.Commit = "HEAD"
	_, done, err := head.tree(ctx)
	switch {
	case err == nil:
		done()
	case errors.Is(err, source.ErrNotCommitted) && in.DeployedOnly:
		return in
	}
	return head
}

func inPlace(layout string) bool {
	l, err := kvsync.LayoutNamed(layout)
	return err == nil && l.InPlace
}

// settings returns the settings that the inputs give, by key.
func (in Inputs) settings() map[string]string {
	given := in.Given.BySetting()
	for o, field := range in.fields() {
		if o.Setting != "" && *field != "" {
			given[o.Setting] = *field
		}
	}
	if in.BaseURL != "" {
		given["api-base-url"] = in.BaseURL
	}
	if in.DeployedOnly && in.Directory == "" {
		given["directory"] = "."
	}
	return given
}

var namespaceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// engineConfig returns the engine's part of the settings.
func engineConfig(set *config.Settings) site.Config {
	c := site.Config{
		Site: set.Name, Formerly: set.Formerly, Project: set.Project, Layout: set.Layout,
		Serving: set.Serving, Rights: set.Rights, Retain: set.Retain, Grace: set.Grace,
		Parallel: set.Parallel, Memory: set.Memory,
	}
	c.OffWorkersDev = set.WorkersDev != nil && !*set.WorkersDev
	if namespaceID.MatchString(set.Namespace) {
		c.Namespace = set.Namespace
	} else {
		c.NamespaceTitle = set.Namespace
	}
	return c
}

// configProblems returns the problems of a [config.Error], nil for another error.
func configProblems(err error) []manifest.Problem {
	if refused, ok := errors.AsType[*config.Error](err); ok {
		return refused.Problems
	}
	return nil
}

// progress passes on the progress of a run. It first adds the notice about the name.
func (s *Site) progress(p site.Progress) {
	if s.noteName(p.Plan); s.in.Progress != nil {
		s.in.Progress(p)
	}
}

// noteName adds a notice about a name that was not configured, if the plan is for the first deploy.
func (s *Site) noteName(p *plan.Plan) {
	if p != nil && p.First && s.settings.Derived && !s.named {
		s.named = true
		s.Notices = append(s.Notices, s.settings.NameNotice(s.lastName().Other()))
	}
}
