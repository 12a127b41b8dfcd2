package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// Shadow is a file of a deployment that visitors do not see, because what was
// written at run time lies over it.
type Shadow struct {
	Path string `json:"path"`
	// Deleted: it was deleted at run time; else something was put in its place.
	Deleted bool `json:"deleted,omitempty"`
	// Changed: this deploy adds or changes the file, so that somebody may look
	// for it in vain.
	Changed bool `json:"changed,omitempty"`
}

// Overlay reads what was written at run time; it is empty where nothing was. It
// asks what is live, for the namespace.
func (e *Engine) Overlay(ctx context.Context) (*overlay.Snapshot, error) {
	if err := e.layout.lacks(commandPull); err != nil {
		return nil, err
	}
	l, err := e.readLive(ctx)
	if err != nil {
		return nil, err
	}
	if l.meta == nil {
		return nil, notDeployed(e.Site)
	}
	return e.overlay(ctx, e.Account.Store(l.meta.Namespace))
}

// overlay reads it out of a namespace: one request.
func (e *Engine) overlay(ctx context.Context, s cloud.Store) (*overlay.Snapshot, error) {
	return overlay.Read(ctx, s, e.Site)
}

// planOverlay reads what was written at run time, once for each plan that
// changes something, and lays it over the plan's manifest. It refuses what would
// have visitors miss edits that they see now.
func (e *Engine) planOverlay(ctx context.Context, l *live, p *draft, base *manifest.Manifest, opt Options) error {
	p.edits.Pulled = p.pulled
	if base != nil {
		p.edits.Adopted = base.Adopted
	}
	had := l.meta != nil && (l.meta.Overlay != nil || base != nil && base.Serving.Overlay)
	if had && (p.namespace != l.meta.Namespace || !e.Serving.Overlay && !opt.HideEdits) {
		return e.checkEdits(ctx, l, p)
	}
	if !e.Serving.Overlay || p.namespace == "" {
		p.edits = overlay.Edits{}
		return nil
	}
	o, err := e.overlay(ctx, e.Account.Store(p.namespace))
	switch {
	case errors.Is(err, overlay.ErrRecord):
		// Nothing is lost by going on: the overlay stays over the new manifest as it
		// is over the live one, and what that has adopted stays so. To refuse would
		// keep a fix from visitors for the sake of a list.
		p.Notices = append(p.Notices, problem(overlayPlace, CaseCoverUnknown, finding.Facts{Cause: err}))
	case err != nil:
		return err
	case o.Revision > 0:
		p.edits.Entries = o.Entries
	}
	p.applyEdits()
	return nil
}

// overlayPlace is the path of problems that concern no file of the source.
const overlayPlace = "edits made at run time"

// checkEdits refuses to switch an overlay off, or to leave its namespace, while
// it has edits that what is to be deployed does not have.
func (e *Engine) checkEdits(ctx context.Context, l *live, p *draft) error {
	o, err := e.overlay(ctx, e.Account.Store(l.meta.Namespace))
	if errors.Is(err, overlay.ErrRecord) {
		return stop(GuardOverlay, CaseEditsUnread, finding.Facts{Site: e.Site, Cause: err})
	} else if err != nil {
		return err
	}
	if o.Revision > 0 {
		p.edits.Entries = o.Entries
	}
	p.applyEdits()
	missed := len(p.edits.Entries)
	for i := range p.edits.Entries {
		if _, ok := p.manifest.Adopted[p.edits.Entries[i].Path]; ok {
			missed--
		}
	}
	switch {
	case missed > 0 && p.namespace != l.meta.Namespace:
		return stop(GuardOverlay, CaseEditsMove, finding.Facts{Site: e.Site, What: humanize.Count(missed, "edit")})
	case missed > 0:
		return stop(GuardOverlay, CaseEditsHidden, finding.Facts{Site: e.Site, What: humanize.Count(missed, "edit")})
	case !e.Serving.Overlay:
		p.edits = overlay.Edits{}
		p.applyEdits()
	}
	return nil
}

// applyEdits finds out which edits the plan's manifest has already, and which of its
// files the others cover. It is called again when the upload knows every hash.
func (p *draft) applyEdits() {
	m, under := p.manifest, &p.edits
	p.Notices = slices.DeleteFunc(slices.Clone(p.Notices), func(n manifest.Problem) bool { return n.Path == overlayPlace && under.Entries != nil })
	if m.Adopted, p.Shadowed = nil, nil; under.Entries == nil {
		m.Adopted = under.Adopted
		return
	}
	p.noteReturning()
	changed := make(map[string]bool, len(p.Added)+len(p.Changed))
	for _, c := range slices.Concat(p.Added, p.Changed) {
		changed[c.Path] = true
	}
	covering, unpublished := under.Adopt(m)
	for _, edit := range covering {
		p.Shadowed = append(p.Shadowed, Shadow{Path: edit.Path, Deleted: edit.Content == nil, Changed: changed[edit.Path]})
	}
	p.noteUnpublished(unpublished)
	p.noteShadowed()
}

// noteUnpublished names the pages that were pulled and go with this deploy:
// whoever deleted one in git knows, and whoever keeps it from being published
// should.
func (p *draft) noteUnpublished(pages []string) {
	if len(pages) == 0 {
		return
	}
	facts := finding.Facts{What: humanize.Count(len(pages), "page"), Path: someOf(pages)}
	p.Notices = append(p.Notices, problem(overlayPlace, CaseUnpublished, facts))
}

// noteReturning says which new files were edits that the overlay has no more: of
// a page that was made at run time and deleted there, it keeps nothing, and who
// deleted it after it was pulled does not expect it back.
func (p *draft) noteReturning() {
	var back []string
	for _, c := range p.Added {
		if p.edits.Returns(c.Path) {
			back = append(back, c.Path)
		}
	}
	if len(back) > 0 {
		facts := finding.Facts{What: humanize.Count(len(back), "file"), Path: someOf(back)}
		p.Notices = append(p.Notices, problem(overlayPlace, CaseReturning, facts))
	}
}

// someOf names the first few of many.
func someOf(paths []string) string {
	const named = 5
	if len(paths) > named {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:named], ", "), len(paths)-named)
	}
	return strings.Join(paths, ", ")
}

// noteShadowed says in the plan what visitors will not see.
func (p *draft) noteShadowed() {
	if len(p.Shadowed) == 0 {
		return
	}
	var changed []string
	for _, s := range p.Shadowed {
		if s.Changed {
			changed = append(changed, s.Path)
		}
	}
	what := humanize.Count(len(p.Shadowed), "file")
	if n := len(changed); n > 0 {
		what += ", and visitors will not see what this deploy adds or changes at " + someOf(changed)
	}
	p.Notices = append(p.Notices, problem(overlayPlace, CaseCover, finding.Facts{What: what}))
}

// uncovered says what a rollback to a deployment without an overlay has visitors
// miss. It asks only where the overlay is not there, and what cannot be found
// out is left out: the edits are kept all the same.
func (e *Engine) uncovered(ctx context.Context, target *Deployment, m *manifest.Manifest) []manifest.Problem {
	if m.Serving.Overlay {
		return nil
	}
	o, err := e.overlay(ctx, e.Account.Store(target.meta.Namespace))
	if err != nil || len(o.Entries) == 0 {
		return nil
	}
	return []manifest.Problem{notice(CaseUncovered, finding.Facts{Deployment: target.ID, What: humanize.Count(len(o.Entries), "edit")})}
}
