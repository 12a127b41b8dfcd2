package kvsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
)

// A receipt says that the blobs of a commit were uploaded before its deploy, and
// confirmed: {site}/r/{commit}, a line of JSON and a stored manifest. It is written
// last, so that an interrupted upload leaves no receipt, and KV deletes it when it
// expires. docs/format.md specifies it.
//
// A receipt is not a root, and each entry is checked: a blob whose key is younger
// than half the grace period exists, because prune keeps every blob that is younger
// than the grace period. So a lost or outdated receipt does no harm, and prune does
// not read receipts.

const (
	receiptFormat = 1
	// receiptHead is the largest length of the first line of a receipt.
	receiptHead = 4 << 10
	// A receipt costs the deploy a request. Uploads up to these limits are part of
	// the bulk write that a deploy makes anyway for the manifest, so no receipt is
	// read for them.
	ridesAlongBlobs = 10
	ridesAlongBytes = upload.BatchBytes - 1<<20
)

// receiptLine is the first line of a receipt.
type receiptLine struct {
	Format int    `json:"format"`
	Site   string `json:"site"`
	Commit string `json:"commit"`
	// Live is the deployment that was live, or "". Chunks may be reused from it.
	Live string `json:"live"`
	// Manifest is the SHA-256 of the rest.
	Manifest string `json:"manifest"`
}

// Ahead is what [Engine.UploadAhead] did.
type Ahead struct {
	// Plan is what a deploy would do without this upload: its Blobs are those that
	// this call had to upload.
	Plan *plan.Plan
	// Uploaded counts blobs.
	Uploaded int
	// Receipt: there is a receipt, so a deploy of the commit does not upload these
	// blobs. false: nothing is worth an upload ahead.
	Receipt bool
}

// UploadAhead uploads what a deploy of the source, a commit, would upload, so that the
// deploy, from this clone or another, only has to switch. It refuses what the deploy
// would refuse. Nothing that it writes is visible, and nothing is trusted before all of
// it is confirmed. What no deploy uses within half the grace period is left to prune.
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
	if !receiptFor(o) {
		return nil, finding.New(finding.CaseFolderAhead, finding.Facts{Path: o.Dir})
	}
	l, err := e.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	r := e.newRun(src, w, opt)
	made, err := e.plan(ctx, l, r)
	if err != nil {
		return nil, err
	}
	p := made.base()
	e.show(p)
	out := &Ahead{Plan: p.shown(), Receipt: p.Ahead > 0}
	if !p.worthReceipt() {
		return out, nil
	}
	if r.namespace, err = e.EnsureNamespace(ctx, p.namespace); err != nil {
		return nil, err
	}
	chunks, err := e.liveChunks(ctx, p)
	if err != nil {
		return nil, err
	}
	store, blobs := e.Account.Store(r.namespace), p.items(e.ID(), r.nonce, chunks)
	if err := e.Upload(ctx, store, blobs, nil); err != nil {
		return nil, err
	}
	if p.unhashed() {
		p.settle(blobs, r.nonce)
		src.Remember(p.manifest.Assets)
	}
	p.confirm(blobs, r)
	out.Plan, out.Uploaded = p.shown(), p.Blobs
	if out.Receipt = e.Fresh(l, r.started); !out.Receipt {
		e.Note(site.StageUpload, "the upload took longer than half the grace period, so no deploy will rely on "+
			"it; set a longer grace")
		return out, nil
	}
	if err := e.writeReceipt(ctx, store, p, e.FreshFor(l)); err != nil {
		return nil, err
	}
	return out, nil
}

// writeReceipt writes the receipt of a plan whose every blob is confirmed. It is valid
// for so long.
func (e *Engine) writeReceipt(ctx context.Context, s cloud.Store, p *draft, valid time.Duration) error {
	b, err := encodeReceipt(e.ID(), p)
	if err != nil {
		return err
	}
	it := upload.Value("the receipt", e.Keys().Receipt(p.Origin.Commit), b)
	it.TTL = valid // at least 5 minutes; KV wants one
	return e.Quiet().Upload(ctx, s, []*upload.Item{it}, nil)
}

// receiptFor reports whether the source can have a receipt. A folder cannot, because
// its files can change at any time.
func receiptFor(o manifest.Origin) bool { return o.Kind == "commit" && o.Commit != "" }

// worthReceipt reports whether the uploads exceed what a deploy writes with its other
// values.
func (p *draft) worthReceipt() bool { return p.Blobs > ridesAlongBlobs || p.Bytes > ridesAlongBytes }

func encodeReceipt(site string, p *draft) ([]byte, error) {
	stored, err := manifest.EncodeStored(p.manifest)
	if err != nil {
		return nil, err
	}
	b, err := receiptLine{receiptFormat, site, p.Origin.Commit, p.Live, manifest.HashOf(stored).String()}.encode()
	return append(b, stored...), err
}

