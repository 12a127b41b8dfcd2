package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// rootPrefix begins the names of roots.
const rootPrefix = "t/"

// readRoot reads a manifest in parts. served is the module, which is the root.
func (w *view) readRoot(served []byte) error {
	s := w.says
	if s.Format != 2 {
		return fmt.Errorf("it has the format %d, and a manifest in parts", s.Format)
	}
	r, b, err := open(w.namespace, s.Site, s.Manifest)
	if err != nil {
		return err
	}
	if string(b) != string(served) {
		return errors.New("its module is not its root")
	}
	w.root, w.stored, w.partOf = r, r.manifest(), make(map[string]string)
	w.served = &servedManifest{site: r.site, overlay: r.overlay, entries: make(map[[16]byte]asset)}
	for _, i := range []int{0, 2} {
		for _, e := range r.sequences[i].entries {
			h := pathHash(e.path)
			if _, served := w.served.entries[h]; served {
				return fmt.Errorf("%s is a file and a retired one", e.path)
			}
			a := e.asset
			a.path = ""
			w.served.entries[h] = a
			w.partOf[e.path] = r.sequences[i].partOf(s.Site, e.path)
		}
	}
	w.keys[s.Site+"/"+s.Manifest] = true
	for _, key := range r.keys(s.Site) {
		w.keys[key] = true
	}
	return nil
}

// readNext reads the root with which a later deploy may begin. It has the same files.
func (w *view) readNext() error {
	s := w.says
	if s.Next == "" {
		return nil
	}
	if !strings.HasPrefix(s.Next, rootPrefix) {
		return fmt.Errorf("%q is no root", s.Next)
	}
	next, _, err := open(w.namespace, s.Site, s.Next)
	if err != nil {
		return err
	}
	w.next, w.nextKeys = next, map[string]bool{s.Site + "/" + s.Next: true}
	for _, key := range next.keys(s.Site) {
		w.nextKeys[key] = true
	}
	got := next.manifest()
	switch {
	case next.site != s.Site || next.origin != s.Source:
		return errors.New("it is of another site, or has another source")
	case !slices.Equal(got.assets, sorted(w.stored.assets)) || !slices.Equal(got.retired, sorted(w.stored.retired)):
		return errors.New("it has other files")
	case slices.ContainsFunc(next.sequences[:], func(s sequence) bool { return len(s.difference) > 0 }):
		return errors.New("it has a difference")
	case w.root == nil:
		return nil
	case next.number != w.root.number:
		return fmt.Errorf("its number is %d, not %d", next.number, w.root.number)
	}
	for i, s := range w.root.sequences {
		if !slices.Equal(s.entries, next.sequences[i].entries) {
			return fmt.Errorf("its sequence %d has other entries", i+1)
		}
	}
	return nil
}

// sorted are assets in the order of parts.
func sorted(assets []asset) []asset {
	return slices.SortedFunc(slices.Values(assets), func(a, b asset) int { return comparePaths(a.path, b.path) })
}

const (
	// seenEverywhere is the age of a value that each location shows.
	seenEverywhere = 2 * time.Minute
	mostDifference = 64 << 10
	// typesBytes is more than the types of a difference have.
	typesBytes = 1 << 10
)

// follows checks that no file that a deploy did not change depends on a part that locations may not show
// yet: unless it is a first deploy, or one that trusts nothing, or what changed does not fit into the
// root. A file whose blob is as young is like one that changed.
func (c *Checker) follows(by string, s *model.Script, d *model.Deployment) {
	if !keepsTabs(d) && !strings.Contains(by, "/"+Forget) || len(d.Shares) != 1 {
		return
	}
	before := s.Deployments[:len(s.Deployments)-1]
	if slices.ContainsFunc(before, func(b *model.Deployment) bool { return b.Shares[0].Version == d.Main() }) {
		return // it was made live before
	}
	next, base := c.view(s.Version(d.Main())), over(before, d)
	if next == nil || next.root == nil || base == nil {
		return
	}
	old := c.view(s.Version(base.Main()))
	if old == nil || old.stored == nil || old.namespace != next.namespace {
		return
	}
	was := make(map[asset]bool)
	for _, a := range slices.Concat(old.stored.assets, old.stored.retired) {
		was[a] = true
	}
	if !slices.ContainsFunc(next.stored.assets, func(a asset) bool { return was[a] && !isYoung(a.ref) }) {
		return // it trusts nothing that is live
	}
	for _, a := range slices.Concat(next.stored.assets, next.stored.retired) {
		part := next.partOf[a.path]
		if part == "" || !was[a] || isYoung(a.ref) || old.keys[part] || !isYoung(part) {
			continue
		}
		if need := difference(old, next); need+typesBytes <= mostDifference {
			c.violation(2, "%s: %s did not change, and depends on the new part %s. What differs has %d bytes",
				by, a.path, part, need)
		}
		return
	}
}

// isYoung reports whether locations may not show a key yet.
func isYoung(key string) bool {
	_, nonce, _ := strings.Cut(key, ".")
	b, err := hex.DecodeString(nonce)
	return err != nil || len(b) != nonceBytes ||
		time.Since(time.Unix(int64(binary.BigEndian.Uint32(b)), 0)) < seenEverywhere
}

// difference is the least length of the differences with which a root can follow another one, in bytes.
func difference(old, next *view) (size int) {
	if old.root == nil && (old.next == nil || isYoung(old.says.Next)) {
		return 0 // it has to be whole once more
	}
	for i, s := range next.root.sequences {
		var parts []partEntry
		if old.next != nil && !isYoung(old.says.Next) {
			parts = old.next.sequences[i].inParts
		} else {
			parts = old.root.sequences[i].inParts
		}
		size += leastBytes(i+1, parts, s.entries)
	}
	return size
}

// leastBytes is the least length of a difference: its types are not counted.
func leastBytes(kind int, parts, now []partEntry) int {
	each := 4 + partRecord + tailOf(kind)
	if kind == partDirectories {
		each = 4 + 2
	}
	n, paths, object := 0, 0, 0
	add := func(e partEntry) { n, paths, object = n+1, paths+len(e.path), max(object, len(e.object)/2) }
	is := make(map[string]partEntry)
	for _, e := range now {
		is[e.path] = e
	}
	for _, e := range parts {
		switch n, still := is[e.path]; {
		case !still:
			add(partEntry{asset: asset{path: e.path}})
		case n == e:
			delete(is, e.path)
		}
	}
	for _, e := range is {
		add(e)
	}
	if n == 0 {
		return 0
	}
	return partHeader + checksumBytes + n*(each+object) + paths
}
