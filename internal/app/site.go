package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/development"
	"github.com/kv-sync/kv-sync/internal/app/lastname"
	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/manifestcache"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Site is one site of one account: the engine with its configuration, source and account. It
// is not safe for concurrent use.
type Site struct {
	// Name is the site's id, or "project/" and the project's id.
	Name string
	// Notices are notices about the configuration and the code.
	Notices []manifest.Problem

	in       Inputs
	top      string // the folder to which the root of a bare repository's commits corresponds
	settings *config.Settings
	boundary *boundary.Boundary
	started  time.Time
	account  *cloudflare.Account
	engine   *kvsync.Engine
	commit   *source.Commit // the source, if it is a commit
	// codeFiles has the files of the Worker's code as its keys.
	codeFiles sync.Map
	closers   []io.Closer
	named     bool // there is a notice about the name
}

// Open reads the configuration. It sends nothing and needs no token. The caller closes the
// site.
func Open(ctx context.Context, in Inputs) (*Site, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in = in.withDefaults()
	in, shared, err := in.atHead(ctx).place(ctx)
	if err != nil {
		return nil, in.Report(err)
	}
	inside, err := in.inside(ctx, shared)
	if err != nil {
		return nil, in.Report(err)
	}
	s := &Site{in: in, top: cmp.Or(shared, in.Root), boundary: inside, started: time.Now()}
	if s.settings, s.Notices, err = loadSettings(ctx, in, shared, inside); err == nil {
		err = s.develop()
	}
	if err != nil || len(in.Mistakes) > 0 {
		return nil, errors.Join(usage(s.openMistakes(ctx, err)), s.Close())
	}
	s.Name = s.settings.Name
	if s.settings.Project != "" {
		s.Name = "project/" + s.settings.Project
	}
	if !in.DeployedOnly {
		s.Notices = append(s.Notices, s.settings.Unset(in.Local)...)
		s.Notices = append(s.Notices, s.settings.SinglePage()...)
	}
	return s, nil
}

// develop adds to the settings what the Worker gets on a local platform only.
func (s *Site) develop() error {
	if !s.in.Local || s.in.DeployedOnly {
		return nil
	}
	notices, err := development.Prepare(s.settings, development.Options{
		API: s.in.BaseURL, Boundary: s.boundary, Getenv: s.in.Getenv, Counts: s.read,
	})
	s.Notices = append(s.Notices, notices...)
	return err
}

// Settings returns the configuration of the site.
func (s *Site) Settings() *config.Settings { return s.settings }

// reach returns the engine. The first call makes the account and the engine.
func (s *Site) reach() (*kvsync.Engine, error) {
	if s.engine != nil {
		return s.engine, nil
	}
	c := engineConfig(s.settings)
	timeout, err := s.settings.Timeout()
	if err != nil {
		return nil, usage(err)
	}
	of := credentials(s.settings)
	of.Log, of.Timeout = s.in.Log, timeout
	if shared := s.in.Shared; shared != nil {
		of.Transport, of.Outage, c.Budget = shared.Transport, shared.Outage, shared.Budget
	}
	account, err := cloudflare.New(of)
	if err != nil {
		return nil, usage(err)
	}
	c.AccountID = s.settings.Account
	c.Account, c.Actor, c.Run, c.Progress = account, s.in.Actor, s.in.Run, s.progress
	if s.in.Shared != nil {
		c.Account = sharedAccount{account, s.in.Shared, s.settings.BaseURL + " " + s.settings.Account}
	}
	c.Log = s.in.Log
	if cache := manifestcache.New(s.in.CacheDir); cache != nil {
		c.Cache = cache
	}
	engine, err := kvsync.New(c)
	if err != nil {
		return nil, usage(err)
	}
	s.account, s.engine = account, engine
	if s.in.Shared == nil {
		s.closers = append(s.closers, closer(func() error { account.Close(); return nil }))
	}
	return engine, nil
}

// lastName is the note about the name of the folder's last deploy.
func (s *Site) lastName() lastname.Note { return lastname.Of(s.in.CacheDir, s.settings) }

