package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// read finds the size of each file, and the hash if the deploy needs it before the upload.
func (w *commitWalk) read(ctx context.Context) error {
	type result struct {
		size int64
		hash manifest.Hash
		p    rules.Problem
	}
	if err := w.readConverted(ctx); err != nil {
		return err
	}
	ids := make(map[string]bool, len(w.found))
	for _, f := range w.found {
		ids[f.id] = true
	}
	known := w.base.blobs(ids)
	results := map[string]*result{}
	names := map[string]string{}
	var unknown []string
	for _, f := range w.found {
		if _, ok := known[f.id]; !ok && results[f.id] == nil {
			results[f.id] = &result{}
			names[f.id] = f.rel
			unknown = append(unknown, f.id)
		}
	}
	w.objects.Prefetch(ctx, unknown)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, id := range unknown {
		r := results[id]
		group.Go(func() (err error) {
			r.size, r.hash, r.p, err = w.inspect(groupCtx, foundBlob{rel: names[id], id: id})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, f := range w.found {
		a := manifest.Asset{
			Path: rules.Pathname(f.rel), ContentType: rules.ContentType(f.rel),
			OID: f.id, Modified: w.commit.Time.Unix(),
		}
		if same, ok := known[f.id]; ok {
			a.Size, a.Blob.Hash = same.Size, same.Blob.Hash
		} else {
			r := results[f.id]
			a.Size, a.Blob.Hash = r.size, r.hash
			w.Refuse(f.rel, r.p)
		}
		w.base.KeepTime(&a)
		w.Refuse(f.rel, rules.CheckFile(f.rel, a.Path, a.Size, w.hasAssetsIgnore))
		w.Add(manifest.File{Asset: a, Open: w.opening.of(f.id, a.Size)})
	}
	return nil
}

// readConverted lists the files that a checkout transforms, refuses those that it transforms as
// kv-sync cannot, and leaves the others in w.found.
func (w *commitWalk) readConverted(ctx context.Context) error {
	kept := w.found[:0]
	for _, f := range w.found {
		if p := conversionProblem(f.conversion); p != (rules.Problem{}) {
			w.Refuse(f.rel, p)
		} else if f.conversion.None() {
			kept = append(kept, f)
		} else if err := w.convert(ctx, f); err != nil {
			return err
		}
	}
	w.found = kept
	return nil
}

// inspect returns the size and the hash of a blob that the live manifest does not have, and
// checks its content. If there is no live manifest, it leaves the hash to the upload, which reads
// every blob anyway, and only reads small blobs for the check.
func (w *commitWalk) inspect(
	ctx context.Context, f foundBlob,
) (size int64, hash manifest.Hash, p rules.Problem, err error) {
	if size, err = w.objects.BlobSize(ctx, f.id); err != nil {
		return 0, hash, p, fmt.Errorf("%s: %w", f.rel, err)
	}
	if size > manifest.MaxFileBytes || size > rules.InspectBytes && !w.base.Exists {
		return size, hash, p, nil
	}
	content, err := w.objects.SizedBlob(ctx, f.id, size)
	if err != nil {
		return 0, hash, p, fmt.Errorf("%s: %w", f.rel, err)
	}
	defer content.Close()
	hash, p, err = rules.Digest(ctx, w.contents.store(f.id, size, content), size, w.base.Exists)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.rel, err)
	}
	return size, hash, p, err
}

// configuration reads _redirects, _headers and the list of pulled run-time edits.
func (w *commitWalk) configuration(ctx context.Context) error {
	var texts [3][]byte
	for i, name := range []string{rules.RedirectsFile, rules.HeadersFile, manifest.PulledName} {
		e, ok := w.rootFile(name)
		if !ok {
			continue
		}
		text, err := blobText(ctx, w.objects, e.ID)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		texts[i] = append([]byte{}, text...)
	}
	w.Configure(texts[0], texts[1], w.options.HTMLHandling)
	w.SetPulled(texts[2])
	return nil
}

// opening opens listed blobs, also after Files has returned. All files share one value, which
// keeps the function of each file small.
type opening struct {
	ctx      context.Context //nolint:containedctx // the context of Files, without its cancellation
	objects  *objects.Reader
	contents *contentCache
}

// of returns the function that opens a blob.
func (o *opening) of(id string, size int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if content := o.contents.take(id); content != nil {
			return io.NopCloser(bytes.NewReader(content)), nil
		}
		return o.objects.SizedBlob(o.ctx, id, size)
	}
}

// blobText returns the content of a small blob, such as a configuration file or the target of a
// symlink.
func blobText(ctx context.Context, o *objects.Reader, id string) ([]byte, error) {
	content, err := o.Blob(ctx, id)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return rules.ReadText(content)
}
