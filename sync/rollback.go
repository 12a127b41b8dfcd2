package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/settle"
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
	// AllowForgotten brings back what a deployment after the target removed permanently.
	// AllowForgottenOf does so if the target's commit begins with it.
	AllowForgotten   bool
	AllowForgottenOf string
	// Compare orders what others deploy in the same moment; nil where no repository is at
	// hand. Without it such a deployment may stay replaced by an older one, and the rollback
	// ends with the guard overtaken.
	Compare settle.Compare
}

// allowsForgotten reports whether the target may serve what was removed permanently.
func (o RollbackOptions) allowsForgotten(target *version.Deployment) bool {
	return o.AllowForgotten || o.AllowForgottenOf != "" && strings.HasPrefix(target.Commit, o.AllowForgottenOf)
}

// Rollback makes an earlier retained deployment live again. It uploads nothing, and
// refuses if a blob of the deployment is missing.
//
// It holds back the commit that it leaves: a deploy of that commit or its ancestors is
// refused until a newer commit is deployed.
func (e *Engine) Rollback(ctx context.Context, opt RollbackOptions) (*Result, error) {
	if err := e.layout.Lacks(layout.CommandRollback); err != nil {
		return nil, err
	}
	past, err := e.lookUp(ctx, site.Lookup{Newest: downTo(opt.To)})
	if err != nil {
		return nil, err
	}
	if opt.To == "" && !opt.DryRun {
		if done := e.rolledBack(past); done != "" {
			live := past.Live()
			url := e.client.Recorded(live.Meta)
			return &Result{Deployment: live.ID, Version: live.Version, Commit: live.Commit, Hold: live.Hold,
				URL: url, Unchecked: url != "", Notices: []manifest.Problem{manifest.ProblemOf("", done, finding.Facts{})}}, nil
		}
	}
	target, err := e.findTarget(past, opt.To)
	if err != nil || target.Rollback { // older activations decide, too
		if past, err = e.allPast(ctx); err != nil {
			return nil, err
		}
		if target, err = e.findTarget(past, opt.To); err != nil {
			return nil, cmp.Or(past.Unread, err)
		}
	}
	live := past.Live()
	res := &Result{Deployment: target.ID, Version: target.Version, Commit: target.Commit,
		URL: e.client.Recorded(target.Meta)}
	res.Unchecked = res.URL != ""
	if live != nil && target.ID == live.ID && live.Percent == 100 {
		res.PreviousDeployment, res.PreviousVersion = live.ID, live.Version
		return res, nil
	}
	if left := past.Leaves(target); left != nil {
		res.PreviousDeployment, res.PreviousVersion = left.ID, left.Version
	}
	if res.Notices, err = e.layoutOf(target.Meta).Check(ctx, target, live); err != nil {
		return nil, err
	}
	if !opt.allowsForgotten(target) {
		if err := e.checkForgotten(ctx, past, target); err != nil {
			return nil, err
		}
	}
	if opt.DryRun {
		return res, nil
	}
	hold, err := e.holdBack(ctx, past, target)
	if err == nil {
		err = e.recordHold(ctx, target, hold)
	}
	if err != nil { // a rollback must work in an emergency, so it does not wait for KV to recover
		res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseHoldUnkept, finding.Facts{Cause: err}))
	}
	switch err = e.rollTo(ctx, past, target, hold.Hold, opt); {
	case errors.Is(err, layout.ErrStale):
		e.client.Note(site.StageSwitch, "the rollback took longer than half the grace period; planning again")
		return e.Rollback(ctx, opt)
	case errors.Is(err, cloud.ErrOvertaken):
		return nil, guard.Stop(guard.Overtaken, finding.CaseSwitched, finding.Facts{Site: e.client.Site})
	case err != nil:
		return nil, err
	}
	res.Switched, res.Hold = true, hold.Hold
	return res, nil
}

