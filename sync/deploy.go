package kvsync

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/settle"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Result is the result of a run.
type Result struct {
	// Deployment is live now. It is the new one, or the one before if nothing changed.
	Deployment string
	Version    string
	// PreviousDeployment and PreviousVersion were live before, or "".
	PreviousDeployment, PreviousVersion string
	Commit                              string
	// Hold is the commit that a rollback holds back, or "".
	Hold string
	// URL is the address under workers.dev, "" if the site has none.
	URL string
	// Unchecked is set if an earlier deployment recorded the URL. Somebody may have switched the
	// address off since. Only [Engine.Address] asks, so that a deploy needs no request for it.
	Unchecked bool
	Plan      *plan.Plan
	// Switched is false if nothing changed.
	Switched bool
	// Uploaded counts blobs.
	Uploaded int
	Pruned   int
	// Notices concern the run, so they have no path.
	Notices []manifest.Problem
}

// Undoable reports whether a rollback can undo the deploy. It is false for a deploy that was
// requested to be final.
func (r *Result) Undoable() bool {
	return r.Switched && r.PreviousDeployment != "" && (r.Plan == nil || !r.Plan.Forgets)
}

const planAgain = 4 // the number of further plans if other runs keep switching

// Deploy makes the source live, and returns only after that is confirmed.
//
// Nothing that it writes before the switch is visible. Even after an error, visitors get
// either the complete deployment before or the complete new one. If nothing changed it
// sends two requests.
func (e *Engine) Deploy(ctx context.Context, src manifest.Source, w cloud.Worker, opt plan.Options) (*Result, error) {
	e.client.Distrust(ctx, opt.Repair)
	var r *layout.Run
	existed := false
	for range planAgain {
		l, err := e.client.ReadLive(ctx)
		if err != nil {
			return nil, e.unlessDeleted(ctx, true, err)
		}
		deleted := existed && !l.Exists()
		if deleted && !e.client.Target.InKV() {
			return nil, e.deleted()
		}
		// Start the run after the first answer, which has the time. If the project was deleted since, what
		// was confirmed may be deleted, too.
		if r == nil || deleted {
			r = e.newRun(src, w, opt)
		}
		existed = l.Exists()
		p, err := e.plan(ctx, l, r)
		if err != nil {
			return nil, e.unlessDeleted(ctx, existed, err)
		}
		rel, err := p.Write(ctx)
		if err == nil {
			err = e.switchTo(ctx, l, p.Base(), rel, src.Compare)
		}
		switch err = e.unlessDeleted(ctx, existed, err); {
		case errors.Is(err, cloud.ErrOvertaken):
			e.client.Note(site.StageSwitch, "another deployment switched meanwhile; planning again")
			r.Nonce = manifest.NewNonce(e.client.Time())
		case errors.Is(err, layout.ErrStale):
			e.client.Note(site.StageSwitch, "the uploads took longer than half the grace period; planning again")
			r = e.newRun(src, w, opt)
			r.IgnoreReceipt = true
		case err != nil:
			return nil, err
		default:
			return e.finish(ctx, l, p.Base(), rel), nil
		}
	}
	return nil, guard.Stop(guard.Overtaken, finding.CaseOvertaken, finding.Facts{Site: e.client.Site})
}

// unlessDeleted returns the error of a deploy, or that of the guard if the site existed and was
// deleted meanwhile.
func (e *Engine) unlessDeleted(ctx context.Context, existed bool, err error) error {
	stopped := (*guard.Error)(nil)
	shows := errors.Is(err, cloud.ErrNotFound) || errors.Is(err, cloud.ErrUnknown) ||
		errors.As(err, &stopped) && stopped.Guard == guard.Damaged
	if !existed || !shows || e.client.Target.InKV() {
		return err
	}
	look, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	if _, state := e.client.Target.Activations(look); !errors.Is(state, cloud.ErrNotFound) {
		return err
	}
	return e.deleted()
}

// deleted returns the error of a deploy whose site was deleted meanwhile. Planning again would make
// the site anew while the deletion removes its keys. A project is planned again, because the next
// project of that id has keys of its own.
func (e *Engine) deleted() error {
	e.client.ForgetLive()
	return guard.Stop(guard.Overtaken, finding.CaseDeleted, finding.Facts{Site: e.client.Site})
}

// switchTo makes the prepared release live. If there is none, the live version stays, or is
// activated again for a newer commit.
func (e *Engine) switchTo(ctx context.Context, l *version.Live, d *layout.Draft, rel *layout.Prepared,
	compare settle.Compare) error {
	switch {
	case rel != nil && rel.InPlace != nil:
		return rel.InPlace(ctx)
	case rel != nil:
		return e.activate(ctx, l, rel, compare)
	case d.Reactivate:
		return e.reactivate(ctx, l, d, compare)
	case l.Meta != nil && d.Origin.Commit != "" && !e.client.Target.InKV():
		return e.outcome(e.newSwitch(l.Activations, entryOf(l), compare).Finish(ctx), l.Meta.Deployment)
	}
	return nil
}

// unchanged returns the result of a run that keeps the live version.
func (e *Engine) unchanged(ctx context.Context, l *version.Live, d *layout.Draft) *Result {
	if l.Meta == nil {
		return &Result{Commit: d.Origin.Commit, Plan: d.Shown()}
	}
	res := &Result{
		Deployment: l.Meta.Deployment, Version: l.Version.ID, PreviousDeployment: l.Meta.Deployment,
		PreviousVersion: l.Version.ID, Commit: l.Commit(), Plan: d.Shown(),
	}
	e.finishAddress(ctx, l, l.Meta.URL, nil, res)
	if d.Reactivate {
		res.Commit, res.Switched = d.Origin.Commit, true
	}
	return res
}

// finish does everything after the switch. Its errors become notices, because the site is
// live.
func (e *Engine) finish(ctx context.Context, l *version.Live, d *layout.Draft, rel *layout.Prepared) *Result {
	if rel == nil {
		return e.unchanged(ctx, l, d)
	}
	res := &Result{
		Deployment: rel.ID, Version: rel.Version, Commit: rel.Meta.Commit, Plan: d.Shown(), Switched: true,
		Uploaded: d.Blobs,
	}
	if l.Exists() {
		res.PreviousVersion = l.Version.ID
	}
	if l.Meta != nil {
		res.PreviousDeployment = l.Meta.Deployment
	}
	if rel.Meta.URL == "" && !e.client.OffWorkersDev {
		res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseNoSubdomain, finding.Facts{}))
	}
	e.finishAddress(ctx, l, rel.Meta.URL, rel.Enabled, res)
	if !d.First && d.WorkerChanged {
		if err := e.patchSettings(ctx, d.Worker); err != nil {
			res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseSettingsDropped, finding.Facts{Cause: err}))
		}
	}
	if d.PruneDue {
		pruned, err := e.Prune(ctx, layout.PruneOptions{Over: version.ActiveID(l.Activations)})
		if err != nil {
			res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CasePruneAfterDeploy,
				finding.Facts{Span: e.client.Grace, Cause: err}))
		} else {
			res.Pruned = pruned.Deleted
		}
	}
	return res
}

// patchSettings applies the settings of the Worker that are not part of a version.
func (e *Engine) patchSettings(ctx context.Context, w cloud.Worker) error {
	settings := make(map[string]json.RawMessage)
	for _, name := range cloud.ScriptSettings {
		if v, ok := w.Settings[name]; ok {
			settings[name] = v
		}
	}
	if len(settings) == 0 {
		return nil
	}
	return e.client.Target.PatchSettings(ctx, settings)
}
