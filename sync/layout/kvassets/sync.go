package kvassets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
)

const kvAssetsName = "kv-assets"

// Layout is the layout of the Rust crate kv-assets: each file under its path
// with a checksum, and an index in the code of the Worker.
var Layout = layout.Layout{
	Name: kvAssetsName, Compiled: true, IgnoreFiles: true,
	Title: func(site string) string { return "__" + site + "-workers_sites_assets" },
	Of:    func(c *site.Client) (layout.Deployer, error) { return &kvAssets{c}, nil },
}

// kvAssets is the kv-assets layout of one site.
type kvAssets struct{ *site.Client }

func (k *kvAssets) Owns(m *version.Meta) bool { return m != nil && m.Index != "" }

func (k *kvAssets) Lacks(command string) error {
	if command == layout.CommandAhead { // only the build knows the code
		return guard.Stop(guard.Layout, finding.CaseNoAhead, finding.Facts{Name: kvAssetsName})
	}
	return nil
}

func (k *kvAssets) RecordKey(deployment string) string {
	return Keys(k.Site).Deployment(deployment)
}

// Holds begins the keys of the records of a deployment's holds.
func (k *kvAssets) Holds(deployment string) string { return Keys(k.Site).Holds(deployment) }

// Prefix is "", because the files of this layout are at the top of the namespace.
func (k *kvAssets) Prefix() string { return "" }

// Options are for [SyncKVAssets].
type Options struct {
	// Local is the index of an earlier run, from a file of the project, or nil.
	// Files that did not change keep their time from it if KV has no record of
	// them. It is ignored if it is not an index.
	Local []byte
	// AllowShrink permits a run that leaves no files, or less than half of them.
	AllowShrink bool
	// Repair uploads every file, whatever the records say.
	Repair bool
	// DryRun writes nothing.
	DryRun bool
}

// Result is what [SyncKVAssets] did or, with DryRun, would do.
type Result struct {
	// Index is the index to compile into the Worker. All files that it names are in
	// KV.
	Index []byte
	// Namespace is the id of the namespace, Title its title if known. Created: the
	// run created it.
	Namespace, Title string
	Created          bool
	// Files is the number of files in the index, Uploaded the number of keys that
	// were written, Bytes their size.
	Files, Uploaded int
	Bytes           int64
	// Obsolete counts the keys of the previous index that this one does not name. A
	// prune deletes them.
	Obsolete int
	// Notices are findings that did not stop the run.
	Notices []manifest.Problem
}

// Sync puts the source's files into KV in the kv-assets layout, and returns the
// index to compile into the Worker. Nothing of it is visible before such a Worker is
// deployed, because no key is ever written with other contents.
//
// It writes in this order: a note of what it uploads (so that a concurrent prune keeps
// it), the files, and after each is confirmed, the record. So an interrupted run leaves
// nothing that a later run relies on, and the next run completes it. If nothing changed
// it reads the newest record and writes nothing.
func Sync(ctx context.Context, c *site.Client, src manifest.Source,
	opt Options) (*Result, error) {
	e := &kvAssets{c}
	namespace, err := e.FindNamespace(ctx, &version.Live{})()
	if err != nil {
		return nil, err
	}
	before := &Record{}
	if namespace != "" {
		if before, err = e.newestIndex(ctx, namespace); err != nil {
			return nil, err
		}
	}
	if err := e.CheckClock(e.Grace); err != nil {
		return nil, err
	}
	listing, err := src.Files(ctx, nil)
	if err != nil {
		return nil, err
	}
	next, err := e.indexFiles(ctx, listing)
	if err != nil {
		return nil, err
	}
	if err := refuseIndex(next, listing, before); err != nil {
		return nil, err
	}
	next.KeepTimes(before, opt.Local)
	res := &Result{
		Index: EncodeIndex(next.Index), Namespace: namespace, Title: e.titleOf(), Created: namespace == "",
		Files: len(next.Index), Obsolete: before.Obsolete(next), Notices: kvAssetsNotices(listing),
	}
	if err := e.guardIndexShrink(listing, before, next, opt); err != nil {
		return nil, err
	}
	items := indexItems(next, listing, before, opt.Repair)
	for _, it := range items {
		res.Uploaded++
		res.Bytes += it.Size
	}
	if opt.DryRun {
		return res, nil
	}
	if res.Namespace, err = e.EnsureNamespace(ctx, namespace); err != nil {
		return nil, err
	}
	next.Ref = manifest.Ref{Hash: manifest.HashOf(res.Index), Nonce: e.nonceAfter(before.Ref.Nonce)}
	if len(items) == 0 && next.Ref.Hash == before.Ref.Hash {
		return res, nil
	}
	return res, e.writeIndex(ctx, e.Account.Store(res.Namespace), next, items)
}

