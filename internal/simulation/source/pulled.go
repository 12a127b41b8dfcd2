package source

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Pulled is a commit that lists edits as pulled. It implements [manifest.Source].
type Pulled struct {
	Source

	Record manifest.Pulled
	// Discarded are the pathnames of the record whose files were discarded.
	Discarded map[string]bool
}

// Origin implements [manifest.Source]. The record is one of the files of the tree.
func (s Pulled) Origin(ctx context.Context) (manifest.Origin, error) {
	o, err := s.Source.Origin(ctx)
	o.ID = fmt.Sprintf("%s:%s", o.ID, inspect.HashOf(string(manifest.FormatPulled(s.Record)))[:8])
	return o, err
}

// Files implements [manifest.Source].
func (s Pulled) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	l, err := s.Source.Files(ctx, base)
	if err != nil {
		return nil, err
	}
	l.Origin, err = s.Origin(ctx)
	l.Pulled, l.Discarded = s.Record.Writes, s.Discarded
	return l, err
}
