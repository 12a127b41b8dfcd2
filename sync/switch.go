package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/settle"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// settled is the maximum age of a plan that is used without reading the active version again
// before the switch. This is safe: the look after the switch covers the time since the
// plan, and undoes a switch over a newer deployment of another run.
const settled = 10 * time.Second

// activate switches to a release.
func (e *Engine) activate(ctx context.Context, l *version.Live, rel *layout.Prepared, compare settle.Compare) error {
	if !e.client.Fresh(l, rel.Started) {
		return layout.ErrStale
	}
	final := rel.Upload.Apply != nil // an activation cannot undo migrations
	s := e.newSwitch(l.Activations, entryOf(l), compare)
	s.Final = final
	at := l.At
	if final {
		at = time.Time{}
	}
	if err := e.lookAgain(ctx, l.Activations, at); err != nil {
		return err
	}
	byScript := rel.Version == ""
	describe := s.Describe
	s.Describe = func(ctx context.Context, a cloud.Activation, beneath settle.Entry) (settle.Entry, error) {
		x, err := describe(ctx, a, beneath)
		if x.Own = err == nil && !x.Edit && x.Deployment == rel.ID && (byScript || a.Only(rel.Version)); x.Own && byScript {
			x.Choice, x.Over = false, version.ActiveID(l.Activations)
			rel.Version = a.Main()
		}
		return x, err
	}
	if !byScript {
		s.Send = func(ctx context.Context) error {
			return e.client.Target.Activate(ctx, []cloud.Share{{Version: rel.Version, Percent: 100}}, rel.Upload.Message, false)
		}
		return e.settle(ctx, s, rel.ID)
	}
	if !l.Exists() {
		e.noteFirstDeployment(rel.ID)
	}
	s.Send = func(ctx context.Context) error {
		err := e.client.Target.PutScript(ctx, rel.Upload)
		if err == nil && !l.Exists() && !e.client.OffWorkersDev {
			rel.Enabled = make(chan error, 1)
			go func() { rel.Enabled <- e.enableAddress(ctx) }()
		}
		return err
	}
	return e.settle(ctx, s, rel.ID)
}

// reactivate activates the live version again, for the newer commit of the plan.
func (e *Engine) reactivate(ctx context.Context, l *version.Live, d *layout.Draft, compare settle.Compare) error {
	if err := e.lookAgain(ctx, l.Activations, l.At); err != nil {
		return err
	}
	says := version.Message{Deployment: l.Meta.Deployment, Commit: d.Origin.Commit,
		Over: version.ActiveID(l.Activations), Has: version.Contained(l.Activations)}
	s := e.newSwitch(l.Activations, entryOf(l), compare)
	e.activates(s, l.Version.ID, says.Text(d.Origin.Subject), false)
	return e.settle(ctx, s, says.Deployment)
}

