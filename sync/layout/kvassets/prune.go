package kvassets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Sweep finds files of earlier indexes that no retained index names. Retained are the
// last indexes, as many as the policy says, those younger than the grace period, and
// that of the active Worker. Sweep refuses if the active index is unknown or not the
// newest, and fails if anything cannot be read. It never includes keys of other tools in
// the namespace.
func (k *kvAssets) Sweep(ctx context.Context, opt layout.PruneOptions) (*layout.Sweep, error) {
	namespace, err := k.FindNamespace(ctx, &version.Live{})()
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		return nil, guard.Stop(guard.Target, finding.CasePruneNamespace, finding.Facts{Name: k.NamespaceTitle})
	}
	p := &kvAssetsPrune{e: k, store: k.Account.Store(namespace), keys: Keys(k.Site), opt: opt}
	if err := p.list(ctx); err != nil {
		return nil, err
	}
	if err := p.read(ctx); err != nil {
		return nil, fmt.Errorf("nothing was deleted: %w", err)
	}
	if err := p.findActive(ctx); err != nil {
		return nil, err
	}
	if err := p.findDeployed(ctx); err != nil {
		return nil, err
	}
	if err := p.root(); err != nil {
		return nil, err
	}
	out := &layout.Sweep{Store: p.store, Grace: p.policy.GracePeriod(), Before: p.activations, Expired: p.expired,
		CheckUnchanged: p.checkUnchanged}
	p.partition(out)
	return out, nil
}

// kvAssetsPrune is the state of one prune.
type kvAssetsPrune struct {
	e     *kvAssets
	store cloud.Store
	keys  Keys
	opt   layout.PruneOptions

	names   []string  // of everything but records
	own     []string  // the names of records and uploads
	records []*Record // newest first
	uploads []*Record

	deployments []string        // the ids of which there are records
	holds       map[string]held // the records of holds, by their names

	activations []cloud.Activation
	policy      version.Policy         // what is retained
	deployed    map[manifest.Hash]bool // the indexes of deployments that can be rolled back to
	active      map[manifest.Hash]bool // the indexes that the active Worker carries

	// current are the keys that the newest and the active index name, rooted those
	// that a retained index names, named those that any index names.
	current, rooted, named map[string]bool
	expired                []string // the records that retain nothing
}

// held is the key of a record of a hold.
type held struct {
	deployment string
	written    time.Time
}

func readHeld(rest string, below bool) (held, bool) {
	id, text, _ := strings.Cut(rest, ".")
	n, err := manifest.ParseNonce(text)
	return held{id, n.Time()}, below && err == nil && isDeployment(id)
}

func (p *kvAssetsPrune) list(ctx context.Context) error {
	err := cloud.EachKey(ctx, p.store, "", func(k cloud.KeyInfo) error {
		switch {
		case strings.HasPrefix(k.Name, p.keys.Prefix()):
			p.own = append(p.own, k.Name)
		case strings.HasPrefix(k.Name, Own):
			return guard.Stop(guard.Unread, finding.CasePruneShared, finding.Facts{Site: p.e.Site, Key: k.Name})
		default:
			p.names = append(p.names, k.Name)
		}
		return nil
	})
	p.own, p.names = distinct(p.own), distinct(p.names)
	return err
}

