package pathname

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// pathnamePlan is a plan with the state that its execution needs.
type pathnamePlan struct {
	*layout.Draft
	e    *site.Client
	r    *layout.Run
	keys Keys
	live *Manifest // empty if there is none
	// toDelete are the pathnames, ascending, whose keys the deploy deletes.
	toDelete []string
}

// Plan compares the source with the manifest, and reads nothing else. The manifest has no
// sizes, so the sizes of removed files and the old sizes of changed files are zero.
func (f *inPlaceFiles) Plan(ctx context.Context, l *version.Live, d *layout.Draft, r *layout.Run) (_ layout.Planned,
	err error) {
	e, opt := f.Client, r.Options
	d.Layout = Layout.Name
	if d.Namespace, err = e.FindNamespace(ctx, l)(); err != nil {
		return nil, err
	}
	p := &pathnamePlan{Draft: d, e: e, r: r, keys: Keys(e.Site)}
	found, err := p.read(ctx, e, opt)
	if err != nil {
		return nil, err
	}
	var base *manifest.Manifest // without one, the upload computes the hashes
	if found.readable {
		base = &manifest.Manifest{}
	}
	listing, err := r.Source.Files(ctx, base)
	if err != nil {
		return nil, err
	}
	if err := refusePaths(p.keys, listing.Files); err != nil {
		return nil, err
	}
	p.Origin, p.Ignored, p.Excluded = listing.Origin, listing.Ignored, listing.Excluded
	p.compare(listing, found, opt)
	if p.NoChange {
		return p, nil
	}
	p.notices(e, listing)
	if err := p.checkSize(); err != nil {
		return nil, err
	}
	return p, p.guardShrink(found, opt)
}

// pathnameLive is what exists of a project before a deploy.
type pathnameLive struct {
	// readable is set if a manifest of this layout exists.
	readable bool
	// strays are the pathnames of keys that the manifest does not name. They are
	// listed only if the manifest is not trusted.
	strays []string
}

// read reads the manifest, and lists the strays if the manifest is not trusted.
func (p *pathnamePlan) read(ctx context.Context, e *site.Client, opt plan.Options) (found pathnameLive, err error) {
	p.live = &Manifest{}
	p.First = true
	if p.Namespace == "" {
		return found, nil
	}
	store := e.Account.Store(p.Namespace)
	m, err := cloud.ReadAs(ctx, store, p.keys.Manifest(), Decode)
	p.First = errors.Is(err, cloud.ErrNotFound)
	switch {
	case err == nil:
		p.live, found.readable = m, true
	case cloud.Undecodable(err) && !opt.TakeOver:
		facts := finding.Facts{Site: e.Site, Key: p.keys.Manifest(), Cause: err}
		return found, guard.Stop(guard.Foreign, finding.CaseForeignManifest, facts)
	case !p.First && !cloud.Undecodable(err):
		return found, fmt.Errorf("read the manifest of project %s: %w", e.Project, err)
	}
	if opt.Repair || !p.First && !found.readable {
		found.strays, err = p.strays(ctx, e, store)
		return found, err
	}
	return found, nil
}

