package pathname

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/content"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// ErrUnfinished is returned (wrapped) by a deploy in place that fails after its first
// write. This layout has no switch, so old and new files may be live together.
var ErrUnfinished = errors.New("some files may be new and others not yet")

const pathnameName = "pathname"

// Layout is the layout of Cloudflare's recipe for the static assets of Dynamic
// Workers: files under their pathnames, and a manifest for handleAssetRequest of
// @cloudflare/worker-bundler.
//
// It has no switch: a file is live as soon as it is written. The order of the steps
// ensures that the manifest never names a missing file, and that it lists, until the
// last step, the files that may be wrong. So a run after an interrupted one, with the
// same files or others, leaves exactly its own files.
//
// If nothing changed a deploy sends one request, and one more to find the namespace if
// only its title is known. It supports these options: AllowShrink; Repair, which writes
// every file again; and TakeOver, which replaces a manifest that cannot be read. The
// last two also find and delete keys that no manifest names. Commits have no order
// here: the last deploy wins, and only one deploy may run at a time. The result names
// no deployment, because none is kept.
var Layout = layout.Layout{
	Name: pathnameName, InPlace: true,
	Root:  func(k manifest.Keys) string { return Keys(k).Manifest() },
	Title: content.Layout.Title,
	Of: func(e *site.Client) (layout.Deployer, error) {
		if !e.Target.InKV() {
			return nil, guard.Stop(guard.Layout, finding.CasePathnameSite, finding.Facts{Site: e.Site})
		}
		return &inPlaceFiles{e}, nil
	},
}

// inPlaceFiles is the pathname layout of one site.
type inPlaceFiles struct{ *site.Client }

func (*inPlaceFiles) Lacks(command string) error {
	c := finding.CaseNoCommand
	switch command {
	case layout.CommandDelete:
		return nil
	case layout.CommandRollback:
		c = finding.CaseNoRollback
	case layout.CommandAhead:
		c = finding.CaseNoAhead
	case layout.CommandPrune:
		c = finding.CaseNoPrune
	}
	return guard.Stop(guard.Layout, c, finding.Facts{What: command, Name: pathnameName})
}

// Leftovers implements [layout.Deployer].
func (f *inPlaceFiles) Leftovers(ctx context.Context, s cloud.Store) ([]string, error) {
	return f.Target.Leftovers(ctx, s)
}

// pathnameRun executes a plan. At no time does the manifest name a missing file, or
// omit from its unsettled files one that is being written or deleted.
type pathnameRun struct {
	e     *site.Client
	p     *pathnamePlan
	store cloud.Store
	last  time.Time // when the manifest was last written
}

// Write writes the files. Each is live as soon as it is written.
func (p *pathnamePlan) Write(ctx context.Context) (*layout.Prepared, error) {
	e := p.e
	p.Show(e)
	if p.NoChange {
		return nil, nil
	}
	namespace, err := e.EnsureNamespace(ctx, p.Namespace)
	if err != nil {
		return nil, err
	}
	r := &pathnameRun{e: e, p: p, store: e.Account.Store(namespace)}
	if len(p.Uploads) > 0 {
		if err := r.put(ctx, p.announced(manifest.NewNonce(e.Time()))); err != nil {
			return nil, r.unfinished(err)
		}
		if err := r.write(ctx, p.r.Source); err != nil {
			return nil, r.unfinished(err)
		}
	}
	settle := func(ctx context.Context) error { return r.unfinished(r.settle(ctx)) }
	return &layout.Prepared{Release: &layout.Release{Meta: version.Meta{Commit: p.Origin.Commit}}, InPlace: settle}, nil
}

func (r *pathnameRun) unfinished(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("deploy project %s: %w; %w", r.e.Project, err, ErrUnfinished)
}

// settle writes the manifest of the new files and deletes the files that it does not
// name.
func (r *pathnameRun) settle(ctx context.Context) error {
	r.e.Note(site.StageSwitch, "writing the manifest")
	if err := r.put(ctx, r.p.named(r.p.toDelete)); err != nil {
		return err
	}
	if len(r.p.toDelete) == 0 {
		return nil
	}
	r.e.Note(site.StageSwitch, "deleting %s", humanize.Count(len(r.p.toDelete), "key"))
	if err := r.remove(ctx); err != nil {
		return err
	}
	return r.put(ctx, r.p.named(nil))
}

// put writes the manifest, at least a second after the previous time: KV accepts one
// write a second for each key.
func (r *pathnameRun) put(ctx context.Context, m *Manifest) error {
	if err := wait.For(ctx, time.Until(r.last.Add(time.Second))); err != nil {
		return err
	}
	if err := r.store.Put(ctx, r.p.keys.Manifest(), m.Encode()); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	r.last = time.Now()
	return nil
}

// write uploads the files, and records the hashes that it computes.
func (r *pathnameRun) write(ctx context.Context, src manifest.Source) error {
	items := make([]*upload.Item, len(r.p.Uploads))
	unhashed := r.p.Unhashed()
	for i, f := range r.p.Uploads {
		items[i] = r.p.keys.Item(f)
	}
	if err := r.e.Upload(ctx, r.store, items, nil); err != nil {
		return err
	}
	if !unhashed {
		return nil
	}
	found := make(map[string]manifest.Hash, len(items))
	for _, it := range items {
		found[it.Name] = it.Got
	}
	for i := range r.p.Manifest.Assets {
		if a := &r.p.Manifest.Assets[i]; a.Blob.Hash.IsZero() {
			a.Blob.Hash = found[a.Path]
		}
	}
	src.Remember(r.p.Manifest.Assets)
	return nil
}

// remove deletes the keys that the manifest does not name any more, and confirms each.
func (r *pathnameRun) remove(ctx context.Context) error {
	var keys []string
	for _, path := range r.p.toDelete {
		if key := r.p.keys.Asset(path); len(key) <= layout.MaxKeyBytes { // a longer key cannot exist
			keys = append(keys, key)
		}
	}
	for some := range slices.Chunk(keys, cloud.MaxBulkPairs) {
		left, err := cloud.DeleteConfirmed(ctx, r.store, some, time.Second)
		if err != nil {
			return fmt.Errorf("delete what was removed: %w", err)
		}
		if len(left) > 0 {
			return fmt.Errorf("delete %.100q: %w, %d times", left[0], cloud.ErrIgnored, cloud.ResendRounds+1)
		}
	}
	return nil
}