// read reads all records. There are few, because a prune deletes those that retain
// nothing.
func (p *kvAssetsPrune) read(ctx context.Context) error {
	var own []string
	p.holds = make(map[string]held)
	for _, name := range p.own {
		if h, ok := readHeld(strings.CutPrefix(name, p.keys.Prefix()+"h/")); ok {
			p.holds[name] = h
		} else if id, ok := strings.CutPrefix(name, p.keys.Deployment("")); ok && isDeployment(id) {
			p.deployments = append(p.deployments, id)
		} else {
			own = append(own, name)
		}
	}
	read := make([]*Record, len(own))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // a record may have 25 MiB
	for i, name := range own {
		class, text, _ := strings.Cut(strings.TrimPrefix(name, p.keys.Prefix()), "/")
		ref, err := manifest.ParseRef(text)
		if err != nil || class != "index" && class != "upload" {
			return guard.Stop(guard.Unread, finding.CasePruneKey, finding.Facts{Key: name})
		}
		g.Go(func() (err error) {
			read[i], err = p.e.readKVAssetsRecord(ctx, p.store, name, ref)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, r := range read {
		if strings.HasPrefix(own[i], p.keys.Records()) {
			p.records = append(p.records, r)
		} else {
			p.uploads = append(p.uploads, r)
		}
	}
	slices.SortFunc(p.records, func(a, b *Record) int { return bytes.Compare(b.Ref.Nonce[:], a.Ref.Nonce[:]) })
	if len(p.records) == 0 {
		return guard.Stop(guard.Target, finding.CasePruneNoIndex, finding.Facts{Site: p.e.Site})
	}
	return nil
}

// findActive finds the index in the active Worker, and refuses if it is not the newest.
func (p *kvAssetsPrune) findActive(ctx context.Context) (err error) {
	p.active = map[manifest.Hash]bool{}
	p.activations, err = p.e.Target.Activations(ctx)
	if err != nil && !errors.Is(err, cloud.ErrNotFound) {
		return fmt.Errorf("nothing was deleted: find which version of %s is active: %w", p.e.Site, err)
	}
	known := false
	if len(p.activations) > 0 {
		if known, err = p.carried(ctx); err != nil {
			return fmt.Errorf("nothing was deleted: find the index that the active Worker %s carries: %w", p.e.Site, err)
		}
	}
	newest := p.records[0].Ref.Hash
	switch {
	case p.opt.Force, known && len(p.active) == 1 && p.active[newest]:
		return nil
	case len(p.activations) == 0:
		return guard.Stop(guard.Target, finding.CasePruneNoWorker, finding.Facts{Site: p.e.Site})
	case known:
		return guard.Stop(guard.Target, finding.CasePruneOtherIndex, finding.Facts{Site: p.e.Site})
	}
	return guard.Stop(guard.Foreign, finding.CaseIndexUnknown, finding.Facts{Site: p.e.Site})
}

// carried fills active, and reports whether it is complete.
func (p *kvAssetsPrune) carried(ctx context.Context) (known bool, err error) {
	known = true
	for _, share := range p.activations[0].Versions {
		v, err := p.e.Target.Version(ctx, share.Version)
		if err != nil {
			return false, err
		}
		meta, err := version.ReadMeta(v, p.e.Site)
		if err != nil {
			return false, err
		}
		if hash, ok := meta.IndexHash(); ok {
			p.active[hash] = true
		} else {
			known = false
		}
	}
	if known || p.opt.Code == nil || len(p.activations[0].Versions) != 1 {
		return known, nil
	}
	code, err := p.opt.Code.Code(ctx)
	if err != nil {
		return false, err
	}
	for _, r := range p.records {
		// An empty index is eight zero bytes, which any program contains.
		if len(r.Index) > 0 && !p.active[r.Ref.Hash] && bytes.Contains(code, EncodeIndex(r.Index)) {
			p.active[r.Ref.Hash] = true
		}
	}
	return len(p.active) > 0, nil
}

// root collects the keys to keep.
func (p *kvAssetsPrune) root() error {
	p.current, p.rooted, p.named = map[string]bool{}, map[string]bool{}, map[string]bool{}
	local, _ := DecodeIndex(p.opt.Local) // Local may not be an index
	local.Mark(p.current)
	for i, r := range p.records {
		switch {
		case i == 0 || p.active[r.Ref.Hash]:
			r.Index.Mark(p.current)
		case i < p.policy.Retain || p.young(r.Ref) || p.deployed[r.Ref.Hash]:
			r.Index.Mark(p.rooted)
		default:
			p.expired = append(p.expired, p.keys.Record(r.Ref))
		}
		r.Index.Mark(p.named)
	}
	for _, r := range p.uploads {
		if p.young(r.Ref) {
			r.Index.Mark(p.rooted)
		} else {
			p.expired = append(p.expired, p.keys.Upload(r.Ref))
		}
		r.Index.Mark(p.named)
	}
	maps.Copy(p.rooted, p.current)
	if len(p.current) == 0 && len(p.names) > 0 {
		return guard.Stop(guard.Shrink, finding.CasePruneEmptyIndex, finding.Facts{Site: p.e.Site})
	}
	return nil
}

func (p *kvAssetsPrune) young(ref manifest.Ref) bool {
	return p.e.Time().Sub(ref.Nonce.Time()) < p.policy.GracePeriod()+time.Second
}

// kvAssetsShape matches every key of this layout.
var kvAssetsShape = regexp.MustCompile(`\.[0-9a-f]{1,10}(\.[^./]*)?$`)

// partition divides the keys into those to keep and those to delete.
func (p *kvAssetsPrune) partition(out *layout.Sweep) {
	for _, name := range p.names {
		switch shaped := kvAssetsShape.MatchString(name); {
		case p.rooted[name] && !p.current[name]:
			out.Kept.Young++
		case p.rooted[name], !shaped:
			out.Kept.Kept++
		case p.named[name], p.opt.Unrecorded:
			out.Unrooted = append(out.Unrooted, name)
		default:
			out.Kept.Kept++
			out.Kept.Unrecorded++
		}
	}
}

// distinct returns the names of a listing in order. KV may list a key twice.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// checkUnchanged refuses to continue if another run uploads meanwhile: that run may
// rely on a file that nothing named when the keys were listed.
func (p *kvAssetsPrune) checkUnchanged(ctx context.Context) error {
	var now []string
	err := cloud.EachKey(ctx, p.store, p.keys.Prefix(), func(k cloud.KeyInfo) error {
		now = append(now, k.Name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	if !slices.Equal(p.own, distinct(now)) {
		return guard.Stop(guard.Overtaken, finding.CasePruneConcurrent, finding.Facts{Site: p.e.Site})
	}
	return nil
}