// strays lists the project's files that the manifest does not name.
func (p *pathnamePlan) strays(ctx context.Context, e *site.Client, store cloud.Store) (paths []string, err error) {
	err = cloud.EachKey(ctx, store, p.keys.Assets()+"/", func(k cloud.KeyInfo) error {
		path := strings.TrimPrefix(k.Name, p.keys.Assets())
		if _, named := p.live.Entries[path]; !named {
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// refusePaths lists every file that this layout cannot store.
func refusePaths(k Keys, files []manifest.File) error {
	var problems []manifest.Problem
	for _, f := range files {
		if c, facts := checkPath(k, f); c != "" {
			problems = append(problems, manifest.ProblemOf(strings.TrimPrefix(f.Path, "/"), c, facts))
		}
	}
	if len(problems) > 0 {
		return &manifest.RefusedError{Problems: problems}
	}
	return nil
}

// checkPath returns the limit of this layout that a file exceeds; "" if it is within all
// of them.
func checkPath(k Keys, f manifest.File) (finding.Case, finding.Facts) {
	switch n := len(k.Asset(f.Path)); {
	case !utf8.ValidString(f.Path):
		return finding.CasePathEncoding, finding.Facts{}
	case n > layout.MaxKeyBytes:
		return finding.CaseKeyLength, finding.Facts{Path: k.Assets() + " and the path", Count: n, Of: layout.MaxKeyBytes}
	case f.Size > manifest.MaxValueBytes:
		return finding.CaseFileSize, finding.Facts{What: humanize.Mebibytes(f.Size), Name: pathnameName}
	}
	return "", finding.Facts{}
}

// compare fills in the plan from the source and the manifest.
func (p *pathnamePlan) compare(l *manifest.Listing, found pathnameLive, opt plan.Options) {
	p.Manifest = &manifest.Manifest{Origin: l.Origin, Assets: make([]manifest.Asset, 0, len(l.Files))}
	unsettled := setOf(p.live.Unsettled)
	listed := make(map[string]bool, len(l.Files))
	for _, f := range l.Files {
		listed[f.Path] = true
		p.Manifest.Assets = append(p.Manifest.Assets, f.Asset)
		old, there := p.live.Entries[f.Path]
		same := there && !unsettled[f.Path] && !f.Blob.Hash.IsZero() && old.ETag == f.Blob.Hash.String()
		switch {
		case same && old.ContentType == f.ContentType:
			p.Unchanged++
		case there:
			p.Changed = append(p.Changed, plan.Change{Path: f.Path, Size: f.Size})
		default:
			p.Added = append(p.Added, plan.Change{Path: f.Path, Size: f.Size})
		}
		if !same || opt.Repair {
			p.Uploads = append(p.Uploads, f)
			p.Bytes += f.Size
		}
	}
	for _, path := range slices.Sorted(maps.Keys(p.live.Entries)) {
		if !listed[path] {
			p.Removed = append(p.Removed, plan.Change{Path: path})
			p.toDelete = append(p.toDelete, path)
		}
	}
	for _, path := range slices.Concat(p.live.Unsettled, found.strays) {
		if !listed[path] {
			p.toDelete = append(p.toDelete, path)
		}
	}
	slices.Sort(p.toDelete)
	p.toDelete = slices.Compact(p.toDelete)

	// Unsettled files are in one of these lists, whether the source has them or not.
	if found.readable && !opt.Repair && len(p.Added)+len(p.Changed)+len(p.toDelete) == 0 {
		p.Plan = plan.Plan{Site: p.Site, Layout: p.Layout, Origin: p.Origin, NoChange: true}
		return
	}
	p.Blobs = len(p.Uploads)
	p.Writes = p.Blobs + p.manifests()
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// manifests returns how many times the manifest is written.
func (p *pathnamePlan) manifests() int {
	n := 1
	if len(p.Uploads) > 0 {
		n++
	}
	if len(p.toDelete) > 0 {
		n++
	}
	return n
}

func (p *pathnamePlan) notices(e *site.Client, l *manifest.Listing) {
	add := func(c finding.Case, f finding.Facts) {
		p.Notices = append(p.Notices, manifest.ProblemOf(`layout "pathname"`, c, f))
	}
	p.Notices = slices.Clip(l.Notices)
	add(finding.CaseNoSwitch, finding.Facts{})
	if len(p.live.Unsettled) > 0 {
		add(finding.CaseUnfinished, finding.Facts{})
	}
	if len(l.Redirects)+len(l.Headers) > 0 {
		add(finding.CaseRulesPathname, finding.Facts{})
	}
	if e.Serving.HTMLHandling != "" || e.Serving.NotFound != "" {
		add(finding.CaseServingPathname, finding.Facts{})
	}
	if left := len(p.toDelete) - len(p.Removed); left > 0 {
		add(finding.CaseStrays, finding.Facts{What: humanize.Count(left, "more key")})
	}
}

// checkSize refuses a manifest that is too large for KV.
func (p *pathnamePlan) checkSize() error {
	n := max(len(p.announced(manifest.Nonce{}).Encode()), len(p.named(p.toDelete).Encode()))
	if n > manifest.MaxValueBytes {
		size := "a manifest of " + humanize.Mebibytes(int64(n))
		return guard.Stop(guard.Layout, finding.CaseManifestSize, finding.Facts{Count: len(p.Manifest.Assets), What: size})
	}
	return nil
}

func (p *pathnamePlan) guardShrink(found pathnameLive, opt plan.Options) error {
	if opt.AllowShrink {
		return nil
	}
	if len(p.Manifest.Assets) == 0 {
		return p.HoldsNothing()
	}
	gone, all := slices.Clone(p.Removed), len(p.live.Entries)+len(found.strays)
	for _, path := range found.strays {
		if _, deleted := slices.BinarySearch(p.toDelete, path); deleted {
			gone = append(gone, plan.Change{Path: path})
		}
	}
	slices.SortFunc(gone, func(a, b plan.Change) int { return strings.Compare(a.Path, b.Path) })
	return layout.CheckLeft(len(p.Manifest.Assets), all, gone)
}

// announced returns the manifest for the time in which files are written. It also lists
// the unnamed files that will be deleted: if this run is interrupted, nothing else names
// them.
func (p *pathnamePlan) announced(run manifest.Nonce) *Manifest {
	paths := make([]string, len(p.Uploads))
	for i, f := range p.Uploads {
		paths[i] = f.Path
	}
	for _, path := range p.toDelete {
		if _, named := p.live.Entries[path]; !named {
			paths = append(paths, path)
		}
	}
	return p.live.DuringWrite(paths, run)
}

// named returns the manifest for after the files are written.
func (p *pathnamePlan) named(unsettled []string) *Manifest {
	m := &Manifest{Entries: make(map[string]Entry, len(p.Manifest.Assets)), Unsettled: unsettled}
	for _, a := range p.Manifest.Assets {
		m.Entries[a.Path] = Entry{ContentType: a.ContentType, ETag: a.Blob.Hash.String()}
	}
	return m
}
