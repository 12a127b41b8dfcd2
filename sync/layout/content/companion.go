package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// companionMeta describes the site's companion in a namespace.
func (c *Content) companionMeta(w cloud.Worker, namespace string) overlay.CompanionMeta {
	return overlay.CompanionMeta{Format: version.FormatWhole, Companion: c.Site, Namespace: namespace,
		CompanionCode: c.OverlayOf(w).CompanionCode}
}

// companionUpload is a companion that the deploy uploads.
type companionUpload struct {
	apply *cloud.MigrationPlan
}

// planCompanion decides whether the companion has to be deployed; nil means no. It
// returns an error if it has to be and must not be. It sends no request if the live
// version was deployed with this companion.
func (c *Content) planCompanion(ctx context.Context, l *version.Live, d *contentDraft,
	opt plan.Options) (*companionUpload,
	error) {
	if d.Worker.Companion == nil {
		return nil, nil
	}
	want := c.companionMeta(d.Worker, d.Namespace)
	if m := l.Meta; m != nil && m.Overlay != nil && m.Overlay.CompanionCode == want.CompanionCode &&
		m.Namespace == want.Namespace && !opt.Repair {
		return nil, nil
	}
	name := overlay.CompanionName(c.Site)
	script := c.Account.Workers(name)
	is, exists, err := overlay.ReadCompanion(ctx, script)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s, the companion of %s: %w", name, c.Site, err)
	case !exists:
		return &companionUpload{apply: overlay.NewClass()}, nil
	case is.Companion != c.Site && !opt.TakeOver:
		return nil, guard.Stop(guard.Foreign, finding.CaseForeignCompanion, finding.Facts{Site: c.Site, Name: name})
	case is.Companion == c.Site && is.Protocol > overlay.Protocol:
		return nil, guard.Stop(guard.Overlay, finding.CaseCompanionNewer, finding.Facts{Site: c.Site, Count: is.Protocol})
	case is == want:
		return nil, nil // another or an interrupted deploy uploaded it
	}
	tag, err := script.MigrationTag(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the migrations of %s: %w", name, err)
	case tag == overlay.Tag:
		return &companionUpload{}, nil
	case tag == "":
		return &companionUpload{apply: overlay.NewClass()}, nil
	}
	return nil, guard.Stop(guard.Foreign, finding.CaseForeignClass, finding.Facts{Site: c.Site, Name: name,
		What: fmt.Sprintf("%.80q", tag)})
}

// deployCompanion uploads the companion if the plan says so. It has no address, so only
// the site's Worker reaches it.
func (c *Content) deployCompanion(ctx context.Context, d *contentDraft, namespace string) error {
	if d.companion == nil {
		return nil
	}
	name := overlay.CompanionName(c.Site)
	want := c.companionMeta(d.Worker, namespace)
	says, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("encode binding %s: %w", cloud.BindingMeta, err)
	}
	u := cloud.Upload{Worker: *d.Worker.Companion, Message: "kv-sync companion of " + c.Site, Apply: d.companion.apply}
	u.Bindings = []cloud.Binding{
		{Name: cloud.BindingBlobs, Type: "kv_namespace",
			Fields: map[string]json.RawMessage{"namespace_id": cloud.JSONString(namespace)}},
		{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": says}},
	}
	return c.sendCompanion(ctx, c.Account.Workers(name), u, want)
}

// companionSends limits how many times the companion is sent if it does not arrive.
const companionSends = 3

// sendCompanion uploads the companion until it is there. The answer may be lost, or another deploy
// may be first, and a migration cannot be applied twice. So it looks at the script itself.
func (c *Content) sendCompanion(ctx context.Context, script cloud.Workers, u cloud.Upload,
	want overlay.CompanionMeta) error {
	name := overlay.CompanionName(c.Site)
	failed := func(err error) error { return fmt.Errorf("deploy %s, the companion of %s: %w", name, c.Site, err) }
	for try := 1; ; try++ {
		sent := script.PutScript(ctx, u)
		if sent == nil {
			return nil
		}
		is, _, err := overlay.ReadCompanion(ctx, script)
		if err == nil && is == want {
			return nil
		}
		switch {
		case !errors.Is(sent, cloud.ErrUnknown): // the caller would apply ErrUnknown to the switch of the site
			return failed(sent)
		case ctx.Err() != nil:
			return failed(ctx.Err())
		case err != nil:
			return failed(err)
		case try == companionSends:
			return finding.New(finding.CaseCompanionAbsent, finding.Facts{Site: c.Site, Name: name, What: sent.Error(),
				Cause: cloud.ErrIgnored})
		}
		c.Note(site.StageUpload, "%s was not uploaded (%v); sending it again", name, sent)
	}
}
