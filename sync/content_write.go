package kvsync

import (
	"context"
	"errors"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// write writes everything that the switch relies on, side by side: the blobs, the
// stored manifest, the record and, if the script exists, the version.
func (p *contentDraft) write(ctx context.Context) (*prepared, error) {
	e, l, r := p.c.Engine, p.l, p.r
	e.show(p.draft)
	if p.NoChange {
		return nil, nil
	}
	chunks, err := e.liveChunks(ctx, p.draft)
	if err != nil {
		return nil, err
	}
	blobs := p.items(e.ID(), r.nonce, chunks)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	store := newLateStore()
	hashed := make(chan struct{})
	unhashed := p.unhashed()
	if unhashed {
		// The manifest needs their hashes, and does not wait for their upload.
		g.Go(func() error { return e.Upload(gctx, store, blobs, func() { close(hashed) }) })
	} else {
		close(hashed)
	}
	rel, err := p.compose(gctx, store, hashed, blobs)
	if err != nil {
		cancel()
		if first := g.Wait(); first != nil && !errors.Is(first, context.Canceled) {
			err = first // the upload failed first, and that prevented the release
		}
		return nil, err
	}
	out := &prepared{release: rel}
	if unhashed {
		g.Go(func() error { return e.Quiet().Upload(gctx, store, rel.values, nil) })
		g.Go(func() error { r.src.Remember(p.manifest.Assets); return nil })
	} else {
		g.Go(func() error { return e.Upload(gctx, store, slices.Concat(blobs, rel.values), nil) })
	}
	g.Go(func() error { return e.uploadVersion(gctx, l, out) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	p.confirm(blobs, r)
	if e.Cache != nil {
		e.Cache.Put(rel.meta.Manifest, rel.stored)
	}
	return out, nil
}

// compose makes the release after the namespace, the address and every hash are known.
func (p *contentDraft) compose(ctx context.Context, store *lateStore, hashed <-chan struct{},
	blobs []*upload.Item) (*release, error) {
	e, l, r := p.c.Engine, p.l, p.r
	var url string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		url, err = e.Address(gctx, l)
		return err
	})
	g.Go(func() (err error) {
		if r.namespace, err = e.EnsureNamespace(gctx, p.namespace); err != nil {
			return err
		}
		store.open(e.Account.Store(r.namespace))
		return e.deployCompanion(gctx, p.draft, r.namespace)
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	select {
	case <-hashed:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.unhashed() {
		p.settle(blobs, r.nonce)
	}
	rel, err := p.c.release(l, p.draft, r, url)
	if err != nil {
		return nil, err
	}
	rel.upload.Apply, err = e.migrations(ctx, l, p.worker)
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
func (p *draft) items(site string, nonce manifest.Nonce, chunks map[manifest.Hash]manifest.Ref) []*upload.Item {
	blobs := make([]*upload.Item, len(p.uploads))
	for i, f := range p.uploads {
		blobs[i] = upload.NewItem(manifest.Keys(site), f, nonce, chunks)
	}
	return blobs
}

// confirm records what the upload of the items computed and wrote.
func (p *draft) confirm(blobs []*upload.Item, r *run) {
	p.Blobs = 0
	for i, it := range blobs {
		a := p.uploads[i].Asset
		a.Blob = manifest.Ref{Hash: it.Got, Nonce: r.nonce.For(a)}
		r.confirmed[a.Content()] = a.Blob
		p.Blobs += it.Blobs
	}
}

// unhashed reports whether the upload has to compute hashes.
func (p *draft) unhashed() bool {
	for _, f := range p.uploads {
		if f.Blob.Hash.IsZero() {
			return true
		}
	}
	return false
}

// settle puts the hashes that the upload computed into the manifest.
func (p *draft) settle(read []*upload.Item, nonce manifest.Nonce) {
	byPath := make(map[string]manifest.Hash, len(read))
	for _, it := range read {
		byPath[it.Name] = it.Got
	}
	l := manifest.Listing{Origin: p.Origin, Redirects: p.manifest.Redirects, Headers: p.manifest.Headers, Pulled: p.pulled}
	for i := range p.manifest.Assets {
		a := &p.manifest.Assets[i]
		if a.Blob.Hash.IsZero() {
			a.Blob = manifest.Ref{Hash: byPath[a.Path], Nonce: nonce.For(*a)}
		}
		l.Files = append(l.Files, manifest.File{Asset: *a})
	}
	if p.Origin.Kind == "folder" {
		p.Origin.ID = manifest.FolderID(&l)
		p.manifest.Origin.ID = p.Origin.ID
	}
	p.applyEdits()
}

// release puts the plan's manifest, whose hashes are all known, into a version, and
// makes its stored manifest and record.
func (c *contentAddressed) release(l *version.Live, p *draft, r *run, url string) (*release, error) {
	e := c.Engine
	var stored, served []byte
	var g errgroup.Group // side by side: nothing else runs between the plan and the first request
	g.Go(func() (err error) { stored, err = manifest.EncodeStored(p.manifest); return err })
	g.Go(func() (err error) { served, err = manifest.EncodeServed(p.manifest); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	ref := manifest.Ref{Hash: manifest.HashOf(stored), Nonce: r.nonce}
	out, err := e.describe(l, p, r, servedContent{manifest: ref.String(), recordKey: c.recordKey}, url)
	if err != nil {
		return nil, err
	}
	out.stored = stored
	out.values = append(out.values, upload.Value("the manifest", e.Keys().Manifest(ref), stored))
	module := cloud.Module{Name: cloud.ModuleManifest, Type: "application/octet-stream", Content: served}
	for _, m := range p.worker.Modules {
		if m.Name == cloud.ModuleManifest {
			return nil, finding.New(finding.CaseModuleTaken, finding.Facts{Name: m.Name})
		}
	}
	w := p.worker
	w.Modules = append(slices.Clone(w.Modules), module)
	out.upload, err = e.version(l, w, p.Origin, out.meta)
	return out, err
}
