package kvsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// settled is how long after the plan the active version is not read again before the
// switch. The check after the switch also covers the time since the plan, and undoes a
// switch over a deployment of another run.
const settled = 10 * time.Second

// activate is the switch. It checks that the plan is still valid, switches once, and
// reads the result if the answer is lost.
func (e *Engine) activate(ctx context.Context, l *version.Live, rel *prepared) error {
	if !e.Fresh(rel.started) {
		return errStale
	}
	byScript := rel.version == ""
	final := rel.upload.Apply != nil // an activation cannot undo migrations
	if final || e.Time().Sub(l.At) >= settled {
		if err := e.checkNotOvertaken(ctx, l.Activations); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err // after this, an interruption has a cost
	}
	s := &switching{deployment: rel.id, before: l.Activations}
	if byScript {
		s.isOurs = func(ctx context.Context, a cloud.Activation) (bool, error) {
			if s.onlyOne {
				rel.version = a.Main()
				return true, nil
			}
			m, err := e.MetaOf(ctx, a.Main())
			if err != nil || m == nil || m.Deployment != rel.id {
				return false, err
			}
			rel.version = a.Main()
			return true, nil
		}
		s.final = final
		if !l.Exists() {
			e.noteFirstDeployment(rel.id)
		}
		s.sent = e.send(ctx, func(ctx context.Context) error { return e.Target.PutScript(ctx, rel.upload) })
		if s.sent == nil && !l.Exists() && !e.OffWorkersDev {
			rel.enabled = make(chan error, 1)
			go func() { rel.enabled <- e.enableAddress(ctx) }()
		}
	} else {
		s.isOurs = func(_ context.Context, a cloud.Activation) (bool, error) { return a.Only(rel.version), nil }
		s.sent = e.send(ctx, func(ctx context.Context) error {
			return e.Target.Activate(ctx, []cloud.Share{{Version: rel.version, Percent: 100}}, rel.upload.Message, false)
		})
	}
	return e.settle(ctx, s)
}

// reactivate activates the live version again, for the newer commit of the plan.
func (e *Engine) reactivate(ctx context.Context, l *version.Live, p *draft) error {
	if e.Time().Sub(l.At) >= settled {
		if err := e.checkNotOvertaken(ctx, l.Activations); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	message := version.ReleaseMessage(l.Meta.Deployment, p.Origin, "")
	s := &switching{deployment: l.Meta.Deployment, before: l.Activations,
		isOurs: func(_ context.Context, a cloud.Activation) (bool, error) {
			return a.Only(l.Version.ID) && version.ReadMessage(a.Message).Commit == p.Origin.Commit, nil
		}}
	s.sent = e.send(ctx, func(ctx context.Context) error {
		return e.Target.Activate(ctx, []cloud.Share{{Version: l.Version.ID, Percent: 100}}, message, false)
	})
	return e.settle(ctx, s)
}

// patience is how long a switch may still take after ctx was cancelled. GitHub's runner
// kills a job 10 s after it has interrupted it.
var patience = 6 * time.Second // shorter in tests

// send makes the call of a switch. A cancellation does not end the call at once,
// because then its result would be unknown.
func (e *Engine) send(ctx context.Context, call func(context.Context) error) error {
	patient, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		e.Note(site.StageSwitch, "interrupted during the switch; waiting for its answer")
		if wait.For(patient, patience) == nil {
			cancel(context.Cause(ctx))
		}
	})()
	return call(patient)
}

// checkNotOvertaken returns cloud.ErrOvertaken if another run switched since before, or
// deleted the project.
func (e *Engine) checkNotOvertaken(ctx context.Context, before []cloud.Activation) error {
	keys := e.Keys()
	now, err := e.Target.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		now, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("find again which version of %s is active: %w", e.Site, err)
	}
	if activeID(now) != activeID(before) || e.Keys() != keys {
		return cloud.ErrOvertaken
	}
	return nil
}

func activeID(a []cloud.Activation) string {
	if len(a) == 0 {
		return ""
	}
	return a[0].ID
}

// switching is a switch that was sent.
type switching struct {
	deployment string
	// before are the activations on which it was planned.
	before []cloud.Activation
	// isOurs reports whether an activation is the one that it made.
	isOurs func(context.Context, cloud.Activation) (bool, error)
	// final: another activation cannot undo it.
	final bool
	// onlyOne: it is confirmed, and there is only one activation, which is
	// therefore ours.
	onlyOne bool
	// sent is the result of the call.
	sent error
}

// settle finds the result of a switch, and whether another run switched since the plan,
// because the API has no precondition. If so, it makes the other deployment live again
// and returns cloud.ErrOvertaken, so that the caller plans again with knowledge of it.
func (e *Engine) settle(ctx context.Context, s *switching) error {
	if s.sent != nil && !errors.Is(s.sent, cloud.ErrUnknown) && ctx.Err() == nil {
		return fmt.Errorf("switch %s: %w", e.Site, s.sent)
	}
	cut := ctx.Err() != nil && errors.Is(s.sent, cloud.ErrUnknown) // by a cancellation, so it may still be executed
	ctx, cancel := detached(ctx)
	defer cancel()
	newer, at, err := e.since(ctx, s)
	switch {
	case err != nil && s.sent == nil:
		e.Note(site.StageSwitch, "the switch is confirmed; it could not be checked whether another one happened "+
			"at the same moment: %v", err)
		return nil
	case err != nil:
		return unknownSwitch(e.Site, s.deployment, errors.Join(s.sent, err))
	case at < 0 && s.sent == nil:
		return nil // confirmed, and the list is outdated
	case at < 0 && len(newer) == 0 && e.Target.InKV() && errors.Is(s.sent, cloud.ErrUnknown):
		return unknownSwitch(e.Site, s.deployment, s.sent) // KV may show it later
	case at < 0 && len(newer) == 0 && cut:
		return unknownSwitch(e.Site, s.deployment, s.sent)
	case at < 0 && len(newer) == 0:
		return fmt.Errorf("switch %s: %w (%s)", e.Site, cloud.ErrNotSwitched, s.sent.Error())
	case at < 0:
		return cloud.ErrOvertaken
	case at > 0:
		e.Note(site.StageSwitch, "the switch is confirmed, and another deployment followed at once")
		return nil
	case s.sent != nil:
		e.Note(site.StageSwitch, "the answer to the switch was lost; the new version is active")
	}
	if len(newer) == 1 || s.final {
		return nil
	}
	theirs := newer[1]
	if err := e.Target.Activate(ctx, theirs.Versions, theirs.Message, true); err != nil {
		return finding.New(finding.CaseNotRestored, finding.Facts{Site: e.Site, Cause: err})
	}
	return cloud.ErrOvertaken
}

// since lists the activations newer than those on which a switch was planned, newest
// first, and the index of its own, or -1.
func (e *Engine) since(ctx context.Context, s *switching) (newer []cloud.Activation, at int, err error) {
	now, err := e.Target.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	for i, a := range now {
		if a.ID == activeID(s.before) {
			now = now[:i]
			break
		}
	}
	s.onlyOne = s.sent == nil && len(s.before) == 0 && len(now) == 1
	for i, a := range now {
		if yes, err := s.isOurs(ctx, a); err != nil || yes {
			return now, i, err
		}
	}
	return now, -1, nil
}

// unknownSwitch is the only error that wraps ErrUnknown.
func unknownSwitch(site, deployment string, cause error) error {
	return fmt.Errorf("switch %s to deployment %s: %w; visitors have the one or the other whole (%s)",
		site, deployment, cloud.ErrUnknown, cause.Error())
}
