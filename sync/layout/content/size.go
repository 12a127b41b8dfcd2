package content

import (
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
)

// checkSize refuses a plan that is too large for Cloudflare, before anything is sent. Hashes
// that the upload has yet to compute do not change the size.
func (d *contentDraft) checkSize() error {
	if d.form() != formParts {
		return d.checkWhole()
	}
	return d.c.Target.Fits(d.Worker, parts.Bound(d.Manifest), d.c.Limits)
}

// checkWhole refuses a manifest that is too large to be stored and served whole.
func (d *contentDraft) checkWhole() error {
	m, limits := d.Manifest, d.c.Limits
	if err := d.checkStored(); err != nil {
		return err
	}
	served, err := manifest.ServedSize(m)
	if err != nil {
		return err
	}
	return d.c.Target.Fits(d.Worker, served, limits)
}

// checkStored refuses a stored manifest that is too large. It encodes the manifest only if that
// is near the limit.
func (d *contentDraft) checkStored() error {
	m, most := d.Manifest, d.c.Limits.Value-receiptHead // a receipt has a line before the manifest
	if bound, err := manifest.StoredBound(m); err != nil || bound <= most {
		return err
	}
	stored, err := manifest.EncodeStored(m)
	if err != nil || len(stored) <= most {
		return err
	}
	return guard.Stop(guard.Size, finding.CaseStoredSize, finding.Facts{
		Site: d.c.Site, Count: len(m.Assets) + len(m.Retired),
		What: humanize.Mebibytes(int64(len(stored))), Than: humanize.Mebibytes(int64(d.c.Limits.Value)),
	})
}
