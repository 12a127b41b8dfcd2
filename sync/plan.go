package kvsync

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Plan returns what Deploy would do, and refuses what Deploy would refuse. With the error of a
// guard the plan is what a deploy would do without its guards; it may be nil.
func (e *Engine) Plan(ctx context.Context, src manifest.Source, w cloud.Worker, opt plan.Options) (*plan.Plan, error) {
	e.client.Distrust(ctx, opt.Repair)
	l, err := e.client.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	p, err := e.plan(ctx, l, e.newRun(src, w, opt))
	if stopped := (*guard.Error)(nil); errors.As(err, &stopped) {
		p, _ = e.plan(ctx, l, e.newRun(src, w, opt.Unguarded())) // the guard is what the run ends with
	}
	if p == nil {
		return nil, err
	}
	return p.Base().Shown(), err
}

func (e *Engine) newRun(src manifest.Source, w cloud.Worker, opt plan.Options) *layout.Run {
	r := layout.StartRun(e.client, src, w, opt)
	r.Order = order{e}
	return r
}

// foreignWorker refuses to replace what another tool deployed.
func foreignWorker(site string) *guard.Error {
	return guard.Stop(guard.Foreign, finding.CaseForeign, finding.Facts{Site: site})
}

// plan checks the guards that all layouts share, and has the layout compare the source
// with what is live.
func (e *Engine) plan(ctx context.Context, l *version.Live, r *layout.Run) (layout.Planned, error) {
	if l.Foreign && !r.Options.TakesOver(l) {
		return nil, foreignWorker(e.client.Site)
	}
	if _, ages := e.layout.(layout.Keeper); ages { // else no key is deleted for its age
		if err := e.client.CheckClock(e.client.GraceOver(l)); err != nil {
			return nil, err
		}
	}
	origin, err := r.Source.Origin(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.checkName(ctx, l); err != nil {
		return nil, err
	}
	if err := e.checkRepository(l, origin, r.Options); err != nil {
		return nil, err
	}
	if (l.Unlisted() || l.CarriedHold(origin) != "") && !r.Options.Release {
		if err := e.recall(ctx, l); err != nil {
			return nil, err
		}
	}
	d := &layout.Draft{Plan: plan.Plan{Site: e.client.Site, Origin: origin, First: !l.Exists(),
		Forgets: r.Options.Forget && l.Exists()}}
	d.LiveContents = func(ctx context.Context) (layout.Contents, error) {
		if l.Meta == nil { // another tool knows what it served
			return nil, cloud.ErrNotFound
		}
		return e.layoutOf(l.Meta).Contents(ctx, l.Meta)
	}
	if l.Meta != nil {
		d.Live = l.Meta.Deployment
	}
	p, err := e.layout.Plan(ctx, l, d, r)
	if err != nil {
		return p, err
	}
	if last := l.Displaced(); last != "" && !e.client.Target.InKV() {
		facts := finding.Facts{Deployment: d.Live, Than: last}
		moved := manifest.ProblemOf("", finding.CaseMoved, facts)
		if !l.HasAllTraffic() {
			moved = manifest.ProblemOf("", finding.CaseSplit, facts)
		}
		p.Base().Notices = append(p.Base().Notices, moved)
	}
	return p, nil
}
