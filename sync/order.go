package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// checkRepository refuses a deploy over a site of another repository, so that two
// repositories do not share a site by accident. It refuses nothing if one of the two is
// unknown.
func (e *Engine) checkRepository(l *version.Live, o manifest.Origin, opt plan.Options) error {
	if l.Meta == nil || opt.TakesOver(l) || !o.Repository.Differs(l.Meta.Repository) {
		return nil
	}
	name := o.Repository.Name
	if name == "" && len(o.Repository.Remotes) > 0 {
		name = o.Repository.Remotes[0]
	}
	return guard.Stop(guard.Repository, finding.CaseRepository, finding.Facts{
		Site: e.client.Site, From: l.Meta.Repository.Label(), Repository: manifest.Repository{Name: name,
			ID: o.Repository.ID}.Label(),
	})
}

// checkName refuses the first deploy of a site without a configured name if an earlier
// kv-sync deployed it under another derived name. Otherwise an upgrade of kv-sync would make
// a second site. It costs one or two requests, only on a first deploy.
func (e *Engine) checkName(ctx context.Context, l *version.Live) error {
	if e.client.Formerly == "" || l.Exists() {
		return nil
	}
	workers := e.client.Account.Workers(e.client.Formerly)
	list, err := workers.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find whether the site is live as %s: %w", e.client.Formerly, err)
	}
	v, err := workers.Version(ctx, list[0].Main())
	if err != nil {
		return fmt.Errorf("read the active version of %s: %w", e.client.Formerly, err)
	}
	if m, err := version.ReadMeta(v, e.client.Formerly); err != nil || m == nil {
		return err
	}
	return guard.Stop(guard.Name, finding.CaseName, finding.Facts{Site: e.client.Site, Name: e.client.Formerly})
}

// order is the stage that all layouts call: see [ordering].
type order struct{ *Engine }

// Check prevents that an older state goes live. It refuses an older commit, a commit that a
// rollback left and its ancestors, and a newer commit with the content of the commit that a
// rollback left. It returns notices for the plan.
func (e order) Check(ctx context.Context, l *version.Live, d *layout.Draft, r *layout.Run) ([]manifest.Problem, error) {
	active, o, src, opt := l.Commit(), d.Origin, r.Source, r.Options
	if o.Commit == "" {
		if active == "" {
			return nil, nil
		}
		return []manifest.Problem{manifest.ProblemOf("order", finding.CaseNoCommit,
			finding.Facts{Than: version.ShortCommit(active)})}, nil
	}
	if hold := l.Message().Hold; hold != "" && !opt.Release {
		if err := checkHold(ctx, src, o, hold, opt); err != nil {
			return nil, err
		}
	}
	if err := e.CheckContent(ctx, l, d, opt); err != nil {
		return nil, err
	}
	if active == "" || opt.AnyOrder {
		return nil, nil
	}
	rel, err := src.Compare(ctx, active, o.Commit)
	if err != nil {
		return nil, fmt.Errorf("compare commit %.12s with the live one, %.12s: %w", o.Commit, active, err)
	}
	switch rel {
	case manifest.RelationOlder:
		return nil, guard.Stop(guard.Older, finding.CaseOlder, finding.Facts{Commit: o.Commit,
			Than: version.ShortCommit(active)})
	case manifest.RelationUnknown:
		return nil, guard.Stop(guard.Order, finding.CaseOrder, finding.Facts{Commit: o.Commit,
			Than: version.ShortCommit(active)})
	case manifest.RelationAbsent:
		return nil, guard.Stop(guard.Order, finding.CaseOrderAbsent, finding.Facts{Site: e.client.Site,
			Than: version.ShortCommit(active)})
	case manifest.RelationDiverged:
		return []manifest.Problem{manifest.ProblemOf("order", finding.CaseDiverged,
			finding.Facts{Commit: o.Commit, Than: version.ShortCommit(active)})}, nil
	}
	return nil, nil
}

