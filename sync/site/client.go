package site

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Client reads and writes the data of one site in the target and in KV. Only one call may
// run at a time.
type Client struct {
	Config
	Target     Target
	prefetched chan liveResult // the result of Prefetch
	last       Live
}

// Upload writes the items and reports the progress of that stage. read is the
// [upload.Options].Read of the upload.
func (c *Client) Upload(ctx context.Context, s cloud.Store, items []*upload.Item, read func()) error {
	return upload.Run(ctx, s, items, upload.Options{
		Parallel: c.Parallel, Memory: c.Memory, Budget: c.Budget, Read: read,
		Progress: func(p upload.Progress) {
			c.Progress(Progress{
				Stage: StageUpload, Files: p.Files, TotalFiles: p.TotalFiles, Bytes: p.Bytes, TotalBytes: p.TotalBytes,
				Note: p.Note,
			})
		},
	})
}

// Note reports a line of text for people.
func (c *Client) Note(s Stage, format string, args ...any) {
	c.Progress(Progress{Stage: s, Note: fmt.Sprintf(format, args...)})
}

// EnsureNamespace creates the namespace if the plan found none.
func (c *Client) EnsureNamespace(ctx context.Context, id string) (string, error) {
	if id != "" {
		return id, nil
	}
	id, err := c.Account.CreateNamespace(ctx, c.NamespaceTitle)
	if err != nil {
		return "", fmt.Errorf("create the namespace %q: %w", c.NamespaceTitle, err)
	}
	return id, nil
}

// KeysBelow lists every key with the prefix.
func (c *Client) KeysBelow(ctx context.Context, s cloud.Store, prefix string) (map[string]bool, error) {
	there := make(map[string]bool)
	err := cloud.EachKey(ctx, s, prefix, func(k cloud.KeyInfo) error {
		there[k.Name] = true
		return nil
	})
	return there, err
}

// mostAsked is how many keys are looked for one by one. More of them are found sooner by
// a listing, a page of which has 1,000 keys.
const mostAsked = 100

// There lists those of the keys below a prefix that exist. Few keys are listed one by one,
// so that this takes as long as there are keys, and not as the site is large.
func (c *Client) There(ctx context.Context, s cloud.Store, below string, keys []string) (map[string]bool, error) {
	if len(keys) > mostAsked {
		return c.KeysBelow(ctx, s, below)
	}
	there := make([]bool, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Parallel)
	for i, key := range keys {
		g.Go(func() error {
			found, err := c.KeysBelow(ctx, s, key)
			there[i] = found[key]
			return err
		})
	}
	err := g.Wait()
	out := make(map[string]bool, len(keys))
	for i, key := range keys {
		out[key] = there[i]
	}
	return out, err
}

// EachValue calls do for each of n values, with [Client.WholeValues] calls in parallel.
func (c *Client) EachValue(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.WholeValues())
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// WholeValues returns how many values of the largest size fit into Memory, and so may be
// read at once.
func (c *Client) WholeValues() int {
	return max(1, min(c.Parallel, int(c.Memory/manifest.MaxValueBytes)))
}

// Quiet returns a copy of the client that reports no progress. It is used to write values
// that are not files.
func (c *Client) Quiet() *Client {
	quiet := *c
	quiet.Progress = func(Progress) {}
	return &quiet
}

// Recorded returns the workers.dev address that a version records, "" for a site whose
// configuration says that it has none.
func (c *Client) Recorded(m *version.Meta) string {
	if c.OffWorkersDev {
		return ""
	}
	return m.URL
}

// Address returns the workers.dev address of the site, or "".
func (c *Client) Address(ctx context.Context, l *version.Live) (string, error) {
	switch {
	case l.Meta != nil:
		return l.Meta.URL, nil
	case c.OffWorkersDev:
		return "", nil
	}
	url, err := c.Target.URL(ctx)
	if err != nil {
		return "", fmt.Errorf("read the address of %s: %w", c.Site, err)
	}
	return url, nil
}

// OverlayOf describes the overlay of a version with this Worker, nil if the site has
// none.
func (c *Client) OverlayOf(w cloud.Worker) *overlay.Meta {
	switch {
	case !c.Serving.Overlay:
		return nil
	case w.Companion == nil:
		return &overlay.Meta{} // the loader of a project has the companion
	}
	return &overlay.Meta{
		CompanionCode: overlay.CompanionCode{Protocol: overlay.Protocol, Code: version.CodeHash(*w.Companion)},
		Rights:        c.Rights,
	}
}