// lookAgain is called before every switch. It looks again at what is active if the last look,
// at the time at, is long ago. Once the switch is sent, an interruption has a cost.
func (e *Engine) lookAgain(ctx context.Context, before []cloud.Activation, at time.Time) error {
	if e.client.Time().Sub(at) >= settled {
		if err := e.checkNotOvertaken(ctx, before); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// activates makes s a switch to an existing version.
func (e *Engine) activates(s *settle.Switch, id, message string, force bool) {
	describe := s.Describe
	s.Describe = func(ctx context.Context, a cloud.Activation, beneath settle.Entry) (settle.Entry, error) {
		x, err := describe(ctx, a, beneath)
		x.Own = a.Only(id) && a.Message == message
		return x, err
	}
	s.Send = func(ctx context.Context) error {
		return e.client.Target.Activate(ctx, []cloud.Share{{Version: id, Percent: 100}}, message, force)
	}
}

func (e *Engine) newSwitch(before []cloud.Activation, base settle.Entry, compare settle.Compare) *settle.Switch {
	return &settle.Switch{
		Target: e.client.Target, Before: before, Base: base, Describe: e.describeActivation, Compare: compare,
		Planned: plannedOver, Again: messageAgain, Lagging: e.client.Target.InKV(), Pauses: looks,
		Note: func(format string, args ...any) { e.client.Note(site.StageSwitch, format, args...) },
	}
}

// plannedOver returns the id of the activation on which a was planned, "" for a first
// deployment. ok is false for an
// activation by another tool. It counts as planned on the one before it.
func plannedOver(a cloud.Activation) (over string, ok bool) {
	says := version.ReadMessage(a.Message)
	over = cmp.Or(says.Again, says.Over)
	return over, over != "" || says.First
}

// baseEntry describes what was active when a run made its plan, from the messages alone.
func baseEntry(list []cloud.Activation) settle.Entry {
	if len(list) == 0 {
		return settle.Entry{}
	}
	says := version.ReadMessage(list[0].Message)
	x := settle.Entry{Activation: list[0], Over: says.Over, Same: says.Again, Choice: true, Has: version.Changes(list)}
	if x.Edit = says.Deployment == ""; x.Edit {
		x.Change = version.ChangeMark(cmp.Or(says.Again, x.ID))
		if len(list) > 1 {
			x.Over = list[1].ID
		}
	}
	return x
}

// messageAgain returns the message with which a run makes an activation live again. The
// message of another tool gets a mark, so that other runs do not take the new activation
// for the choice of a person.
func messageAgain(x settle.Entry) string {
	if says := version.ReadMessage(x.Message); says.Deployment != "" || says.Again != "" {
		return x.Message
	}
	return version.Again(x.ID, x.Has, x.Message)
}

// settle makes the switch and finds its result.
func (e *Engine) settle(ctx context.Context, s *settle.Switch, deployment string) error {
	call := s.Send
	s.Send = func(ctx context.Context) error { return e.send(ctx, call) }
	return e.outcome(s.Settle(ctx), deployment)
}

// outcome returns the error of a switch as the engine reports it.
func (e *Engine) outcome(err error, deployment string) error {
	unknown := (*settle.UnknownError)(nil)
	switch {
	case err == nil || errors.Is(err, cloud.ErrOvertaken):
		return err
	case errors.As(err, &unknown):
		return e.unsettled(unknown, deployment)
	case errors.Is(err, settle.ErrChosen):
		return guard.Stop(guard.Overtaken, finding.CaseSwitched, finding.Facts{Site: e.client.Site})
	}
	return fmt.Errorf("switch %s: %w", e.client.Site, err)
}

// UnsettledError is a switch whose result is not known, or that may have replaced a
// newer deployment. It wraps [cloud.ErrUnknown].
type UnsettledError struct{ Finding finding.Finding }

// Error returns the text of the finding.
func (e *UnsettledError) Error() string { return e.Finding.Error() }

// Unwrap returns ErrUnknown and not the cause. A cause may be a refused call, which does not
// mean that nothing was switched.
func (e *UnsettledError) Unwrap() error { return cloud.ErrUnknown }

func (e *Engine) unsettled(u *settle.UnknownError, deployment string) error {
	facts := finding.Facts{Site: e.client.Site, Deployment: deployment, Cause: u.Cause, What: nameOf(u.Live)}
	c := finding.CaseSwitchUnknown
	switch {
	case u.Best != nil && u.Live != nil:
		c, facts.Than = finding.CaseNotRestored, nameOf(u.Best)
	case u.Best != nil:
		c, facts.Than = finding.CaseRestoreUnknown, nameOf(u.Best)
	case u.Live != nil:
		c = finding.CaseSwitchNotSeen
	}
	return &UnsettledError{finding.Finding{Case: c, Facts: facts}}
}

// nameOf returns the name in messages of what was made live.
func nameOf(x *settle.Entry) string {
	switch {
	case x == nil || x.ID == "":
		return "nothing"
	case x.Commit != "":
		return "commit " + version.ShortCommit(x.Commit)
	case x.Deployment != "":
		return "deployment " + x.Deployment
	}
	return "version " + x.Main()
}

// describeActivation returns what is known about an activation. It sends a request only if
// the activation has no message of kv-sync, or one of an older kv-sync.
func (e *Engine) describeActivation(ctx context.Context, a cloud.Activation,
	beneath settle.Entry) (settle.Entry, error) {
	says := version.ReadMessage(a.Message)
	x := settle.Entry{Activation: a, Over: says.Over, Deployment: says.Deployment, Commit: says.Commit,
		Rollback: says.Rollback, Has: says.Changes()}
	if version.IsCommit(says.Hold) {
		x.Hold = says.Hold
	}
	if x.Same = says.Again; says.Deployment == "" {
		x.Change = version.ChangeMark(cmp.Or(says.Again, a.ID))
	}
	if says.Commit != "" || says.Deployment != "" && says.Over != "" {
		return x, nil
	}
	m, err := e.client.MetaOf(ctx, a.Main())
	switch {
	case err != nil:
		return x, err
	case m == nil || len(a.Versions) > 1:
		x.Choice = true
	case says.Deployment != "":
		x.Commit = m.Commit
	case says.Again != "":
		x.Edit, x.Deployment, x.Commit = true, m.Deployment, m.Commit
	case m.Deployment == beneath.Deployment:
		x.Edit, x.Over, x.Deployment, x.Commit, x.Hold = true, beneath.ID, m.Deployment, beneath.Commit, beneath.Hold
	default: // a script upload may have no message; a person chooses an earlier version
		x.Deployment, x.Commit = m.Deployment, m.Commit
		at, _ := manifest.DeploymentTime(m.Deployment)
		before, ok := manifest.DeploymentTime(beneath.Deployment)
		x.Choice = beneath.ID != "" && (!ok || !at.After(before))
	}
	return x, nil
}

// entryOf describes what is live, for the comparison with later activations.
func entryOf(l *version.Live) settle.Entry {
	x := baseEntry(l.Activations)
	if l.Meta != nil {
		says := l.Message()
		x.Choice, x.Deployment, x.Commit, x.Rollback = false, l.Meta.Deployment, l.Commit(), says.Rollback
		if version.IsCommit(says.Hold) {
			x.Hold = says.Hold
		}
	}
	return x
}

// entryOfPast is what was live, for the comparison with what others activate meanwhile.
func entryOfPast(p *version.Past) settle.Entry {
	x := baseEntry(p.Activations)
	if d := p.Live(); d != nil {
		x.Choice, x.Deployment, x.Commit, x.Rollback = false, d.ID, d.Commit, d.Rollback
		if version.IsCommit(d.Hold) {
			x.Hold = d.Hold
		}
	}
	return x
}

// looks are the pauses between looks for a switch whose answer was lost.
var looks = settle.Pauses // shorter in tests

// patience is the time that a switch may take after ctx was cancelled.
var patience = wait.Answer // shorter in tests

// send makes the call of a switch. A cancellation does not end the call at once,
// because then its result would be unknown.
func (e *Engine) send(ctx context.Context, call func(context.Context) error) error {
	patient, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		e.client.Note(site.StageSwitch, "interrupted during the switch; waiting for its answer")
		if wait.For(patient, patience) == nil {
			cancel(context.Cause(ctx))
		}
	})()
	return call(patient)
}

// checkNotOvertaken returns cloud.ErrOvertaken if another run switched since before, or
// deleted the project.
func (e *Engine) checkNotOvertaken(ctx context.Context, before []cloud.Activation) error {
	keys := e.client.Keys()
	now, err := e.client.Target.Activations(ctx)
	if errors.Is(err, cloud.ErrNotFound) {
		now, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("find again which version of %s is active: %w", e.client.Site, err)
	}
	if version.ActiveID(now) != version.ActiveID(before) || e.client.Keys() != keys {
		return cloud.ErrOvertaken
	}
	return nil
}
