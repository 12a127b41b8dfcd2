package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkRepository refuses a deploy over a site of another repository, so that
// two repositories do not share a site by accident. Where one of the two is not
// known, nothing is refused.
func (e *Engine) checkRepository(l *live, o Origin, opt Options) error {
	if l.meta == nil || opt.takesOver(l) || !o.Repository.Differs(l.meta.Repository) {
		return nil
	}
	name := o.Repository.Name
	if name == "" && len(o.Repository.Remotes) > 0 {
		name = o.Repository.Remotes[0]
	}
	return stop(GuardRepository, CaseRepository, Facts{
		Site: e.Site, From: l.meta.Repository.Label(), Repository: Repository{Name: name, ID: o.Repository.ID}.Label(),
	})
}

// checkName refuses the first deploy of a site whose name nobody chose, if it is
// live under the name that an earlier kv-sync gave it: an upgrade must not make a
// second site. It costs a request or two, on a first deploy alone.
func (e *Engine) checkName(ctx context.Context, l *live) error {
	if e.Formerly == "" || l.exists() {
		return nil
	}
	workers := e.Account.Workers(e.Formerly)
	list, err := workers.Activations(ctx)
	if errors.Is(err, ErrNotFound) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask whether the site is live as %s: %w", e.Formerly, err)
	}
	v, err := workers.Version(ctx, list[0].Main())
	if err != nil {
		return fmt.Errorf("read the active version of %s: %w", e.Formerly, err)
	}
	if m, err := metaOf(v, e.Formerly); err != nil || m == nil {
		return err
	}
	return stop(GuardName, CaseName, Facts{Site: e.Site, Name: e.Formerly})
}

// checkOrder keeps the live site from going backwards: an older commit is
// refused, and one that a rollback left is held back with its ancestors, and so
// is a newer one that would bring the very same back. It returns what is worth
// a notice in the plan.
func (e *Engine) checkOrder(ctx context.Context, l *live, p *draft, r *run) ([]Problem, error) {
	active, o, src, opt := l.commit(), p.Origin, r.src, r.opt
	if o.Commit == "" {
		if active == "" {
			return nil, nil
		}
		return []Problem{problem("order", CaseNoCommit, Facts{Than: shortCommit(active)})}, nil
	}
	if hold := l.note().hold; hold != "" && !opt.Release {
		if err := checkHold(ctx, src, o, hold, opt); err != nil {
			return nil, err
		}
	}
	if err := e.checkHeldContent(ctx, l, p, opt); err != nil {
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
	case RelationOlder:
		return nil, stop(GuardOlder, CaseOlder, Facts{Commit: o.Commit, Than: shortCommit(active)})
	case RelationUnknown:
		return nil, stop(GuardOrder, CaseOrder, Facts{Commit: o.Commit, Than: shortCommit(active)})
	case RelationDiverged:
		return []Problem{problem("order", CaseDiverged, Facts{Commit: o.Commit, Than: shortCommit(active)})}, nil
	}
	return nil, nil
}

// checkHold refuses the commit that a rollback holds back, and its ancestors.
func checkHold(ctx context.Context, src Source, o Origin, hold string, opt Options) error {
	if !isCommit(hold) {
		return nil // a deployment is known by its content
	}
	rel, err := src.Compare(ctx, hold, o.Commit)
	if err != nil {
		return fmt.Errorf("compare commit %.12s with the one held back, %.12s: %w", o.Commit, hold, err)
	}
	switch {
	case rel == RelationSame:
		return stop(GuardHeld, CaseHeld, Facts{Commit: o.Commit})
	case rel == RelationOlder:
		return stop(GuardHeld, CaseHeldOlder, Facts{Commit: o.Commit, Than: shortCommit(hold)})
	case rel == RelationUnknown && !opt.AnyOrder:
		return stop(GuardOrder, CaseOrderHeld, Facts{Commit: o.Commit, Than: shortCommit(hold)})
	}
	return nil
}

// checkHeldContent refuses what deploys the very same as what a rollback holds
// back. What a folder holds is known only when it was read, so a plan may have
// to ask twice; where it is not known, nothing is refused.
func (e *Engine) checkHeldContent(ctx context.Context, l *live, p *draft, opt Options) error {
	hold, o := l.note().hold, p.Origin
	if hold == "" || opt.Release || o.Commit == "" || o.ID == "" || p.hash == "" {
		return nil
	}
	same, err := e.asHeld(ctx, l, hold, o.ID, p.hash)
	if err != nil || !same {
		return err
	}
	return stop(GuardHeld, CaseHeldSame, Facts{Commit: o.Commit, Than: shortHold(hold)})
}

// asHeld reports whether a source and a Worker are those of a deployment that
// is held back, by its commit or by itself: in a repository of many projects
// most commits concern others. It costs requests only after a rollback.
func (e *Engine) asHeld(ctx context.Context, l *live, hold, source, worker string) (bool, error) {
	deployments := strings.Split(hold, ",")
	for _, a := range l.activations[1:min(len(l.activations), 1+e.Retain)] {
		m, err := e.metaOfVersion(ctx, a.Main())
		if err != nil {
			return false, err
		}
		held := m != nil && (slices.Contains(deployments, m.Deployment) || commitOf(a, m) == hold)
		if held && m.Source == source && m.Worker == worker {
			return true, nil
		}
		if held && isCommit(hold) {
			return false, nil
		}
	}
	return false, nil
}

// commitOf is the commit that an activation of a version made live, "" where
// none is known.
func commitOf(a Activation, m *Meta) string {
	if said := readMessage(a.Message); said.deployment == m.Deployment && said.commit != "" {
		return said.commit
	}
	return m.Commit
}

// carriedHold is the hold that stays in force after a deploy: one without a
// commit, of which nobody knows whether it is newer, does not end a hold.
func (l *live) carriedHold(o Origin) string {
	if o.Commit != "" {
		return ""
	}
	return l.note().hold
}

// commit is the last commit that was made live: that of the newest activation,
// or where that had none, the one before it. "" where none is known.
func (l *live) commit() string {
	if l.meta == nil {
		return ""
	}
	if said := l.note(); said.commit != "" {
		return said.commit
	}
	if l.meta.Commit != "" {
		return l.meta.Commit
	}
	return l.meta.After
}

// shortHold names what is held back in a message.
func shortHold(hold string) string {
	if isCommit(hold) {
		return shortCommit(hold)
	}
	return hold
}
