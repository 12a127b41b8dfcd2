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
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// RollbackOptions are the choices of a person for a rollback.
type RollbackOptions struct {
	// To names a deployment by its id, the id of its version or its commit, or by
	// at least the first 7 characters of one. "" is the deployment that was live
	// before.
	To string
	// DryRun only returns the target.
	DryRun bool
	// Force rolls back to a version with an older value of a secret.
	Force bool
}

// Rollback makes an earlier retained deployment live again. It uploads nothing, and
// refuses if a blob of the deployment is missing.
//
// It holds back the commit that it leaves: a deploy of that commit or its ancestors is
// refused until a newer commit is deployed.
func (e *Engine) Rollback(ctx context.Context, opt RollbackOptions) (*Result, error) {
	if err := e.layout.lacks(commandRollback); err != nil {
		return nil, err
	}
	past, err := e.Past(ctx, site.EveryActivation)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.Site)
	} else if err != nil {
		return nil, err
	}
	live := past.Live()
	if live == nil && opt.To == "" {
		return nil, guard.Stop(guard.Foreign, finding.CaseForeignRollback, finding.Facts{Site: e.Site})
	}
	target, err := findTarget(past, live, opt.To)
	if err != nil {
		return nil, err
	}
	res := &Result{Deployment: target.ID, Version: target.Version, Commit: target.Commit, URL: target.Meta.URL}
	if live != nil {
		res.PreviousDeployment, res.PreviousVersion = live.ID, live.Version
		if target.ID == live.ID && live.Percent == 100 {
			return res, nil
		}
	}
	if res.Notices, err = e.layoutOf(target.Meta).check(ctx, target); err != nil {
		return nil, err
	}
	if opt.DryRun {
		return res, nil
	}
	hold := holdAfter(live, target)
	err = e.rollTo(ctx, past.Activations, target, hold, opt.Force)
	if errors.Is(err, cloud.ErrOvertaken) {
		return nil, guard.Stop(guard.Overtaken, finding.CaseSwitched, finding.Facts{Site: e.Site})
	}
	if err != nil {
		return nil, err
	}
	res.Switched, res.Hold = true, hold
	return res, nil
}

func notDeployed(site string) *guard.Error {
	return guard.Stop(guard.Target, finding.CaseNotDeployed, finding.Facts{Site: site})
}

func (e *Engine) rollTo(ctx context.Context, before []cloud.Activation, target *version.Deployment, hold string,
	force bool) error {
	if err := e.checkNotOvertaken(ctx, before); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &switching{deployment: target.ID, before: before,
		isOurs: func(_ context.Context, a cloud.Activation) (bool, error) { return a.Only(target.Version), nil }}
	s.sent = e.send(ctx, func(ctx context.Context) error {
		return e.Target.Activate(ctx, []cloud.Share{{Version: target.Version, Percent: 100}},
			version.RollbackMessage(target, hold),
			force)
	})
	if errors.Is(s.sent, cloud.ErrSecretChanged) {
		return guard.Stop(guard.Secret, finding.CaseSecret, finding.Facts{Site: e.Site, Deployment: target.ID})
	}
	return e.settle(ctx, s)
}

// findTarget finds the deployment to roll back to. Without a name it is the one that was
// live before the live one was first activated. So two rollbacks go back twice, and
// skip what was rolled back from.
func findTarget(p *version.Past, live *version.Deployment, to string) (*version.Deployment, error) {
	from := 0
	for i, d := range p.Deployments {
		if to == "" && d.ID == live.ID {
			from = i + 1
		}
	}
	for i := from; i < len(p.Deployments); i++ {
		d := &p.Deployments[i]
		if d.Foreign() || to != "" && !d.Named(to) {
			continue
		}
		if !d.Retained {
			return nil, guard.Stop(guard.Target, finding.CaseNotRetained, finding.Facts{Deployment: d.ID})
		}
		if d.Missing {
			return nil, guard.Stop(guard.Missing, finding.CaseVersionMissing, finding.Facts{Deployment: d.ID,
				Version: d.Version})
		}
		for _, other := range p.Deployments[i:] {
			if to != "" && other.ID != d.ID && strings.HasPrefix(d.ID, to) && strings.HasPrefix(other.ID, to) {
				facts := finding.Facts{What: fmt.Sprintf("%.80q", to), Deployment: d.ID, Name: other.ID}
				return nil, guard.Stop(guard.Target, finding.CaseAmbiguous, facts)
			}
		}
		return d, nil
	}
	if to == "" {
		return nil, guard.Stop(guard.Target, finding.CaseNoEarlier, finding.Facts{})
	}
	return nil, guard.Stop(guard.Target, finding.CaseNoTarget, finding.Facts{What: fmt.Sprintf("%.80q", to)})
}

// holdAfter is what to hold back after target is live: the newest commit that the
// rollback leaves, which includes its ancestors. If both are of the same commit, such
// as builds at different times, it is the deployments that the rollback leaves. A
// rollback forward to the held commit ends the hold.
func holdAfter(live, target *version.Deployment) string {
	switch {
	case live == nil:
		return ""
	case version.IsCommit(live.Hold):
		if live.Hold == target.Commit {
			return ""
		}
		return live.Hold
	case live.Commit == "":
		return live.Hold
	case live.Commit != target.Commit:
		return live.Commit
	}
	held := strings.FieldsFunc(live.Hold, func(r rune) bool { return r == ',' })
	if i := slices.Index(held, target.ID); i >= 0 {
		held = held[:i]
	} else {
		held = append(held, live.ID)
	}
	return strings.Join(held[:min(len(held), version.MostHeld)], ",")
}
