package content

import (
	"context"
	"errors"
	"slices"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// planOverlay reads the edits made at run time, once for each plan that changes
// something, and applies them to the plan. It refuses a deploy that would hide edits
// that visitors see now.
func (c *Content) planOverlay(ctx context.Context, l *version.Live, d *contentDraft, base *manifest.Manifest,
	opt plan.Options) error {
	d.edits.Pulled, d.edits.Discarded = d.pulled, d.discarded
	if base != nil {
		d.edits.Adopted = base.Adopted
	}
	had := l.Meta != nil && (l.Meta.Overlay != nil || base != nil && base.Serving.Overlay)
	if had && (d.Namespace != l.Meta.Namespace || !c.Serving.Overlay && !opt.HideEdits) {
		return c.checkEdits(ctx, l, d)
	}
	if !c.Serving.Overlay || d.Namespace == "" {
		d.edits = overlay.Edits{}
		return nil
	}
	o, err := overlay.Read(ctx, c.Account.Store(d.Namespace), c.ID())
	switch {
	case errors.Is(err, overlay.ErrRecord):
		// The deploy can continue: the overlay covers the new manifest as it covers
		// the live one, and edits that the live one contains stay adopted. Only the
		// notice of what is covered is missing.
		d.Notices = append(d.Notices, manifest.ProblemOf(overlayPlace, finding.CaseCoverUnknown, finding.Facts{Cause: err}))
	case err != nil:
		return err
	case o.Revision > 0:
		d.edits.Entries = o.Entries
	}
	d.applyEdits()
	return nil
}

// overlayPlace is the path of findings that concern no file of the source.
const overlayPlace = "edits made at run time"

// checkEdits refuses to switch an overlay off, or to leave its namespace, while it has
// edits that the new deployment does not have.
func (c *Content) checkEdits(ctx context.Context, l *version.Live, d *contentDraft) error {
	o, err := overlay.ReadListed(ctx, c.Account.Store(l.Meta.Namespace), c.ID())
	if errors.Is(err, overlay.ErrRecord) {
		return guard.Stop(guard.Overlay, finding.CaseEditsUnread, finding.Facts{Site: c.Site, Cause: err})
	} else if err != nil {
		return err
	}
	if o.Revision > 0 {
		d.edits.Entries = o.Entries
	}
	d.applyEdits()
	missed := len(d.edits.Entries)
	for i := range d.edits.Entries {
		if _, ok := d.Manifest.Adopted[d.edits.Entries[i].Path]; ok {
			missed--
		}
	}
	switch {
	case missed > 0 && d.Namespace != l.Meta.Namespace:
		return guard.Stop(guard.Overlay, finding.CaseEditsMove, finding.Facts{Site: c.Site, What: humanize.Count(missed,
			"edit")})
	case missed > 0:
		return guard.Stop(guard.Overlay, finding.CaseEditsHidden, finding.Facts{Site: c.Site, What: humanize.Count(missed,
			"edit")})
	case !c.Serving.Overlay:
		d.edits = overlay.Edits{}
		d.applyEdits()
	}
	return nil
}

// applyEdits finds which edits the plan's manifest contains already, and which of its
// files the others cover. It is called again after the upload, which computes the
// hashes.
func (d *contentDraft) applyEdits() {
	m, under := d.Manifest, &d.edits
	d.Notices = slices.DeleteFunc(slices.Clone(d.Notices),
		func(n manifest.Problem) bool { return n.Path == overlayPlace && under.Entries != nil })
	if m.Adopted, d.Shadowed = nil, nil; under.Entries == nil {
		m.Adopted = under.Adopted
		return
	}
	d.noteReturning()
	changed := make(map[string]bool, len(d.Added)+len(d.Changed))
	for _, c := range slices.Concat(d.Added, d.Changed) {
		changed[c.Path] = true
	}
	covering, discarded := under.Adopt(m)
	for _, edit := range covering {
		d.Shadowed = append(d.Shadowed, plan.Shadow{Path: edit.Path, Deleted: edit.Content == nil,
			Changed: changed[edit.Path]})
	}
	d.noteDiscarded(discarded)
	d.noteShadowed()
}

// noteDiscarded adds a notice of the edits that were pulled and that the source does not
// have. A person who discarded a pull may not know that visitors still see them.
func (d *contentDraft) noteDiscarded(paths []string) {
	if len(paths) == 0 {
		return
	}
	facts := finding.Facts{What: humanize.Count(len(paths), "edit"), Path: humanize.List(paths)}
	d.Notices = append(d.Notices, manifest.ProblemOf(overlayPlace, finding.CaseDiscarded, facts))
}

// noteReturning adds a notice of new files that were edits once and that the overlay
// does not have any more: a page was created at run time, pulled, and then deleted at
// run time. The person who deleted it does not expect it back, and the overlay has no
// record of it.
func (d *contentDraft) noteReturning() {
	var back []string
	for _, c := range d.Added {
		if d.edits.Returns(c.Path) {
			back = append(back, c.Path)
		}
	}
	if len(back) > 0 {
		facts := finding.Facts{What: humanize.Count(len(back), "file"), Path: humanize.List(back)}
		d.Notices = append(d.Notices, manifest.ProblemOf(overlayPlace, finding.CaseReturning, facts))
	}
}

// noteShadowed adds a notice of what visitors will not see.
func (d *contentDraft) noteShadowed() {
	if len(d.Shadowed) == 0 {
		return
	}
	var changed []string
	for _, s := range d.Shadowed {
		if s.Changed {
			changed = append(changed, s.Path)
		}
	}
	what := humanize.Count(len(d.Shadowed), "file")
	if n := len(changed); n > 0 {
		what += ", and visitors will not see what this deploy adds or changes at " + humanize.List(changed)
	}
	d.Notices = append(d.Notices, manifest.ProblemOf(overlayPlace, finding.CaseCover, finding.Facts{What: what}))
}

// uncovered returns a notice of the edits that a rollback to a deployment without an
// overlay hides. An error is ignored, because the edits are kept in any case.
func (c *Content) uncovered(ctx context.Context, target *version.Deployment, m *manifest.Manifest) []manifest.Problem {
	if m.Serving.Overlay {
		return nil
	}
	o, err := overlay.Read(ctx, c.Account.Store(target.Meta.Namespace), c.ID())
	if err != nil || len(o.Entries) == 0 {
		return nil
	}
	return []manifest.Problem{manifest.ProblemOf("", finding.CaseUncovered, finding.Facts{Deployment: target.ID,
		What: humanize.Count(len(o.Entries), "edit")})}
}