func (k *kvAssets) titleOf() string {
	if k.Namespace != "" {
		return ""
	}
	return k.NamespaceTitle
}

// nonceAfter returns a new nonce that sorts after another one, even if both are of the
// same second or a clock is behind: the newest record must sort last.
func (k *kvAssets) nonceAfter(before manifest.Nonce) manifest.Nonce {
	n := manifest.NewNonce(k.Time())
	if bytes.Compare(n[:], before[:]) <= 0 {
		n = manifest.NewNonce(before.Time().Add(time.Second))
	}
	return n
}

// writeIndex uploads the items, and then writes the record, which says that all files
// of the index are in KV. If that took so long that a prune may have deleted some of them, it
// deletes the record and returns [layout.ErrStale].
func (k *kvAssets) writeIndex(ctx context.Context, store cloud.Store, next *Record, items []*upload.Item) error {
	keys, value := Keys(k.Site), next.Encode()
	if len(items) > 0 {
		if err := store.Put(ctx, keys.Upload(next.Ref), value); err != nil {
			return fmt.Errorf("note what is uploaded: %w", err)
		}
		if err := k.Upload(ctx, store, items, nil); err != nil {
			return err
		}
	}
	if err := store.Put(ctx, keys.Record(next.Ref), value); err != nil {
		return fmt.Errorf("record the index: %w", err)
	}
	if k.Time().Sub(next.Ref.Nonce.Time()) < k.Grace/2 {
		return nil
	}
	if _, err := cloud.DeleteConfirmed(ctx, store, []string{keys.Record(next.Ref)}, 2*time.Second); err != nil {
		return fmt.Errorf("%w: delete the record of the index: %w", layout.ErrStale, err)
	}
	return layout.ErrStale
}

// newestIndex reads the newest record, which is always retained: its files are in KV.
// It is empty if there is none.
func (k *kvAssets) newestIndex(ctx context.Context, namespace string) (*Record, error) {
	store, keys := k.Account.Store(namespace), Keys(k.Site)
	var newest manifest.Ref
	err := cloud.EachKey(ctx, store, keys.Records(), func(key cloud.KeyInfo) error {
		ref, err := manifest.ParseRef(strings.TrimPrefix(key.Name, keys.Records()))
		if err != nil {
			return nil //nolint:nilerr // another release made it; prune refuses it
		}
		if newest.IsZero() || bytes.Compare(ref.Nonce[:], newest.Nonce[:]) > 0 {
			newest = ref
		}
		return nil
	})
	if err != nil || newest.IsZero() {
		return &Record{}, err
	}
	r, err := k.readKVAssetsRecord(ctx, store, keys.Record(newest), newest)
	switch {
	case errors.Is(err, cloud.ErrNotFound), errors.Is(err, manifest.ErrDamaged):
		// A listing may be newer than values. Without a record all files are uploaded.
		k.Note(site.StagePlan, "the newest record of %s cannot be read, so every file is uploaded: %v", k.Site, err)
		return &Record{Ref: manifest.Ref{Nonce: newest.Nonce}}, nil
	case err != nil:
		return nil, err
	}
	return r, nil
}

func (k *kvAssets) readKVAssetsRecord(ctx context.Context, store cloud.Store, key string,
	ref manifest.Ref) (*Record, error) {
	r, err := cloud.ReadAs(ctx, store, key, func(b []byte) (*Record, error) { return DecodeRecord(ref, b) })
	if err != nil {
		return nil, fmt.Errorf("read the record %s: %w", key, err)
	}
	return r, nil
}

// indexFiles reads every file once for its checksums, several in parallel.
func (k *kvAssets) indexFiles(ctx context.Context, l *manifest.Listing) (*Record, error) {
	r := &Record{Index: make(Index, len(l.Files)), Hashes: make([]manifest.Hash, len(l.Files))}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Parallel)
	for i, f := range l.Files {
		if f.Size > manifest.MaxValueBytes {
			continue // refuseIndex reports it
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			sum, hash, err := checksums(&f)
			if err != nil {
				return fmt.Errorf("read %s: %w", f.Path, err)
			}
			path := strings.TrimPrefix(f.Path, "/")
			r.Index[i] = Entry{Path: path, Key: Key(path, sum), Modified: uint64(max(0, f.Modified)),
				Size: uint64(f.Size)}
			r.Hashes[i] = hash
			return nil
		})
	}
	return r, g.Wait()
}

