package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Inputs are what a person or a workflow asks for. What is empty is taken from
// the environment, then from the configuration, then from a default.
type Inputs struct {
	// Root is the project's folder, in which the configuration is looked for;
	// "" is the current one.
	Root string
	// Config names the configuration file, Environment one of its environments.
	Config, Environment string
	// Name is the site's id and the script's name.
	Name string
	// Project is the id of a Dynamic Worker's project, in place of a name;
	// KV_SYNC_PROJECT if empty.
	Project string
	// Shared is what the site has in common with others; nil is nothing.
	Shared *Shared
	// Directory is what to publish, relative to Root.
	Directory string
	// Given are the options that flags or inputs gave: see [Inputs.Give]. The fields
	// for the same options count before them.
	Given options.Values
	// Source is "auto", "commit" or "folder"; Commit any revision.
	Source, Commit string
	// BuiltFrom is the commit that Root is a checkout of, where the folder is
	// published as what was built from that: it is the folder's content, and the
	// commit's place in the order of commits. History is read where Getenv's
	// GIT_DIR says, so that the build has no say in it.
	BuiltFrom string
	// Boundary is the folder that nothing is read outside of, whatever symlinks,
	// imports and files in it say, but what Directory and Config name; "" is the top
	// of the work tree that Root is in, and without git Root.
	Boundary string
	// Waivers lift a guard of a deploy for one commit alone: by the name of the
	// option (any-order, allow-shrink, release, forget, repair) the beginning of the
	// commit's id. One that is for another commit is a notice.
	Waivers map[string]string
	// Builds says that the caller runs the site's build: see [config.Inputs].
	Builds bool
	// Token, AccountID and BaseURL reach the account: CLOUDFLARE_API_TOKEN,
	// CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_BASE_URL if empty. The base URL
	// comes from no file, for every request to it carries the token.
	Token, AccountID, BaseURL string
	// GitHubToken lets GitHub be asked which commit is newer; GITHUB_TOKEN if empty.
	GitHubToken string
	// Actor is who deploys, for the record; GITHUB_ACTOR or USER if empty.
	Actor string
	// DeployedOnly is for what reads no source (rollback, history …): a project
	// without a site to publish is no mistake then.
	DeployedOnly bool
	// Bare reads the configuration as the Rust kv-sync does, and takes its layout.
	Bare bool
	// BuildOutput gets what the build of a site prints. nil says that this run may
	// build nothing: a site that is to be built is refused.
	BuildOutput io.Writer
	// BuildEnv is the environment of a build, before credentials are taken out of
	// it; nil is this process's. BuildTimeout ends it; 0 is the default.
	BuildEnv []string
	// BuildGuarded is a folder that a build cannot change, but for BuildWritable in
	// it: see [build.Command].
	BuildGuarded  string
	BuildWritable []string
	// AfterBuild, if not nil, is called when a build has ended, however it did, and
	// before anything of what it left is used.
	AfterBuild   func() error
	BuildTimeout time.Duration
	// BuildConfined is [build.Command].Confined, for a build of others.
	BuildConfined bool
	// Secrets are more values that no build is to see.
	Secrets []string
	// CacheDir is the user's cache folder; "" is the system's.
	CacheDir string
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Log gets retries, waits and choices; may be nil.
	Log *slog.Logger
	// Progress gets how far a run is; may be nil.
	Progress func(kvsync.Progress)
}

func (in Inputs) withDefaults() Inputs {
	if in.Getenv == nil {
		in.Getenv = os.Getenv
	}
	if in.Log == nil {
		in.Log = slog.New(slog.DiscardHandler)
	}
	in.Root = absolute(cmp.Or(in.Root, "."))
	in.Project = cmp.Or(in.Project, in.Getenv("KV_SYNC_PROJECT"))
	in.GitHubToken = cmp.Or(in.GitHubToken, in.Getenv("GITHUB_TOKEN"))
	in.Actor = cmp.Or(in.Actor, in.Getenv("GITHUB_ACTOR"), in.Getenv("USER"), in.Getenv("USERNAME"))
	if in.CacheDir == "" {
		in.CacheDir, _ = os.UserCacheDir() // without one nothing is cached
	}
	return in
}

// Site is one site of one account: the engine with everything that it works by.
// One call at a time.
type Site struct {
	// Name is the site's id; a project's has "project/" before it.
	Name string
	// Notices are things worth saying about the configuration.
	Notices []manifest.Problem

	in       Inputs
	top      string // what the root of a bare repository's commits stands for
	settings *config.Settings
	boundary *boundary.Boundary
	started  time.Time
	account  *cloudflare.Account
	engine   *kvsync.Engine
	commit   *source.Commit // what Source has opened, where that is a commit
	// codeFiles are what the Worker's code was read from, as keys.
	codeFiles sync.Map
	closers   []io.Closer
}