func (l receiptLine) encode() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode the receipt: %w", err)
	}
	return append(b, '\n'), nil
}

// decodeReceipt reads the receipt of a site's commit, and refuses any other.
func decodeReceipt(b []byte, site, commit string) (live string, m *manifest.Manifest, err error) {
	end := bytes.IndexByte(b[:min(len(b), receiptHead)], '\n') + 1
	var line receiptLine
	if end == 0 || json.Unmarshal(b[:end], &line) != nil {
		return "", nil, errors.New("decode receipt: it is not a receipt")
	}
	if line.Format != receiptFormat {
		return "", nil, fmt.Errorf("decode receipt: format %d is not known", line.Format)
	}
	// The line has no hash, so it must be exactly as written.
	if again, err := line.encode(); err != nil || !bytes.Equal(again, b[:end]) {
		return "", nil, errors.New("decode receipt: its first line is damaged")
	}
	if line.Site != site || line.Commit != commit {
		return "", nil, fmt.Errorf("decode receipt: it is of commit %.12q of %.80q", line.Commit, line.Site)
	}
	stored := b[end:]
	if manifest.HashOf(stored).String() != line.Manifest {
		return "", nil, fmt.Errorf("decode receipt: %w", manifest.ErrDamaged)
	}
	if m, err = manifest.DecodeStored(stored); err != nil {
		return "", nil, fmt.Errorf("decode receipt: %w", err)
	}
	if m.Site != site || m.Origin.Commit != commit {
		return "", nil, fmt.Errorf("decode receipt: its manifest is of commit %.12q of %.80q", m.Origin.Commit, m.Site)
	}
	return line.Live, m, nil
}

// receiptBlobs are the blobs of a receipt that can be used.
type receiptBlobs struct {
	byContent map[manifest.Content]manifest.Ref
	byID      map[gitBlob]manifest.Ref
}

// gitBlob is a file as git knows it.
type gitBlob struct {
	oid  string
	size int64
}

// readReceipt reads the receipt of the plan's commit. It returns nil if there is none
// that can be used, for whatever reason: then the files are uploaded.
func (e *Engine) readReceipt(ctx context.Context, l *version.Live, p *draft) *receiptBlobs {
	live, m, err := e.fetchReceipt(ctx, p)
	if err != nil {
		if !errors.Is(err, cloud.ErrNotFound) {
			e.Log.DebugContext(ctx, "the receipt of an upload ahead is not used", "error", err)
		}
		return nil
	}
	out := &receiptBlobs{byContent: make(map[manifest.Content]manifest.Ref), byID: make(map[gitBlob]manifest.Ref)}
	for _, a := range m.Assets {
		// The index of a chunked file may name chunks that only an earlier live
		// deployment keeps alive.
		if !e.Fresh(l, a.Blob.Nonce.Time()) || a.Chunked() && live != p.Live {
			continue
		}
		out.byContent[a.Content()] = a.Blob
		if a.OID != "" {
			out.byID[gitBlob{a.OID, a.Size}] = a.Blob
		}
	}
	return out
}

func (e *Engine) fetchReceipt(ctx context.Context, p *draft) (live string, m *manifest.Manifest, err error) {
	b, err := e.Account.Store(p.namespace).Get(ctx, e.Keys().Receipt(p.Origin.Commit))
	if err != nil {
		return "", nil, err
	}
	return decodeReceipt(b, e.ID(), p.Origin.Commit)
}

// find returns the blob of an asset. It looks for an asset without a hash by its git
// object id.
func (r *receiptBlobs) find(a manifest.Asset) (ref manifest.Ref, ok bool) {
	if a.Blob.Hash.IsZero() {
		ref, ok = r.byID[gitBlob{a.OID, a.Size}]
	} else {
		ref, ok = r.byContent[a.Content()]
	}
	return ref, ok
}

// useReceipt replaces uploads by blobs of the receipt. nonce is that of the run.
func (p *draft) useReceipt(r *receiptBlobs, nonce manifest.Nonce) {
	for i := range p.manifest.Assets {
		a := &p.manifest.Assets[i]
		if a.Blob.Nonce != nonce.For(*a) {
			continue // reused from the live manifest
		}
		if ref, ok := r.find(*a); ok {
			a.Blob = ref
			p.Ahead++
			if written := ref.Nonce.Time(); p.oldest.IsZero() || written.Before(p.oldest) {
				p.oldest = written
			}
		}
	}
	p.uploads = slices.DeleteFunc(p.uploads, func(f manifest.File) bool { _, ok := r.find(f.Asset); return ok })
}

// started is the earliest time at which a blob of the plan's manifest that is not from
// the live manifest may have been written.
func (p *draft) started(r *run) time.Time {
	if !p.oldest.IsZero() && p.oldest.Before(r.started) {
		return p.oldest
	}
	return r.started
}