const copyBytes = 48 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// checksums returns the checksum in the key of a file, and its hash, which the upload
// compares with the bytes that it sends.
func checksums(f *manifest.File) (sum string, hash manifest.Hash, err error) {
	content, err := f.Open()
	if err != nil {
		return "", manifest.Hash{}, err
	}
	defer content.Close()
	short, whole := NewHasher(), sha256.New()
	buffer := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buffer)
	n, err := io.CopyBuffer(io.MultiWriter(short, whole), io.LimitReader(struct{ io.Reader }{content}, f.Size+1),
		buffer[:])
	if err != nil {
		return "", manifest.Hash{}, err
	}
	hash = manifest.Hash(whole.Sum(nil))
	if n != f.Size || !f.Blob.Hash.IsZero() && f.Blob.Hash != hash {
		return "", manifest.Hash{}, manifest.ErrChanged
	}
	return short.Sum(), hash, nil
}

// refuseIndex returns an error that lists every file that this layout cannot store, or
// whose key has other contents already. That can happen because a checksum has only
// forty bits.
func refuseIndex(r *Record, l *manifest.Listing, before *Record) error {
	var problems []manifest.Problem
	claimed := before.Contents()
	for i, f := range l.Files {
		add := func(c finding.Case, facts finding.Facts) {
			problems = append(problems, manifest.ProblemOf(strings.TrimPrefix(f.Path, "/"), c, facts))
		}
		key := r.Index[i].Key
		other, taken := claimed[key]
		switch {
		case f.Size > manifest.MaxValueBytes:
			add(finding.CaseFileSize, finding.Facts{What: humanize.Mebibytes(f.Size), Name: kvAssetsName})
		case len(key) > layout.MaxKeyBytes:
			add(finding.CaseKeyLength, finding.Facts{Path: "the path with a checksum", Count: len(key), Of: layout.MaxKeyBytes})
		case strings.HasPrefix(key, Own):
			add(finding.CaseKeyReserved, finding.Facts{Path: Own})
		case taken && other != r.Hashes[i]:
			add(finding.CaseKeyTaken, finding.Facts{Path: key})
		}
		claimed[key] = r.Hashes[i]
	}
	if len(problems) > 0 {
		return &manifest.RefusedError{Problems: problems}
	}
	if n := len(r.Encode()); n > manifest.MaxValueBytes {
		return guard.Stop(guard.Layout, finding.CaseManifestSize, finding.Facts{Count: len(r.Index), What: "an index of " +
			humanize.Mebibytes(int64(n))})
	}
	return nil
}

// indexItems are the files that are not in KV according to before.
func indexItems(r *Record, l *manifest.Listing, before *Record, all bool) []*upload.Item {
	there := before.Contents()
	var items []*upload.Item
	for i, f := range l.Files {
		key := r.Index[i].Key
		if _, ok := there[key]; ok && !all {
			continue
		}
		items = append(items, &upload.Item{
			Name: f.Path, Size: f.Size, Want: r.Hashes[i], Open: f.Open,
			Key: func(manifest.Hash) string { return key }, KeyBytes: upload.KeyBytes(key),
		})
	}
	return items
}

func (k *kvAssets) guardIndexShrink(l *manifest.Listing, before, next *Record, opt Options) error {
	if opt.AllowShrink {
		return nil
	}
	p := &kvAssetsPlan{Draft: &layout.Draft{Plan: plan.Plan{Origin: l.Origin}}, next: next}
	if len(next.Index) == 0 {
		return p.HoldsNothing()
	}
	p.compare(before)
	return layout.CheckLeft(len(next.Index), len(before.Index), p.Removed)
}

func kvAssetsNotices(l *manifest.Listing) []manifest.Problem {
	notices := l.Notices
	if len(l.Redirects)+len(l.Headers) > 0 {
		notices = append(slices.Clip(notices),
			manifest.ProblemOf(`layout "`+kvAssetsName+`"`, finding.CaseRulesKVAssets, finding.Facts{}))
	}
	return notices
}