// Open reads the configuration. It sends nothing, and asks for no token:
// the first call that needs the account does. Close the site when done.
func Open(ctx context.Context, in Inputs) (*Site, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in = in.withDefaults()
	in, shared, err := in.place(ctx)
	if err != nil {
		return nil, usage(err)
	}
	inside, err := in.inside(ctx, shared)
	if err != nil {
		return nil, usage(err)
	}
	set, notices, err := loadSettings(ctx, in, shared, inside)
	if err != nil {
		return nil, usage(err)
	}
	name := set.Name
	if set.Project != "" {
		name = "project/" + set.Project
	}
	return &Site{
		Name: name, Notices: append(notices, unsettled(set)...), in: in, top: cmp.Or(shared, in.Root),
		settings: set, boundary: inside, started: time.Now(),
	}, nil
}

// Settings is the whole configuration that the site works by.
func (s *Site) Settings() *config.Settings { return s.settings }

// reach makes the engine, once.
func (s *Site) reach() (*kvsync.Engine, error) {
	if s.engine != nil {
		return s.engine, nil
	}
	c := engineConfig(s.settings)
	var transport http.RoundTripper
	if s.in.Shared != nil {
		transport, c.Budget = s.in.Shared.Transport, s.in.Shared.Budget
	}
	account, err := cloudflare.New(cloudflare.Options{
		Token: s.settings.Token.Reveal(), Email: s.settings.Email, APIKey: s.settings.APIKey.Reveal(),
		AccountID: s.settings.Account, BaseURL: s.settings.BaseURL, Log: s.in.Log, Transport: transport,
	})
	if err != nil {
		return nil, usage(err)
	}
	c.Account, c.Actor, c.Progress = account, s.in.Actor, s.in.Progress
	c.Cache, c.Log = newManifestCache(s.in.CacheDir), s.in.Log
	engine, err := kvsync.New(c)
	if err != nil {
		return nil, usage(err)
	}
	s.account, s.engine = account, engine
	if transport == nil {
		s.closers = append(s.closers, closer(func() error { account.Close(); return nil }))
	}
	return engine, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// Close ends what the site holds open or has under way, the last first.
func (s *Site) Close() error {
	if s == nil {
		return nil
	}
	var first error
	for _, c := range slices.Backward(s.closers) {
		if err := c.Close(); first == nil {
			first = err
		}
	}
	s.closers = nil
	return first
}

// Stats says what the site's calls have cost since it was opened.
func (s *Site) Stats() Stats {
	st := Stats{Duration: time.Since(s.started)}
	if s.account != nil {
		a := s.account.Stats()
		st.Requests, st.Retries, st.BytesUploaded = a.Requests, a.Retries, a.BytesUp
	}
	return st
}

// Live is what was live when a call last asked: see [kvsync.Engine.Live].
func (s *Site) Live() kvsync.Live {
	if s == nil || s.engine == nil {
		return kvsync.Live{}
	}
	return s.engine.Live()
}

// Deploy makes the source live: see [kvsync.Engine.Deploy].
func (s *Site) Deploy(ctx context.Context, opt plan.Options) (res *kvsync.Result, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	e, src, w, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if opt, err = s.waive(ctx, src, opt); err != nil {
		return nil, err
	}
	return e.Deploy(ctx, src, w, opt)
}

// whereNothingLives notes on a deploy's failure that it saw nothing live.
func (s *Site) whereNothingLives(err error) error {
	if err == nil || s.Live().Version != "" {
		return err
	}
	return &nothingLiveError{err}
}

// Plan says what Deploy would do: see [kvsync.Engine.Plan]. It only reads.
func (s *Site) Plan(ctx context.Context, opt plan.Options) (p *plan.Plan, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	e, src, w, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if opt, err = s.waive(ctx, src, opt); err != nil {
		return nil, err
	}
	return e.Plan(ctx, src, w, opt)
}

// Rollback makes an earlier deployment live again: see [kvsync.Engine.Rollback].
func (s *Site) Rollback(ctx context.Context, opt kvsync.RollbackOptions) (*kvsync.Result, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	return e.Rollback(ctx, opt)
}

// History lists the deployments, newest first: see [kvsync.Engine.History].
func (s *Site) History(ctx context.Context) ([]version.Deployment, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	list, err := e.History(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, stop(guard.Target, advice.CaseNoWorker, finding.Facts{Name: s.Name})
	}
	return list, err
}

// Verify checks what is retained: see [kvsync.Engine.Verify].
func (s *Site) Verify(ctx context.Context, readData bool) (*kvsync.Verification, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	return e.Verify(ctx, readData)
}

// CheckWhole is a [guard.Error] where a verification found something missing.
func (s *Site) CheckWhole(v *kvsync.Verification) error {
	switch {
	case v.Whole():
		return nil
	case !v.Overlay.Whole():
		return stop(guard.Missing, advice.CaseEditsMissing, finding.Facts{Site: s.Name})
	}
	return stop(guard.Missing, advice.CaseNotWhole, finding.Facts{Site: s.Name})
}
