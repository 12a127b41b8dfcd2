package content

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// form says how the manifest of a plan is stored and served.
type form int

const (
	// formWhole is a served manifest inside the version, and a stored one in KV.
	formWhole form = iota
	// formGrown is formWhole with a root that a later deploy begins with. A site that has become
	// large cannot have parts at once: its unchanged files would depend on values that KV may not
	// show yet.
	formGrown
	// formParts is a root inside the version, with parts in KV.
	formParts
)

// form decides how the plan's manifest is stored and served.
func (d *contentDraft) form() form {
	m, c := d.Manifest, d.c
	switch {
	case m.Unread > 0: // the parts that were not read stay
		return formParts
	case m.Len()+len(m.Retired) <= c.WholeEntries, c.Target.InKV(), c.Serving.Overlay:
		return formWhole
	case d.tree == nil && d.liveFiles > 0 && d.checkWhole() == nil:
		return formGrown
	}
	return formParts
}

// fewChanges is a number of changed files whose difference fits into a root without a next one.
const fewChanges = 100

// partWrites returns how many values the plan's manifest needs besides one. If exact is false, it may
// need fewer.
func (d *contentDraft) partWrites() (n int, exact bool) {
	changes := len(d.Added) + len(d.Changed) + len(d.Removed)
	switch form := d.form(); {
	case form == formWhole, form == formParts && d.tree != nil && changes <= fewChanges:
		return 0, true
	case form == formGrown:
		return 1 + parts.Count(d.Manifest), true
	case d.tree == nil:
		return parts.Count(d.Manifest), true
	}
	return 1 + min(parts.Count(d.Manifest), 3*changes), false
}

// encoded is a manifest as it is stored and served.
type encoded struct {
	layout.Served
	module []byte // in the version
	values map[manifest.Ref]value
}

// value is a value of KV that belongs to a manifest.
type value struct {
	what, key string
	bytes     []byte
}

// encode encodes the plan's manifest. All its hashes are known.
func (d *contentDraft) encode(nonce manifest.Nonce) (*encoded, error) {
	out := &encoded{Served: layout.Served{Keeper: d.c}, values: make(map[manifest.Ref]value)}
	form := d.form()
	if form != formParts {
		if err := out.whole(d, nonce); err != nil {
			return nil, err
		}
	}
	if form == formWhole {
		return out, nil
	}
	e, err := parts.Follow(d.tree, d.Manifest, nonce)
	if err != nil {
		return nil, err
	}
	root := out.addRoot(d.c, e.Root, nonce)
	if form == formGrown {
		out.Next = root
	} else {
		out.Manifest, out.InParts, out.module = root, true, e.Root
	}
	if e.Next != nil {
		out.Next = out.addRoot(d.c, e.Next, nonce)
	}
	for ref, b := range e.Parts {
		out.values[ref] = value{"a part of the manifest", d.c.Keys().Part(ref), b}
	}
	return out, nil
}

// whole adds the stored and the served manifest.
func (e *encoded) whole(d *contentDraft, nonce manifest.Nonce) error {
	if n := d.Manifest.Unread; n > 0 {
		return fmt.Errorf("encode manifest: %d files were not read", n)
	}
	var stored []byte
	var g errgroup.Group // side by side: nothing else runs between the plan and the first request
	g.Go(func() (err error) { stored, err = manifest.EncodeStored(d.Manifest); return err })
	g.Go(func() (err error) { e.module, err = manifest.EncodeServed(d.Manifest); return err })
	if err := g.Wait(); err != nil {
		return err
	}
	ref := manifest.Ref{Hash: manifest.HashOf(stored), Nonce: nonce}
	e.Manifest = ref.String()
	e.values[ref] = value{"the manifest", d.c.Keys().Manifest(ref), stored}
	return nil
}

// addRoot adds a root, and returns its name.
func (e *encoded) addRoot(c *Content, b []byte, nonce manifest.Nonce) (name string) {
	ref := manifest.Ref{Hash: manifest.HashOf(b), Nonce: nonce}
	e.values[ref] = value{"the root of the manifest", c.Keys().Root(ref), b}
	return manifest.RootName(ref)
}

// items are the uploads of the values, in the order of their keys.
func (e *encoded) items() (items []*upload.Item) {
	for _, v := range slices.SortedFunc(maps.Values(e.values), compareKeys) {
		items = append(items, upload.Value(v.what, v.key, v.bytes))
	}
	return items
}

func compareKeys(a, b value) int { return cmp.Compare(a.key, b.key) }