func (e *Engine) rollTo(ctx context.Context, past *version.Past, target *version.Deployment, hold string,
	opt RollbackOptions) error {
	// A rollback may run without a repository and then cannot compare commits. So it does not rely
	// on the check after its switch.
	if err := cmp.Or(e.checkNotOvertaken(ctx, past.Activations), ctx.Err()); err != nil {
		return err
	}
	if e.client.Time().Sub(past.At) >= past.Policy.GracePeriod()/2 {
		return layout.ErrStale
	}
	says := version.Message{Deployment: target.ID, Rollback: true, Commit: target.Commit, Hold: hold,
		Over: version.ActiveID(past.Activations), Has: version.Contained(past.Activations),
		Actor: e.client.Actor, Run: e.client.Run}
	s := e.newSwitch(past.Activations, entryOfPast(past), opt.Compare)
	e.activates(s, target.Version, says.Text(""), opt.Force)
	e.noteRollback(says)
	err := e.settle(ctx, s, target.ID)
	if unsettled := (*UnsettledError)(nil); errors.As(err, &unsettled) {
		switch unsettled.Finding.Case {
		case finding.CaseSwitchUnknown:
			unsettled.Finding.Case, unsettled.Finding.Facts.What = finding.CaseRollbackUnknown, "an unknown version"
		case finding.CaseSwitchNotSeen:
			unsettled.Finding.Case = finding.CaseRollbackUnknown
		}
		return err
	}
	e.forgetRollback()
	if errors.Is(err, cloud.ErrSecretChanged) {
		return guard.Stop(guard.Secret, finding.CaseSecret, finding.Facts{Site: e.client.Site, Deployment: target.ID})
	}
	return err
}

// A person who repeats a command, or a CI system that repeats a run, does not want to go
// back twice. The message of a rollback names its run. Outside of a run, a rollback whose
// outcome is not known leaves a note in the cache until the outcome is known: if it has
// happened when the same command is given again, that one is done.

// noteAge is how long a note counts: later the same command means another rollback.
const noteAge = time.Hour

func (e *Engine) rollbackNote() string { return e.noteName("rollback of") }

// noteRollback notes what a rollback is about to activate.
func (e *Engine) noteRollback(says version.Message) {
	if e.client.Cache != nil {
		e.client.Cache.Put(e.rollbackNote(), []byte(says.Text("")))
	}
}

func (e *Engine) forgetRollback() {
	if e.client.Cache != nil {
		e.client.Cache.Put(e.rollbackNote(), nil)
	}
}

// rolledBack says that what is live is the rollback of this run or of the note; otherwise
// it is "". It removes the note, unless that rollback may still happen.
func (e *Engine) rolledBack(p *version.Past) finding.Case {
	live := p.Live()
	if live == nil || !live.Rollback || live.Percent < 100 {
		live = nil
	}
	if live != nil && e.client.Run != "" && live.Run == e.client.Run {
		return finding.CaseRollbackRepeated
	}
	if e.client.Cache == nil {
		return ""
	}
	note, ok := e.client.Cache.Get(e.rollbackNote())
	if !ok || len(note) == 0 {
		return ""
	}
	for _, a := range p.Activations {
		if a.Message != string(note) {
			continue
		}
		e.forgetRollback()
		if live != nil && live.ID == version.ReadMessage(a.Message).Deployment && e.client.Time().Sub(a.Created) < noteAge {
			return finding.CaseRollbackDone
		}
		break
	}
	return ""
}

// downTo is a [site.Lookup].Newest: down to the first activation of the target, if what
// the messages say is enough to find it.
func downTo(to string) func([]cloud.Activation) int {
	return func(listed []cloud.Activation) int {
		live := version.ReadMessage(listed[0].Message).Deployment
		target, first := "", 0
		for i, a := range listed {
			says := version.ReadMessage(a.Message)
			d := version.Deployment{ID: says.Deployment, Commit: says.Commit, Version: a.Main()}
			switch {
			case d.ID == "", len(a.Versions) > 1: // only the versions of another tool's say what they are
				return 0
			case to == "" && d.ID == live:
				target, first = "", 0 // it was live before, too
			case target == "" && (to == "" || d.Named(to)):
				target, first = d.ID, i
			case d.ID == target:
				first = i
			}
		}
		if target == "" || to != target && strings.HasPrefix(target, to) && to != "" { // there may be another one
			return 0
		}
		return first + 1
	}
}

