package content

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
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

// UploadAhead uploads the blobs of the plan and writes their receipt, if that is worth a
// request.
func (d *contentDraft) UploadAhead(ctx context.Context) (uploaded int, receipt bool, err error) {
	e, r := d.c, d.r
	if !d.worthReceipt() {
		return 0, d.Ahead > 0, nil
	}
	if r.Namespace, err = e.EnsureNamespace(ctx, d.Namespace); err != nil {
		return 0, false, err
	}
	chunks, err := e.liveChunks(ctx, d)
	if err != nil {
		return 0, false, err
	}
	store, blobs := e.Account.Store(r.Namespace), d.items(e.ID(), r.Nonce, chunks)
	if err := e.Upload(ctx, store, blobs, nil); err != nil {
		return 0, false, err
	}
	if d.Unhashed() {
		d.settle(blobs, r.Nonce)
		r.Source.Remember(d.Manifest.Assets)
	}
	d.confirm(blobs, r)
	if !e.Fresh(d.l, r.Started) {
		e.Note(site.StageUpload, "the upload took longer than half the grace period, so no deploy will rely on "+
			"it; set a longer grace")
		return d.Blobs, false, nil
	}
	return d.Blobs, true, e.writeReceipt(ctx, store, d, e.FreshFor(d.l))
}

// writeReceipt writes the receipt of a plan after all its blobs were confirmed. KV
// deletes it after the given time.
func (c *Content) writeReceipt(ctx context.Context, s cloud.Store, d *contentDraft, valid time.Duration) error {
	b, err := encodeReceipt(c.ID(), d, d.ahead())
	if err != nil {
		return err
	}
	it := upload.Value("the receipt", c.Keys().Receipt(d.Origin.Commit), b)
	it.TTL = valid // at least 5 minutes; KV wants one
	return c.Quiet().Upload(ctx, s, []*upload.Item{it}, nil)
}

// worthReceipt reports whether the uploads exceed what a deploy writes with its other
// values.
func (d *contentDraft) worthReceipt() bool {
	return d.Blobs > ridesAlongBlobs || d.Bytes > ridesAlongBytes
}

// ahead returns the manifest of the receipt. A large one has only the files whose blobs may be used: a
// deploy knows all others from the live manifest.
func (d *contentDraft) ahead() *manifest.Manifest {
	if d.form() == formWhole {
		return d.Manifest
	}
	m := *d.Manifest
	m.Dirs, m.Retired, m.Assets = nil, nil, nil
	for _, a := range d.Manifest.Assets {
		if d.c.Fresh(d.l, a.Blob.Nonce.Time()) {
			m.Assets = append(m.Assets, a)
		}
	}
	return &m
}

func encodeReceipt(site string, d *contentDraft, m *manifest.Manifest) ([]byte, error) {
	stored, err := manifest.EncodeStored(m)
	if err != nil {
		return nil, err
	}
	b, err := receiptLine{receiptFormat, site, d.Origin.Commit, d.Live, manifest.HashOf(stored).String()}.encode()
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

// readReceipt reads the receipt of the plan's commit. It returns nil if there is none or
// if it cannot be used. Then the files are uploaded.
func (c *Content) readReceipt(ctx context.Context, l *version.Live, d *contentDraft) *receiptBlobs {
	live, m, err := c.fetchReceipt(ctx, d)
	if err != nil {
		if !errors.Is(err, cloud.ErrNotFound) {
			c.Log.DebugContext(ctx, "the receipt of an upload ahead is not used", "error", err)
		}
		return nil
	}
	out := &receiptBlobs{byContent: make(map[manifest.Content]manifest.Ref), byID: make(map[gitBlob]manifest.Ref)}
	for _, a := range m.Assets {
		// The index of a chunked file may name chunks that only an earlier live
		// deployment keeps alive.
		if !c.Fresh(l, a.Blob.Nonce.Time()) || a.Chunked() && live != d.Live {
			continue
		}
		out.byContent[a.Content()] = a.Blob
		if a.OID != "" {
			out.byID[gitBlob{a.OID, a.Size}] = a.Blob
		}
	}
	return out
}

func (c *Content) fetchReceipt(ctx context.Context, d *contentDraft) (live string, m *manifest.Manifest, err error) {
	key := c.Keys().Receipt(d.Origin.Commit)
	m, err = cloud.ReadAs(ctx, c.Account.Store(d.Namespace), key, func(b []byte) (m *manifest.Manifest, err error) {
		live, m, err = decodeReceipt(b, c.ID(), d.Origin.Commit)
		return m, err
	})
	return live, m, err
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
func (d *contentDraft) useReceipt(r *receiptBlobs, nonce manifest.Nonce) {
	for i := range d.Manifest.Assets {
		a := &d.Manifest.Assets[i]
		if a.Blob.Nonce != nonce.For(*a) {
			continue // reused from the live manifest
		}
		if ref, ok := r.find(*a); ok {
			a.Blob = ref
			d.Ahead++
			if written := ref.Nonce.Time(); d.Oldest.IsZero() || written.Before(d.Oldest) {
				d.Oldest = written
			}
		}
	}
	d.Uploads = slices.DeleteFunc(d.Uploads, func(f manifest.File) bool { _, ok := r.find(f.Asset); return ok })
}
