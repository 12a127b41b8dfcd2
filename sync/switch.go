package kvsync

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// activate is the switch. It makes sure that the plan still holds, switches
// once, and does not believe in silence: when the answer is lost it asks.
func (e *Engine) activate(ctx context.Context, l *live, rel *prepared, src Source, opt Options) error {
	if !e.fresh(rel.started) {
		return errStale
	}
	if err := e.lookAgain(ctx, l, rel); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // the last moment at which stopping costs nothing
	}
	if rel.version == "" {
		return e.switchByScript(ctx, l, rel)
	}
	err := e.confirm(ctx, rel.id, rel.version, e.workers.Activate(ctx, []Share{{rel.version, 100}}, rel.upload.Message, false))
	if err != nil {
		return err
	}
	return e.settleOrder(ctx, l, rel, src, opt)
}

// settled is how long what was active at the plan is taken to be so still,
// where a look after the switch follows: for a change of a few files, that one
// look covers the second before it as well.
const settled = 2 * time.Second

// lookAgain returns errOvertaken if somebody else switched since the plan.
func (e *Engine) lookAgain(ctx context.Context, l *live, rel *prepared) error {
	looksAfter := rel.version != "" && rel.meta.Commit != ""
	if looksAfter && e.Now().Sub(l.at) < settled {
		return nil
	}
	now, err := e.workers.Activations(ctx)
	if errors.Is(err, ErrNotFound) {
		now, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("ask again which version of %s is active: %w", e.Site, err)
	}
	if activeID(now) != activeID(l.activations) {
		return errOvertaken
	}
	return nil
}

func activeID(a []Activation) string {
	if len(a) == 0 {
		return ""
	}
	return a[0].ID
}

// switchByScript uploads and switches in one call.
func (e *Engine) switchByScript(ctx context.Context, l *live, rel *prepared) error {
	sent := e.workers.PutScript(ctx, rel.upload)
	if sent != nil && !errors.Is(sent, ErrUnknown) && ctx.Err() == nil {
		return fmt.Errorf("upload the script %s: %w", e.Site, sent)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	now, err := e.look(ctx)
	if err == nil && now.meta != nil && now.meta.Deployment == rel.id {
		rel.version = now.version.ID
		return nil
	}
	if err == nil && sent != nil && activeID(now.activations) == activeID(l.activations) {
		return notSwitched(e.Site, sent)
	}
	return unknownSwitch(e.Site, rel.id, errors.Join(sent, err))
}

// confirm turns the answer of a switch into what is so. A lost answer is not a
// failure: the active version is asked for before anything else is done.
func (e *Engine) confirm(ctx context.Context, deployment, version string, sent error) error {
	if sent == nil {
		return nil
	}
	if !errors.Is(sent, ErrUnknown) && ctx.Err() == nil {
		return fmt.Errorf("switch %s to version %s: %w", e.Site, version, sent)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	now, err := e.workers.Activations(ctx)
	if err != nil {
		return unknownSwitch(e.Site, deployment, errors.Join(sent, err))
	}
	for _, a := range now[:min(len(now), 1)] {
		if a.main() == version {
			e.note(StageSwitch, "the answer to the switch was lost; the new version is active")
			return nil
		}
	}
	return notSwitched(e.Site, sent)
}

// notSwitched is a switch whose answer was lost and of which the API says that
// it did not happen: it is unknown no more.
func notSwitched(site string, cause error) error {
	return fmt.Errorf("switch %s: %w; run again (%v)", site, ErrNotSwitched, cause)
}

// unknownSwitch is the one error that wraps ErrUnknown.
func unknownSwitch(site, deployment string, cause error) error {
	return fmt.Errorf("switch %s to deployment %s: %w; visitors have the one or the other whole, run again to find out (%v)",
		site, deployment, ErrUnknown, cause)
}

// settleOrder looks once more after the switch: the API has no precondition, so
// a newer commit may have been switched to between the last look and ours. Then
// that one is made active again. A folder has no order to keep.
func (e *Engine) settleOrder(ctx context.Context, l *live, rel *prepared, src Source, opt Options) error {
	if rel.meta.Commit == "" || opt.AnyOrder {
		return nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	now, err := e.workers.Activations(ctx)
	if err != nil {
		e.note(StageSwitch, "the switch is confirmed; whether another one happened at the same moment could not be asked: %v", err)
		return nil
	}
	if len(now) == 0 || now[0].main() != rel.version {
		return nil // somebody switched after us, and looked at what we did
	}
	for _, a := range now[1:] {
		if a.ID == activeID(l.activations) {
			return nil
		}
		newer, err := e.isNewer(ctx, a, rel.meta.Commit, src)
		if err != nil || !newer {
			continue
		}
		err = e.workers.Activate(ctx, a.Versions, a.Message, false)
		if err = e.confirm(ctx, "of the newer commit", a.main(), err); err != nil {
			return err
		}
		return stop(GuardOlder, "nothing has to be done", "a newer commit of %s went live at the same moment; it is live again", e.Site)
	}
	return nil
}

func (e *Engine) isNewer(ctx context.Context, a Activation, than string, src Source) (bool, error) {
	v, err := e.workers.Version(ctx, a.main())
	if err != nil {
		return false, err
	}
	m, err := metaOf(v, e.Site)
	if err != nil || m == nil || m.Commit == "" {
		return false, err
	}
	rel, err := src.Compare(ctx, than, m.Commit)
	return rel == RelationNewer, err
}
