package content

import (
	"context"
	"errors"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Write writes everything that the switch relies on, side by side: the blobs, the
// stored manifest, the record and, if the script exists, the version.
func (d *contentDraft) Write(ctx context.Context) (*layout.Prepared, error) {
	e, l, r := d.c, d.l, d.r
	d.Show(e.Client)
	if d.NoChange {
		return nil, nil
	}
	chunks, err := e.liveChunks(ctx, d)
	if err != nil {
		return nil, err
	}
	blobs := d.items(e.ID(), r.Nonce, chunks)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	store := newLateStore()
	hashed := make(chan struct{})
	unhashed := d.Unhashed()
	if unhashed {
		// The manifest needs their hashes, and does not wait for their upload.
		g.Go(func() error { return e.Upload(gctx, store, blobs, func() { close(hashed) }) })
	} else {
		close(hashed)
	}
	rel, err := d.compose(gctx, store, hashed, blobs)
	if err != nil {
		cancel()
		if first := g.Wait(); first != nil && !errors.Is(first, context.Canceled) {
			err = first // the upload failed first, and that prevented the release
		}
		return nil, err
	}
	out := &layout.Prepared{Release: rel}
	if unhashed {
		g.Go(func() error { return e.Quiet().Upload(gctx, store, rel.Values, nil) })
		g.Go(func() error { r.Source.Remember(d.Manifest.Assets); return nil })
	} else {
		g.Go(func() error { return e.Upload(gctx, store, slices.Concat(blobs, rel.Values), nil) })
	}
	g.Go(func() error { return r.UploadVersion(gctx, l, out) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	d.confirm(blobs, r)
	for ref, v := range d.encoded.values {
		e.Remember(ref, v.bytes)
	}
	return out, nil
}

// compose makes the release after the namespace, the address and every hash are known.
func (d *contentDraft) compose(ctx context.Context, store *lateStore, hashed <-chan struct{},
	blobs []*upload.Item) (*layout.Release, error) {
	e, l, r := d.c, d.l, d.r
	var url string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		url, err = e.Address(gctx, l)
		return err
	})
	g.Go(func() (err error) {
		if r.Namespace, err = e.EnsureNamespace(gctx, d.Namespace); err != nil {
			return err
		}
		store.open(e.Account.Store(r.Namespace))
		if err = r.Provide(gctx, l, &d.Worker, d.Resources); err != nil {
			return err
		}
		return e.deployCompanion(gctx, d, r.Namespace)
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	select {
	case <-hashed:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.Unhashed() {
		d.settle(blobs, r.Nonce)
	}
	if d.Forgets {
		left := e.rolledBackFrom(ctx, l, d)
		if err := d.Forget(ctx, layout.ContentsOf(d.Manifest), left...); err != nil {
			return nil, err
		}
	}
	rel, err := e.release(l, d, r, url)
	if err != nil {
		return nil, err
	}
	rel.Upload.Apply, err = r.Migrations(ctx, l, d.Worker)
	return rel, err
}

// lateStore is a namespace that is created while its values are read and hashed.
type lateStore struct {
	cloud.Store
	there chan struct{}
}

func newLateStore() *lateStore { return &lateStore{there: make(chan struct{})} }

func (s *lateStore) open(store cloud.Store) {
	s.Store = store
	close(s.there)
}

func (s *lateStore) wait(ctx context.Context) error {
	select {
	case <-s.there:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Put implements [cloud.Store].
func (s *lateStore) Put(ctx context.Context, key string, value []byte) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Put(ctx, key, value)
}

// PutBulk implements [cloud.Store].
func (s *lateStore) PutBulk(ctx context.Context, body []byte, pairs int) ([]string, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Store.PutBulk(ctx, body, pairs)
}

// items are the uploads of the plan.
func (d *contentDraft) items(site string, nonce manifest.Nonce, chunks map[manifest.Hash]manifest.Ref) []*upload.Item {
	blobs := make([]*upload.Item, len(d.Uploads))
	for i, f := range d.Uploads {
		blobs[i] = upload.NewItem(manifest.Keys(site), f, nonce, chunks)
	}
	return blobs
}

// confirm records what the upload of the items computed and wrote.
func (d *contentDraft) confirm(blobs []*upload.Item, r *layout.Run) {
	d.Blobs = 0
	for i, it := range blobs {
		a := d.Uploads[i].Asset
		a.Blob = manifest.Ref{Hash: it.Got, Nonce: r.Nonce.For(a)}
		r.Confirmed[a.Content()] = a.Blob
		d.Blobs += it.Blobs
	}
}

// settle puts the hashes that the upload computed into the manifest.
func (d *contentDraft) settle(read []*upload.Item, nonce manifest.Nonce) {
	byPath := make(map[string]manifest.Hash, len(read))
	for _, it := range read {
		byPath[it.Name] = it.Got
	}
	l := manifest.Listing{Origin: d.Origin, Redirects: d.Manifest.Redirects, Headers: d.Manifest.Headers,
		Pulled: d.pulled, Discarded: d.discarded}
	for i := range d.Manifest.Assets {
		a := &d.Manifest.Assets[i]
		if a.Blob.Hash.IsZero() {
			a.Blob = manifest.Ref{Hash: byPath[a.Path], Nonce: nonce.For(*a)}
		}
		l.Files = append(l.Files, manifest.File{Asset: *a})
	}
	if d.Origin.Kind == "folder" {
		d.Origin.ID = manifest.FolderID(&l)
		d.Manifest.Origin.ID = d.Origin.ID
	}
	d.applyEdits()
}

// release puts the plan's manifest into a version, and makes its stored values and its
// record. All hashes of the manifest are known.
func (c *Content) release(l *version.Live, d *contentDraft, r *layout.Run, url string) (*layout.Release, error) {
	var err error
	if d.encoded, err = d.encode(r.Nonce); err != nil {
		return nil, err
	}
	out, err := r.Describe(l, d.Draft, d.encoded.Served, url)
	if err != nil {
		return nil, err
	}
	out.Values = append(out.Values, d.encoded.items()...)
	module := cloud.Module{Name: cloud.ModuleManifest, Type: "application/octet-stream", Content: d.encoded.module}
	for _, m := range d.Worker.Modules {
		if m.Name == cloud.ModuleManifest {
			return nil, finding.New(finding.CaseModuleTaken, finding.Facts{Name: m.Name})
		}
	}
	w := d.Worker
	w.Modules = append(slices.Clone(w.Modules), module)
	out.Upload, err = r.Version(l, w, d.Origin, out.Meta)
	return out, err
}

// liveChunks returns the chunks of the live files that the plan replaces, by their hash.
// The plan does not have to upload them. A missing or damaged index has none.
func (c *Content) liveChunks(ctx context.Context, d *contentDraft) (map[manifest.Hash]manifest.Ref, error) {
	if len(d.replaced) == 0 {
		return nil, nil
	}
	blobs := c.Blobs(c.Keys())
	if err := blobs.ReadIndexes(ctx, c.Account.Store(d.Namespace), d.replaced); err != nil {
		return nil, err
	}
	live := make(map[manifest.Hash]manifest.Ref)
	for _, a := range d.replaced {
		chunks, _ := blobs.Chunks(a) // an index that cannot be read has none
		for _, ref := range chunks {
			live[ref.Hash] = ref
		}
	}
	return live, nil
}
