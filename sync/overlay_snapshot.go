package kvsync

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Overlay is a site's overlay as KV shows it: a write may take a minute to be seen.
type Overlay struct {
	*OverlayRecord
	store Store
	keys  keys
}

// errOverlayRecord is returned (wrapped) for a record that is there and that this
// release cannot read.
var errOverlayRecord = errors.New("its record cannot be used")

// readOverlay reads the overlay of a site out of a namespace: one request. It is
// empty where nothing was written.
func readOverlay(ctx context.Context, s Store, site string) (*Overlay, error) {
	o := &Overlay{OverlayRecord: &OverlayRecord{}, store: s, keys: keys(site).Overlay()}
	b, err := s.Get(ctx, keys(site).OverlayRecord())
	if errors.Is(err, ErrNotFound) {
		return o, nil
	}
	if err == nil {
		if o.OverlayRecord, err = DecodeOverlay(site, b); err != nil {
			err = fmt.Errorf("%w: %w", errOverlayRecord, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read what was written to %s at run time: %w", site, err)
	}
	return o, nil
}

// Copy writes an entry's content to w, and fails where the bytes are not those
// that were written. What lies in chunks is read one by one.
func (o *Overlay) Copy(ctx context.Context, entry *OverlayEntry, w io.Writer) error {
	a := entry.asset()
	refs := []Ref{a.Blob}
	if a.Chunked() {
		b, err := o.store.Get(ctx, o.keys.Blob(a.Blob))
		if err != nil {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		x, err := decodeIndex(b, a)
		if err != nil {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		refs = x.Chunks
	}
	for _, ref := range refs {
		b, err := o.store.Get(ctx, o.keys.Blob(ref))
		if err != nil {
			return fmt.Errorf("read the content of %s: %w", a.Path, err)
		}
		if HashOf(b) != ref.Hash {
			return fmt.Errorf("read the content of %s: %w", a.Path, errDamaged)
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write the content of %s: %w", a.Path, err)
		}
	}
	return nil
}
