package kvsync

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Ahead is what [Engine.UploadAhead] did.
type Ahead struct {
	// Plan is the plan of a deploy without this upload: its Blobs are those that this
	// call had to upload.
	Plan *plan.Plan
	// Uploaded counts blobs.
	Uploaded int
	// Receipt is set if a receipt was written, so that a deploy of the commit does not upload these
	// blobs again. It is not set if there was too little to upload ahead.
	Receipt bool
}

// UploadAhead uploads what a deploy of the source, a commit, would upload. A later deploy of
// the commit, from this clone or another, then only has to switch. UploadAhead refuses what
// the deploy would refuse. Nothing that it writes is visible. A deploy uses the blobs only
// if all were confirmed, and only within half the grace period. After that prune deletes
// them.
func (e *Engine) UploadAhead(ctx context.Context, src manifest.Source, w cloud.Worker, opt plan.Options) (*Ahead,
	error) {
	if err := e.CheckAhead(); err != nil {
		return nil, err
	}
	if opt.Always() {
		return nil, finding.New(finding.CaseAheadAnyway, finding.Facts{})
	}
	o, err := src.Origin(ctx)
	if err != nil {
		return nil, err
	}
	if !o.IsCommit() {
		return nil, finding.New(finding.CaseFolderAhead, finding.Facts{Path: o.Dir})
	}
	l, err := e.client.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	r := e.newRun(src, w, opt)
	made, err := e.plan(ctx, l, r)
	if err != nil {
		return nil, err
	}
	p := made.Base()
	p.Show(e.client)
	out := &Ahead{}
	if out.Uploaded, out.Receipt, err = made.(layout.Ahead).UploadAhead(ctx); err != nil {
		return nil, err
	}
	out.Plan = p.Shown()
	return out, nil
}
