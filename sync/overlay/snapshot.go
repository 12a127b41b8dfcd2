package overlay

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Snapshot is the overlay of a site as KV shows it.
type Snapshot struct {
	*Record
	store cloud.Store
	keys  manifest.Keys
}

// ErrRecord is returned (wrapped) for a record that exists and that this release
// cannot read.
var ErrRecord = errors.New("its record cannot be used")

// Read reads the overlay of a site from a namespace, with one request. It is empty if
// nothing was written.
func Read(ctx context.Context, s cloud.Store, site string) (*Snapshot, error) {
	o := &Snapshot{Record: &Record{}, store: s, keys: manifest.Keys(site).Overlay()}
	r, err := cloud.ReadAs(ctx, s, manifest.Keys(site).OverlayRecord(), func(b []byte) (*Record, error) {
		return Decode(site, b)
	})
	switch {
	case errors.Is(err, cloud.ErrNotFound):
		return o, nil
	case cloud.Undecodable(err):
		err = fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was written to %s at run time: %w", site, err)
	}
	o.Record = r
	return o, nil
}

// ReadListed is Read for a caller that must not miss an edit. A read may fail to find a record that
// exists, so it also lists the record's key then: a second request, if nothing was written.
func ReadListed(ctx context.Context, s cloud.Store, site string) (*Snapshot, error) {
	o, err := Read(ctx, s, site)
	if err != nil || o.Revision > 0 {
		return o, err
	}
	key := manifest.Keys(site).OverlayRecord()
	err = cloud.EachKey(ctx, s, key, func(k cloud.KeyInfo) error {
		if k.Name == key {
			return fmt.Errorf("%w: KV lists it, and a read does not find it", ErrRecord)
		}
		return nil
	})
	return o, err
}

// Copy writes an entry's content to w, one chunk at a time. It returns an error that
// wraps [manifest.ErrDamaged] if the bytes are not those that were written.
func (s *Snapshot) Copy(ctx context.Context, entry *Entry, w io.Writer) error {
	a := entry.Asset()
	refs := []manifest.Ref{a.Blob}
	if a.Chunked() {
		x, err := cloud.ReadAs(ctx, s.store, s.keys.Blob(a.Blob), func(b []byte) (*manifest.ChunkIndex, error) {
			return manifest.DecodeChunkIndex(b, a)
		})
		if err != nil {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		refs = x.Chunks
	}
	for _, ref := range refs {
		b, err := cloud.ReadAs(ctx, s.store, s.keys.Blob(ref), ref.Hash.Whole)
		if err != nil {
			return fmt.Errorf("read the content of %s: %w", a.Path, err)
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write the content of %s: %w", a.Path, err)
		}
	}
	return nil
}
