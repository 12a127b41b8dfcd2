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
	b, err := cloud.ReadValid(ctx, s, manifest.Keys(site).OverlayRecord(), func(b []byte) bool {
		_, err := Decode(site, b)
		return err == nil
	})
	if errors.Is(err, cloud.ErrNotFound) {
		return o, nil
	}
	if err == nil {
		if o.Record, err = Decode(site, b); err != nil {
			err = fmt.Errorf("%w: %w", ErrRecord, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read what was written to %s at run time: %w", site, err)
	}
	return o, nil
}

// Copy writes an entry's content to w, one chunk at a time. It returns an error that
// wraps [manifest.ErrDamaged] if the bytes are not those that were written.
func (o *Snapshot) Copy(ctx context.Context, entry *Entry, w io.Writer) error {
	a := entry.Asset()
	refs := []manifest.Ref{a.Blob}
	if a.Chunked() {
		b, err := o.store.Get(ctx, o.keys.Blob(a.Blob))
		if err != nil {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		x, err := manifest.DecodeChunkIndex(b, a)
		if err != nil {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		refs = x.Chunks
	}
	for _, ref := range refs {
		b, err := cloud.ReadValid(ctx, o.store, o.keys.Blob(ref), ref.Names)
		if err != nil {
			return fmt.Errorf("read the content of %s: %w", a.Path, err)
		}
		if manifest.HashOf(b) != ref.Hash {
			return fmt.Errorf("read the content of %s: %w", a.Path, manifest.ErrDamaged)
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write the content of %s: %w", a.Path, err)
		}
	}
	return nil
}
