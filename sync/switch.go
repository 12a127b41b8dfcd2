package kvsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// settled is how long what was active at the plan is taken to be so still: the
// look after the switch covers the time since the plan as well, and undoes a
// switch over somebody else's.
const settled = 10 * time.Second

// activate is the switch. It makes sure that the plan still holds, switches
// once, and does not believe in silence: what became of it is asked.
func (e *Engine) activate(ctx context.Context, l *live, rel *prepared) error {
	if !e.fresh(rel.started) {
		return errStale
	}
	byScript := rel.version == ""
	final := rel.upload.Apply != nil // migrations cannot be undone by an activation
	if final || e.Now().Sub(l.at) >= settled {
		if err := e.checkNotOvertaken(ctx, l.activations); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err // the last moment at which stopping costs nothing
	}
	s := &switching{deployment: rel.id, before: l.activations}
	if byScript {
		s.isOurs = func(ctx context.Context, a cloud.Activation) (bool, error) {
			if s.onlyOne {
				rel.version = a.Main()
				return true, nil
			}
			m, err := e.metaOfVersion(ctx, a.Main())
			if err != nil || m == nil || m.Deployment != rel.id {
				return false, err
			}
			rel.version = a.Main()
			return true, nil
		}
		s.final = final
		if !l.exists() {
			e.noteFirstDeployment(rel.id)
		}
		s.sent = e.send(ctx, func(ctx context.Context) error { return e.target.PutScript(ctx, rel.upload) })
		if s.sent == nil && !l.exists() && !e.OffWorkersDev {
			rel.enabled = make(chan error, 1)
			go func() { rel.enabled <- e.enableAddress(ctx) }()
		}
	} else {
		s.isOurs = func(_ context.Context, a cloud.Activation) (bool, error) { return a.Only(rel.version), nil }
		s.sent = e.send(ctx, func(ctx context.Context) error {
			return e.target.Activate(ctx, []cloud.Share{{Version: rel.version, Percent: 100}}, rel.upload.Message, false)
		})
	}
	return e.settle(ctx, s)
}

// reactivate activates the live version again, for the plan's newer commit.
func (e *Engine) reactivate(ctx context.Context, l *live, p *draft) error {
	if e.Now().Sub(l.at) >= settled {
		if err := e.checkNotOvertaken(ctx, l.activations); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	message := releaseMessage(l.meta.Deployment, p.Origin, "")
	s := &switching{deployment: l.meta.Deployment, before: l.activations,
		isOurs: func(_ context.Context, a cloud.Activation) (bool, error) {
			return a.Only(l.version.ID) && readMessage(a.Message).commit == p.Origin.Commit, nil
		}}
	s.sent = e.send(ctx, func(ctx context.Context) error {
		return e.target.Activate(ctx, []cloud.Share{{Version: l.version.ID, Percent: 100}}, message, false)
	})
	return e.settle(ctx, s)
}

// patience is how long a switch that is under way may still take after ctx was
// cancelled. GitHub's runner kills a job 10 s after it has interrupted it.
var patience = 6 * time.Second // shorter in tests

// send makes the call of a switch. A cancellation does not cut it off at once:
// whether it was carried out would not be known then.
func (e *Engine) send(ctx context.Context, call func(context.Context) error) error {
	patient, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		e.note(StageSwitch, "interrupted during the switch; waiting for its answer")
		if wait.For(patient, patience) == nil {
			cancel(context.Cause(ctx))
		}
	})()
	return call(patient)
}

// checkNotOvertaken returns errOvertaken if somebody else switched since before.
func (e *Engine) checkNotOvertaken(ctx context.Context, before []cloud.Activation) error {
	now, err := e.target.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		now, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("ask again which version of %s is active: %w", e.Site, err)
	}
	if activeID(now) != activeID(before) {
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
	// before are the activations that it was planned on.
	before []cloud.Activation
	// isOurs recognises the activation that it made.
	isOurs func(context.Context, cloud.Activation) (bool, error)
	// final: it cannot be undone by another activation.
	final bool
	// onlyOne: it was confirmed, and there is one activation at all: it is ours.
	onlyOne bool
	// sent is what the call returned.
	sent error
}

// settle finds out what became of a switch, and looks whether somebody else
// switched since the plan, for the API has no precondition: then theirs, which
// we did not plan on, is made live again as it was, and errOvertaken says to
// plan again. That next plan knows whether ours is newer.
func (e *Engine) settle(ctx context.Context, s *switching) error {
	if s.sent != nil && !errors.Is(s.sent, cloud.ErrUnknown) && ctx.Err() == nil {
		return fmt.Errorf("switch %s: %w", e.Site, s.sent)
	}
	cut := ctx.Err() != nil && errors.Is(s.sent, cloud.ErrUnknown) // by a cancellation, so it may still be on its way
	ctx, cancel := detached(ctx)
	defer cancel()
	newer, at, err := e.since(ctx, s)
	switch {
	case err != nil && s.sent == nil:
		e.note(StageSwitch, "the switch is confirmed; whether another one happened at the same moment could not be asked: %v", err)
		return nil
	case err != nil:
		return unknownSwitch(e.Site, s.deployment, errors.Join(s.sent, err))
	case at < 0 && s.sent == nil:
		return nil // confirmed, and a list that lags behind
	case at < 0 && len(newer) == 0 && e.target.inKV() && errors.Is(s.sent, cloud.ErrUnknown):
		return unknownSwitch(e.Site, s.deployment, s.sent) // KV may show later what it does not show yet
	case at < 0 && len(newer) == 0 && cut:
		return unknownSwitch(e.Site, s.deployment, s.sent)
	case at < 0 && len(newer) == 0:
		return fmt.Errorf("switch %s: %w (%s)", e.Site, cloud.ErrNotSwitched, s.sent.Error())
	case at < 0:
		return cloud.ErrOvertaken
	case at > 0:
		e.note(StageSwitch, "the switch is confirmed, and another deployment followed at once")
		return nil
	case s.sent != nil:
		e.note(StageSwitch, "the answer to the switch was lost; the new version is active")
	}
	if len(newer) == 1 || s.final {
		return nil
	}
	theirs := newer[1]
	if err := e.target.Activate(ctx, theirs.Versions, theirs.Message, true); err != nil {
		return found(CaseNotRestored, finding.Facts{Site: e.Site, Cause: err})
	}
	return cloud.ErrOvertaken
}

// since lists the activations newer than the ones that a switch was planned on,
// newest first, and where among them its own is, or -1.
func (e *Engine) since(ctx context.Context, s *switching) (newer []cloud.Activation, at int, err error) {
	now, err := e.target.Activations(ctx)
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

// unknownSwitch is the one error that wraps ErrUnknown.
func unknownSwitch(site, deployment string, cause error) error {
	return fmt.Errorf("switch %s to deployment %s: %w; visitors have the one or the other whole (%s)",
		site, deployment, cloud.ErrUnknown, cause.Error())
}