// recall reads the record of the live deployment's hold, once.
func (e *Engine) recall(ctx context.Context, l *version.Live) (err error) {
	if l.Meta == nil || l.Recalled != nil || e.client.Target.InKV() { // a project keeps its activations itself
		return nil
	}
	k := e.layoutOf(l.Meta)
	store := e.client.Account.Store(l.Meta.Namespace)
	l.Recalled, err = e.client.ReadHold(ctx, store, k.Holds(l.Meta.Deployment), l.Meta.Deployment)
	if err != nil {
		return fmt.Errorf("find whether a rollback of %s holds anything back: %w", e.client.Site, err)
	}
	return nil
}

// recordHold records a hold. A project keeps its activations itself, with their messages.
func (e *Engine) recordHold(ctx context.Context, target *version.Deployment, h *version.HoldRecord) error {
	if e.client.Target.InKV() {
		return nil
	}
	store := e.client.Account.Store(target.Meta.Namespace)
	return e.client.WriteHold(ctx, store, e.layoutOf(target.Meta).Holds(target.ID), h)
}

// checkHold refuses the commit that a rollback holds back, and its ancestors.
func checkHold(ctx context.Context, src manifest.Source, o manifest.Origin, hold string, opt plan.Options) error {
	if !version.IsCommit(hold) {
		return nil // the hold names deployments: CheckContent compares their content
	}
	rel, err := src.Compare(ctx, hold, o.Commit)
	if err != nil {
		return fmt.Errorf("compare commit %.12s with the one held back, %.12s: %w", o.Commit, hold, err)
	}
	switch {
	case rel == manifest.RelationSame:
		return guard.Stop(guard.Held, finding.CaseHeld, finding.Facts{Commit: o.Commit})
	case rel == manifest.RelationOlder:
		return guard.Stop(guard.Held, finding.CaseHeldOlder, finding.Facts{Commit: o.Commit, Than: version.ShortCommit(hold)})
	case (rel == manifest.RelationUnknown || rel == manifest.RelationAbsent) && !opt.AnyOrder:
		return guard.Stop(guard.Order, finding.CaseOrderHeld, finding.Facts{Commit: o.Commit,
			Than: version.ShortCommit(hold)})
	}
	return nil
}

// CheckContent refuses a deploy with the content that a rollback holds back. It refuses
// nothing while the content is unknown. The content of a folder is known only after it was
// read, so a plan may call this twice.
func (e order) CheckContent(ctx context.Context, l *version.Live, d *layout.Draft, opt plan.Options) error {
	hold, o := l.Message().Hold, d.Origin
	if hold == "" || opt.Release || o.Commit == "" || o.ID == "" || d.Hash == "" {
		return nil
	}
	same, err := e.sameAsHeld(ctx, l, hold, o.ID, d.Hash)
	if err != nil || !same {
		return err
	}
	return guard.Stop(guard.Held, finding.CaseHeldSame, finding.Facts{Commit: o.Commit, Than: shortHold(hold)})
}

// sameAsHeld reports whether a deployment with this source and Worker is held back, by its
// commit or by its id. The commit alone is not enough: in a repository of many projects most
// commits change other projects. It sends requests only after a rollback.
func (e order) sameAsHeld(ctx context.Context, l *version.Live, hold, source, worker string) (bool, error) {
	deployments := strings.Split(hold, ",")
	for _, a := range l.Activations[1:min(len(l.Activations), 1+e.client.Retain)] {
		m, err := e.client.MetaOf(ctx, a.Main())
		if err != nil {
			return false, err
		}
		held := m != nil && (slices.Contains(deployments, m.Deployment) || version.CommitOf(a, m) == hold)
		if held && m.Source == source && m.Worker == worker {
			return true, nil
		}
		if held && version.IsCommit(hold) {
			return false, nil
		}
	}
	if err := e.recall(ctx, l); err != nil || l.Recalled == nil { // the held deployments are not listed any more
		return false, err
	}
	same := slices.Contains(l.Recalled.Held, version.Content{Source: source, Worker: worker})
	return same && l.Recalled.Hold == hold, nil
}

// shortHold returns the name in messages of what a rollback holds back.
func shortHold(hold string) string {
	if version.IsCommit(hold) {
		return version.ShortCommit(hold)
	}
	return hold
}
