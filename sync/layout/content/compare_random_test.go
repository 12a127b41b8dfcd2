package content

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// definition is the expected result of compare and retire. It is computed with maps of
// all files, so the computation is simple but slow.
type definition struct {
	added, changed, removed []plan.Change
	unchanged               int
	uploads                 map[manifest.Content]bool
	retired                 map[string]manifest.Retired
	guarded                 map[string]bool
}

// comparison is the input of compare and retire.
type comparison struct {
	listing     *manifest.Listing
	worker      cloud.Worker
	base, carry *manifest.Manifest
	left        []*manifest.Manifest
	confirmed   map[manifest.Content]manifest.Ref
}

func (c comparison) define(e *Content) definition {
	base, carry := c.base, c.carry
	d := definition{uploads: map[manifest.Content]bool{}, retired: map[string]manifest.Retired{},
		guarded: map[string]bool{}}
	were, there := map[string]manifest.Asset{}, map[manifest.Content]bool{}
	if base != nil {
		for _, a := range base.Assets {
			were[a.Path] = a
		}
	}
	if carry != nil {
		for _, a := range carry.Assets {
			there[a.Content()] = true
		}
	}
	for content := range c.confirmed {
		there[content] = true
	}
	now := map[string]bool{}
	for _, f := range c.listing.Files {
		now[f.Path] = true
		switch a, ok := were[f.Path]; {
		case !ok:
			d.added = append(d.added, plan.Change{Path: f.Path, Size: f.Size})
		case a.Content() == f.Content() && a.ContentType == f.ContentType:
			d.unchanged++
		default:
			d.changed = append(d.changed, plan.Change{Path: f.Path, Size: f.Size, Before: a.Size})
		}
		if !there[f.Content()] {
			d.uploads[f.Content()] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(were)) {
		if !now[path] {
			d.removed = append(d.removed, plan.Change{Path: path, Size: were[path].Size})
		}
	}
	if carry == nil {
		return d
	}
	retire := func(r manifest.Retired) {
		guarded := c.worker.Routing.Guards(r.Path)
		for _, m := range append([]*manifest.Manifest{carry}, c.left...) {
			guarded = guarded || m.Routing.Guards(r.Path)
		}
		switch _, listed := d.retired[r.Path]; {
		case now[r.Path], listed:
		case guarded:
			d.guarded[r.Path] = true
		default:
			r.OID = ""
			d.retired[r.Path] = r
		}
	}
	for _, m := range append([]*manifest.Manifest{carry}, c.left...) {
		for _, a := range m.Assets {
			retire(manifest.Retired{Asset: a, Until: e.Time().Add(e.Grace).Unix(), Left: e.Retain - 1})
		}
	}
	for _, r := range carry.Retired {
		if r.Left--; r.Left > 0 || r.Until > e.Time().Unix() {
			retire(r)
		}
	}
	return d
}

// The sorted walks of a plan and the maps of [comparison.define] have the same result.
// The random cases contain equal content at several paths, moves, swaps, files that
// return, other types, blobs confirmed before, a source without hashes, retired paths
// that return, and routings that guard different files.
func TestCompareByDefinition(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	e := &Content{Client: &site.Client{Target: keyed("blog"),
		Config: site.Config{Site: "blog", Grace: 24 * time.Hour, Retain: 3,
			Account: timedAccount{clock: func() time.Time { return now }}}}}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		nonces := uint32(0)
		asset := func(path string) manifest.Asset {
			body := fmt.Sprint(r.IntN(8))
			nonces++
			a := manifest.Asset{Path: path, Size: int64(len(body)), ContentType: []string{"a/b", "c/d"}[r.IntN(5)/4], OID: body,
				Modified: r.Int64N(9)}
			a.Blob = manifest.Ref{Hash: manifest.HashOf([]byte(body)), Nonce: manifest.Nonce{byte(nonces >> 8), byte(nonces), 1}}
			if body == "7" { // in chunks
				a.Size = manifest.MaxValueBytes + 1
			}
			return a
		}
		assets := func() (out []manifest.Asset) {
			for _, p := range []string{"/", "/a", "/a-", "/a/", "/a/b", "/b", "/z", "/ü"} {
				if r.IntN(3) > 0 {
					out = append(out, asset(p))
				}
			}
			return out
		}
		routing := func() *manifest.Routing {
			return []*manifest.Routing{{}, {}, {}, {Worker: []string{"/a*"}},
				{Worker: []string{"*"}, Site: []string{"/a"}, Retire: []string{"/z*"}}, nil}[r.IntN(6)]
		}
		live := &manifest.Manifest{Assets: assets(), Routing: routing()}
		for _, p := range []string{"/a", "/gone", "/z", "/zz"} {
			if r.IntN(2) == 0 {
				live.Retired = append(live.Retired, manifest.Retired{Asset: asset(p), Until: now.Unix() + r.Int64N(3) - 1,
					Left: r.IntN(4)})
			}
		}
		base, carry := live, live
		switch r.IntN(6) {
		case 0:
			carry = nil
		case 1:
			base, carry = nil, nil
		}
		left := []*manifest.Manifest{{Assets: assets(), Routing: routing()},
			{Assets: assets(), Routing: routing()}}[:r.IntN(3)]
		l := &manifest.Listing{}
		unhashed := r.IntN(6) == 0
		for _, a := range assets() {
			a.Blob.Nonce = manifest.Nonce{}
			if unhashed {
				a.Blob.Hash = manifest.Hash{}
			}
			l.Files = append(l.Files, manifest.File{Asset: a})
		}
		was := layout.StartRun(e.Client, nil, cloud.Worker{}, plan.Options{})
		for range r.IntN(3) {
			a := asset("")
			was.Confirmed[a.Content()] = a.Blob
		}
		d := &contentDraft{Draft: &layout.Draft{Worker: cloud.Worker{Routing: routing()}}}
		want := comparison{l, d.Worker, base, carry, left, was.Confirmed}.define(e)
		d.compare(e, l, base, carry, was)
		if !reflect.DeepEqual(d.Added, want.added) || !reflect.DeepEqual(d.Changed, want.changed) ||
			!reflect.DeepEqual(d.Removed, want.removed) || d.Unchanged != want.unchanged {
			t.Fatalf("seed %d: %v %v %v %d, want %+v", seed, d.Added, d.Changed, d.Removed, d.Unchanged, want)
		}
		uploads := map[manifest.Content]bool{}
		for _, f := range d.Uploads {
			if uploads[f.Content()] && !unhashed {
				t.Fatalf("seed %d: %s is uploaded twice", seed, f.Path)
			}
			uploads[f.Content()] = true
		}
		if !maps.Equal(uploads, want.uploads) {
			t.Fatalf("seed %d: uploads %v, want %v", seed, uploads, want.uploads)
		}
		// The blob of each file contains its bytes. It is a live one, one that was
		// confirmed before, or one of this run.
		holds := map[manifest.Ref]manifest.Content{}
		if carry != nil {
			for _, a := range carry.Assets {
				holds[a.Blob] = a.Content()
			}
		}
		for c, ref := range was.Confirmed {
			holds[ref] = c
		}
		for i, a := range d.Manifest.Assets {
			f := l.Files[i]
			if c, ok := holds[a.Blob]; a.Path != f.Path || a.Content() != f.Content() ||
				uploads[f.Content()] != (a.Blob.Nonce == was.Nonce.For(a)) || ok == uploads[f.Content()] || ok && c != f.Content() {
				t.Fatalf("seed %d: %+v of %+v", seed, a, f)
			}
		}
		if carry == nil {
			continue
		}
		got, guarded := e.retired(d.Manifest, carry, left, carry.Routing != nil)
		if len(guarded) != len(want.guarded) || slices.ContainsFunc(guarded,
			func(a manifest.Asset) bool { return !want.guarded[a.Path] }) {
			t.Fatalf("seed %d: guarded %v, want %v", seed, guarded, want.guarded)
		}
		if !slices.IsSortedFunc(got, func(a, b manifest.Retired) int { return strings.Compare(a.Path, b.Path) }) ||
			len(got) != len(want.retired) {
			t.Fatalf("seed %d: retired %v, want %v", seed, got, want.retired)
		}
		for _, r := range got {
			if r != want.retired[r.Path] {
				t.Fatalf("seed %d: retired %+v, want %+v", seed, r, want.retired[r.Path])
			}
		}
	}
}