type closer func() error

func (c closer) Close() error { return c() }

// Close closes everything that the site opened, in reverse order.
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

// Stats returns the cost of the site's calls since Open.
func (s *Site) Stats() Stats {
	st := Stats{Duration: time.Since(s.started)}
	if s.account != nil {
		a := s.account.Stats()
		st.Requests, st.Retries, st.BytesUploaded = a.Requests, a.Retries, a.BytesUp
	}
	return st
}

// Live returns what was live when a call last read it: see [kvsync.Engine.Live].
func (s *Site) Live() site.Live {
	if s == nil || s.engine == nil {
		return site.Live{}
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
	res, err = e.Deploy(ctx, src, w, opt)
	if err == nil {
		s.lastName().Put()
	}
	return res, err
}

// Plan returns what Deploy would do: see [kvsync.Engine.Plan]. It only reads.
func (s *Site) Plan(ctx context.Context, opt plan.Options) (p *plan.Plan, err error) {
	defer func() { err = s.whereNothingLives(err) }()
	e, src, w, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if opt, err = s.waive(ctx, src, opt); err != nil {
		return nil, err
	}
	p, err = e.Plan(ctx, src, w, opt)
	s.noteName(p)
	return p, err
}

// Rollback makes an earlier deployment live again: see [kvsync.Engine.Rollback].
func (s *Site) Rollback(ctx context.Context, opt kvsync.RollbackOptions) (*kvsync.Result, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	opt.AllowForgottenOf = s.in.Waivers[options.AllowForgotten.Input]
	opt.Compare = s.compare
	res, err := e.Rollback(ctx, opt)
	return res, s.lastName().Explain(err)
}

// History lists the deployments, newest first: see [kvsync.Engine.History].
func (s *Site) History(ctx context.Context) ([]version.Deployment, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	list, err := e.History(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		err = stop(guard.Target, advice.CaseNoWorker, finding.Facts{Name: s.Name})
	}
	return list, s.lastName().Explain(err)
}

// Address returns the address of the live site: see [kvsync.Engine.Address].
func (s *Site) Address(ctx context.Context) (string, error) {
	e, err := s.reach()
	if err != nil {
		return "", err
	}
	address, err := e.Address(ctx)
	if err == nil && address == "" {
		err = stop(guard.Target, advice.CaseNoAddress, finding.Facts{Name: s.Name})
	}
	return address, s.lastName().Explain(err)
}

// Verify checks the retained deployments: see [kvsync.Engine.Verify].
func (s *Site) Verify(ctx context.Context, readData bool) (*kvsync.Verification, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	v, err := e.Verify(ctx, readData)
	return v, s.lastName().Explain(err)
}

// PlanDelete says what Delete would delete: see [kvsync.Engine.PlanDelete].
func (s *Site) PlanDelete(ctx context.Context, takeOver bool) (*kvsync.Deletion, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	d, err := e.PlanDelete(ctx, takeOver)
	return d, s.lastName().Explain(err)
}

// Delete deletes the site or the project: see [kvsync.Engine.Delete].
func (s *Site) Delete(ctx context.Context, d *kvsync.Deletion) error {
	e, err := s.reach()
	if err != nil {
		return err
	}
	if err = e.Delete(ctx, d); err != nil && d.Offline {
		err = &offlineError{err}
	}
	return err
}

// CheckConfirmed refuses a deletion for which something else was typed than the name.
func CheckConfirmed(name, typed string) error {
	if typed == name {
		return nil
	}
	return guard.Stop(guard.Confirm, advice.CaseUnconfirmed, finding.Facts{Name: name})
}

// CheckWhole returns a [guard.Error] if a verification found something missing.
func (s *Site) CheckWhole(v *kvsync.Verification) error {
	switch {
	case v.Whole():
		return nil
	case !v.Overlay.Whole():
		return stop(guard.Missing, advice.CaseEditsMissing, finding.Facts{Site: s.Name})
	}
	return stop(guard.Missing, advice.CaseNotWhole, finding.Facts{Site: s.Name})
}
