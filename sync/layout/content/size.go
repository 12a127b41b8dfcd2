package content

import (
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// checkSize refuses a plan that is too large for Cloudflare, before anything is sent. Hashes
// that the upload has yet to compute do not change the size.
func (p *contentDraft) checkSize() error {
	m, limits := p.Manifest, p.c.Limits
	if err := p.checkStored(); err != nil {
		return err
	}
	served, err := manifest.ServedSize(m)
	if err != nil {
		return err
	}
	return p.c.Target.Fits(p.Worker, served, limits)
}

// checkStored refuses a stored manifest that is too large. It encodes the manifest only if that
// is near the limit.
func (p *contentDraft) checkStored() error {
	m, most := p.Manifest, p.c.Limits.Value-receiptHead // a receipt has a line before the manifest
	if bound, err := manifest.StoredBound(m); err != nil || bound <= most {
		return err
	}
	stored, err := manifest.EncodeStored(m)
	if err != nil || len(stored) <= most {
		return err
	}
	return guard.Stop(guard.Size, finding.CaseStoredSize, finding.Facts{
		Site: p.c.Site, Count: len(m.Assets) + len(m.Retired),
		What: humanize.Mebibytes(int64(len(stored))), Than: humanize.Mebibytes(int64(p.c.Limits.Value)),
	})
}
