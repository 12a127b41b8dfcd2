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
	"github.com/kv-sync/kv-sync/sync/upload"
)

// A receipt says that the blobs of a commit were uploaded ahead of its deploy,
// and confirmed: {site}/r/{commit}, a line of JSON and a stored manifest. It is
// written last, so that what was killed midway nobody believes, and KV removes it
// by itself. docs/format.md specifies it.
//
// It is no root, and nothing in it is believed but entry by entry: a blob whose
// key is younger than half the grace period is there, for prune keeps everything
// that is younger than the whole of it, named or not. So neither a lost receipt
// nor one that outlived its time does harm, and prune need not read any.

const (
	receiptFormat = 1
	// receiptHead is how long a receipt's first line is at most.
	receiptHead = 4 << 10
	// A receipt costs the deploy a request. Up to so much travels in the bulk write
	// that a deploy makes anyway, beside the manifest, so none is asked for.
	ridesAlongBlobs = 10
	ridesAlongBytes = upload.BatchBytes - 1<<20
)

// receiptLine is a receipt's first line.
type receiptLine struct {
	Format int    `json:"format"`
	Site   string `json:"site"`
	Commit string `json:"commit"`
	// Live is the deployment that was live, or "": chunks may have been carried
	// over from it.
	Live string `json:"live"`
	// Manifest is the SHA-256 of the rest.
	Manifest string `json:"manifest"`
}

// Ahead is what [Engine.UploadAhead] did.
type Ahead struct {
	// Plan is what a deploy would do but for the upload: its Blobs are those that
	// this call had to upload.
	Plan *Plan
	// Uploaded counts blobs.
	Uploaded int
	// Receipt: there is a receipt, by which a deploy of the commit need not upload
	// what is there. false: there is nothing worth uploading ahead.
	Receipt bool
}

// UploadAhead uploads what a deploy of the source, a commit, would upload, so
// that the deploy itself, from this clone or another, has only to switch. It
// refuses what the deploy would refuse. Nothing that it writes can be seen, and
// nothing is believed to be there before all of it is confirmed; what no deploy
// takes within half the grace period is prune's.
func (e *Engine) UploadAhead(ctx context.Context, src manifest.Source, w cloud.Worker, opt Options) (*Ahead, error) {
	if err := e.CheckAhead(); err != nil {
		return nil, err
	}
	if opt.always() {
		return nil, found(CaseAheadAnyway, finding.Facts{})
	}
	o, err := src.Origin(ctx)
	if err != nil {
		return nil, err
	}
	if !receiptFor(o) {
		return nil, found(CaseFolderAhead, finding.Facts{Path: o.Dir})
	}
	l, err := e.readLive(ctx)
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
	if r.namespace, err = e.ensureNamespace(ctx, p.namespace); err != nil {
		return nil, err
	}
	chunks, err := e.liveChunks(ctx, p)
	if err != nil {
		return nil, err
	}
	store, blobs := e.Account.Store(r.namespace), p.items(e.Site, r.nonce, chunks)
	if err := e.upload(ctx, store, blobs, nil); err != nil {
		return nil, err
	}
	if p.unhashed() {
		p.settle(blobs, r.nonce)
		src.Remember(p.manifest.Assets)
	}
	p.confirm(blobs, r)
	out.Plan, out.Uploaded = p.shown(), p.Blobs
	if out.Receipt = e.fresh(r.started); !out.Receipt {
		e.note(StageUpload, "the upload took longer than half the grace period, so no deploy will believe that it is there; set a longer grace")
		return out, nil
	}
	if err := e.writeReceipt(ctx, store, p); err != nil {
		return nil, err
	}
	return out, nil
}

// writeReceipt writes the receipt of a plan whose every blob is confirmed.
func (e *Engine) writeReceipt(ctx context.Context, s cloud.Store, p *draft) error {
	b, err := encodeReceipt(e.Site, p)
	if err != nil {
		return err
	}
	it := upload.Value("the receipt", manifest.Keys(e.Site).Receipt(p.Origin.Commit), b)
	it.TTL = e.Grace / 2 // at least 5 minutes; KV wants one
	quiet := *e          // progress is that of the blobs
	quiet.Progress = func(Progress) {}
	return quiet.upload(ctx, s, []*upload.Item{it}, nil)
}

// receiptFor reports whether an upload of the source can have a receipt: the
// files of a folder are whatever lies there at the time.
func receiptFor(o manifest.Origin) bool { return o.Kind == "commit" && o.Commit != "" }

// worthReceipt reports whether the uploads are more than rides along with the
// other values of a deploy.
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

// decodeReceipt reads the receipt of a site's commit, and refuses every other.
func decodeReceipt(b []byte, site, commit string) (live string, m *manifest.Manifest, err error) {
	end := bytes.IndexByte(b[:min(len(b), receiptHead)], '\n') + 1
	var line receiptLine
	if end == 0 || json.Unmarshal(b[:end], &line) != nil {
		return "", nil, errors.New("decode receipt: these bytes are none")
	}
	if line.Format != receiptFormat {
		return "", nil, fmt.Errorf("decode receipt: format %d is not known", line.Format)
	}
	// As it is written, to the byte: the line has no hash of its own.
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

// receiptBlobs is what a receipt is believed to have in KV.
type receiptBlobs struct {
	byContent map[manifest.Content]manifest.Ref
	byID      map[gitBlob]manifest.Ref
}

// gitBlob is a file as git knows it.
type gitBlob struct {
	oid  string
	size int64
}

// readReceipt reads the receipt of the plan's commit. nil is none that is believed,
// whatever the reason: without it the files are uploaded, and that is all.
func (e *Engine) readReceipt(ctx context.Context, p *draft) *receiptBlobs {
	live, m, err := e.fetchReceipt(ctx, p)
	if err != nil {
		if !errors.Is(err, cloud.ErrNotFound) {
			e.Log.DebugContext(ctx, "what was uploaded ahead is not believed", "error", err)
		}
		return nil
	}
	out := &receiptBlobs{byContent: make(map[manifest.Content]manifest.Ref), byID: make(map[gitBlob]manifest.Ref)}
	for _, a := range m.Assets {
		// The index of a chunked file may name chunks that only the deployment
		// keeps alive from which they were carried over.
		if !e.fresh(a.Blob.Nonce.Time()) || a.Chunked() && live != p.Live {
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
	b, err := e.Account.Store(p.namespace).Get(ctx, manifest.Keys(e.Site).Receipt(p.Origin.Commit))
	if err != nil {
		return "", nil, err
	}
	return decodeReceipt(b, e.Site, p.Origin.Commit)
}

// find tells where an asset's bytes lie. One whose hash is not known yet is
// looked for by what git calls it.
func (r *receiptBlobs) find(a manifest.Asset) (ref manifest.Ref, ok bool) {
	if a.Blob.Hash.IsZero() {
		ref, ok = r.byID[gitBlob{a.OID, a.Size}]
	} else {
		ref, ok = r.byContent[a.Content()]
	}
	return ref, ok
}

// useReceipt puts what was received in place of uploads. nonce is that of the run.
func (p *draft) useReceipt(r *receiptBlobs, nonce manifest.Nonce) {
	for i := range p.manifest.Assets {
		a := &p.manifest.Assets[i]
		if a.Blob.Nonce != nonce.For(*a) {
			continue // carried over
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

// started is when the oldest blob may have been written that the plan's manifest
// does not owe to the live one.
func (p *draft) started(r *run) time.Time {
	if !p.oldest.IsZero() && p.oldest.Before(r.started) {
		return p.oldest
	}
	return r.started
}
