package site

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Target is what a deploy switches: a Worker script, or a project.
type Target interface {
	cloud.Workers
	// Admit refuses a Worker that cannot run there, and returns notices about
	// settings that have no effect.
	Admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error)
	// Fits refuses a version of the Worker that is too large together with a served
	// manifest of that many bytes.
	Fits(w cloud.Worker, served int, limits Limits) error
	// InKV reports whether versions and activations are values in KV. If so:
	//
	//   - a switch is eventually consistent, and the last write wins;
	//   - all versions are ours, each may have 25 MiB, and their number is limited;
	//   - their times are those of the machines that deployed;
	//   - each activation costs writes.
	InKV() bool
	// Distrust sets whether to write values again although they are live already, and to
	// replace what says which version is live if it cannot be read.
	Distrust(live bool)
	// Keys returns the keys of the site. Those of a project are known after its
	// activations were read.
	Keys() manifest.Keys
	// Leftovers lists the keys that Delete leaves.
	Leftovers(ctx context.Context, s cloud.Store) ([]string, error)
}

// Keys returns the keys of the site, or of the project as it was at the last request.
func (c *Client) Keys() manifest.Keys { return c.Target.Keys() }

// ID returns the site's id in manifests and versions. It is Site, except for a project
// with an incarnation: see [manifest.ProjectKeys].
func (c *Client) ID() string { return string(c.Keys()) }
