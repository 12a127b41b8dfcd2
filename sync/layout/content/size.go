package content

import (
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// checkSize refuses what is too large for Cloudflare, before anything is sent. A hash that only
// the upload computes has the same length as any other.
func (p *contentDraft) checkSize() error {
	m, limits := p.Manifest, p.c.Limits
	stored, err := manifest.EncodeStored(m)
	if err != nil {
		return err
	}
	// A receipt has a line before the manifest, and the upload finds the id of a folder.
	if len(stored)+receiptHead > limits.Value {
		return guard.Stop(guard.Size, finding.CaseStoredSize, finding.Facts{
			Site: p.c.Site, Count: len(m.Assets) + len(m.Retired),
			What: humanize.Mebibytes(int64(len(stored))), Than: humanize.Mebibytes(int64(limits.Value)),
		})
	}
	served, err := manifest.ServedSize(m)
	if err != nil {
		return err
	}
	return p.c.Target.Fits(p.Worker, served, limits)
}
