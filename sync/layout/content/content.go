package content

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/parts"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Layout is the default layout: each content under a key that is written once,
// and the manifest inside the Worker version.
var Layout = layout.Layout{
	Name:  "content",
	Title: func(string) string { return "kv-sync" },
	Of:    func(c *site.Client) (layout.Deployer, error) { return &Content{c}, nil },
}

// Content is the content layout of one site.
type Content struct{ *site.Client }

// Owns implements [layout.Keeper].
func (c *Content) Owns(m *version.Meta) bool { return m != nil && m.Index == "" }

// Lacks implements [layout.Deployer]. This layout has every command.
func (c *Content) Lacks(string) error { return nil }

// Leftovers implements [layout.Deployer].
func (c *Content) Leftovers(ctx context.Context, s cloud.Store) ([]string, error) {
	return c.Target.Leftovers(ctx, s)
}

// RecordKey implements [layout.Keeper].
func (c *Content) RecordKey(deployment string) string {
	return c.Keys().Record(deployment)
}

// Holds begins the keys of the records of a deployment's holds.
func (c *Content) Holds(deployment string) string { return c.Keys().Holds(deployment) }

// Prefix implements [layout.Keeper].
func (c *Content) Prefix() string { return c.Keys().Prefix() }

// contentDraft is a draft of the content layout.
type contentDraft struct {
	*layout.Draft
	c *Content
	l *version.Live
	r *layout.Run

	pulled    map[string]manifest.Nonce // the run-time writes that the source contains
	discarded map[string]bool           // of pulled, those whose files were discarded
	replaced  []manifest.Asset          // chunked live assets that changed or were removed
	companion *companionUpload
	// tree is the manifest in parts whose parts the new one may name; nil if there is none.
	tree      *parts.Tree
	liveFiles int // the files that are live and that the new manifest may name
	encoded   *encoded
	edits     overlay.Edits
}
