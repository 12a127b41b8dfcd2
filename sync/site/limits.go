package site

import (
	"cmp"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Limits are the sizes in bytes beyond which Cloudflare refuses an upload. A run that would
// exceed one is refused before anything is sent. Zero values take the defaults, which are
// the same for every Cloudflare plan.
type Limits struct {
	// Value is the size of a value in KV (default [manifest.MaxValueBytes]).
	Value int
	// Script is the size of a Worker with its modules (default [cloud.MaxScriptBytes]).
	Script int
}

// WithDefaults returns the limits with the defaults in place of zero values.
func (l Limits) WithDefaults() Limits {
	return Limits{cmp.Or(l.Value, manifest.MaxValueBytes), cmp.Or(l.Script, cloud.MaxScriptBytes)}
}