// earlier is where the deployments that were live earlier begin: before the live one was
// first activated. So two rollbacks go back twice, and skip what was rolled back from. Out
// of a split the way leads to what had all the traffic before it.
func earlier(p *version.Past, live *version.Deployment) (from int) {
	for i, d := range p.Deployments {
		if live.Percent < 100 && !d.Live && d.Percent == 100 && !d.Foreign() {
			return i
		}
		if d.ID == live.ID {
			from = i + 1
		}
	}
	return from
}

// findTarget finds the deployment to roll back to. Without a name it is the one that was
// live before.
func (e *Engine) findTarget(p *version.Past, to string) (*version.Deployment, error) {
	from := 0
	if to == "" {
		live := p.Live()
		if live == nil {
			return nil, guard.Stop(guard.Foreign, finding.CaseForeignRollback, finding.Facts{Site: e.client.Site})
		}
		from = earlier(p, live)
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

// holdBack returns the record of what to hold back once target is live. With an error, the
// record has what is known.
func (e *Engine) holdBack(ctx context.Context, past *version.Past,
	target *version.Deployment) (*version.HoldRecord, error) {
	live := past.Leaves(target)
	if live == nil || live.Meta == nil {
		live = past.Live() // its hold remains in force
	}
	out := &version.HoldRecord{Format: version.HoldFormat, Site: e.client.ID(), Deployment: target.ID,
		Version: target.Version, Rollback: true, Commit: target.Commit, Over: version.ActiveID(past.Activations)}
	if live == nil {
		return out, nil
	}
	l := &version.Live{Activations: past.Activations, Meta: live.Meta}
	var err error
	if l.Unlisted() || live.Hold != "" {
		err = e.recall(ctx, l)
		live.Hold = l.Message().Hold
	}
	out.Hold = holdAfter(live, target)
	out.Held = version.HeldContent(past.Deployments, out.Hold)
	if l.Recalled != nil && (l.Recalled.Hold == out.Hold || !version.IsCommit(out.Hold)) {
		out.Held = append(out.Held, l.Recalled.Held...)
	}
	return out, err
}

// checkForgotten refuses to bring back what a deployment after the target removed for
// good. It sends requests only if there is such a deployment.
func (e *Engine) checkForgotten(ctx context.Context, past *version.Past, target *version.Deployment) error {
	forgetters := past.ForgettersAfter(target)
	if len(forgetters) == 0 {
		return nil
	}
	serves, err := e.layoutOf(target.Meta).Contents(ctx, target.Meta)
	if err != nil {
		return err
	}
	for _, d := range forgetters {
		facts := finding.Facts{Deployment: target.ID, Name: d.ID}
		paths, err := e.forgotten(ctx, d, serves)
		switch {
		case errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged):
			facts.Cause = err
			return guard.Stop(guard.Forgotten, finding.CaseForgottenUnknown, facts)
		case err != nil:
			return err
		case len(paths) > 0:
			facts.What, facts.Path = humanize.Count(len(paths), "file"), humanize.List(paths)
			return guard.Stop(guard.Forgotten, finding.CaseForgotten, facts)
		}
	}
	return nil
}

// forgotten lists the pathnames whose content d removed permanently, sorted.
func (e *Engine) forgotten(ctx context.Context, d *version.Deployment, serves layout.Contents) (paths []string,
	err error) {
	key := e.layoutOf(d.Meta).RecordKey(d.ID)
	r, err := cloud.ReadAs(ctx, e.client.Account.Store(d.Meta.Namespace), key, version.DecodeRecord)
	if err == nil && r.Forgot == nil {
		err = manifest.ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of deployment %s: %w", d.ID, err)
	}
	gone := r.Forgot.Lists
	if r.Forgot.All {
		own, err := e.layoutOf(d.Meta).Contents(ctx, d.Meta)
		if err != nil {
			return nil, err
		}
		kept := make(map[manifest.Hash]bool, len(own))
		for _, h := range own {
			kept[h] = true
		}
		gone = func(h manifest.Hash) bool { return !kept[h] }
	}
	for path, h := range serves {
		if gone(h) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
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
	case live.Commit == "" || live.ID == target.ID:
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
