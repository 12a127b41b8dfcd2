package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// view is what a version of kv-sync serves.
type view struct {
	id        string // of the version
	says      *says
	namespace *model.Namespace
	stored    *storedManifest
	served    *servedManifest
	// chunks are the indexes of its files in chunks, by their reference.
	chunks map[string]*chunkIndex
	// keys are those that it needs: its files, its manifest and its record.
	keys map[string]bool
	// root is its manifest if that is in parts, and partOf the key of the part of each path.
	root   *root
	partOf map[string]string
	// next is the root with which a later deploy may begin, and nextKeys are its keys.
	next     *root
	nextKeys map[string]bool
	// servedKey is the key of a project's served manifest, code the name of its main module.
	servedKey, code string
}

// view reads a version. It is nil for one of another tool, and for one that cannot be read.
func (c *Checker) view(v *model.Version) *view {
	if w, ok := c.seen[v]; ok {
		return w
	}
	s := c.readSays(v)
	if s == nil {
		return nil
	}
	var w *view
	var err error
	if n := c.cloud.Namespace(s.Namespace); s.Index != "" && n != nil {
		w, err = indexedView(v, n, s)
	} else {
		w, err = c.read(v.ID, n, s, v.Modules["kv-sync-manifest.bin"])
	}
	if err != nil {
		c.violation(1, "version %s: %v", v.ID, err)
	}
	c.seen[v] = w
	return w
}

// read reads what a version names. served is its served manifest.
func (c *Checker) read(id string, n *model.Namespace, s *says, served []byte) (*view, error) {
	w := &view{id: id, says: s, namespace: n, keys: make(map[string]bool),
		chunks: make(map[string]*chunkIndex)}
	if n == nil {
		return nil, fmt.Errorf("there is no namespace %q", s.Namespace)
	}
	w.keys[s.Site+"/d/"+s.Deployment] = true
	if err := w.readManifest(served); err != nil {
		return nil, err
	}
	if err := w.readNext(); err != nil {
		return nil, fmt.Errorf("its next root: %w", err)
	}
	for _, a := range w.stored.assets {
		w.keys[s.Site+"/b/"+a.ref] = true
		if err := w.readChunks(a); err != nil {
			return nil, err
		}
		if x := w.chunks[a.ref]; x != nil {
			for _, ref := range x.chunks {
				w.keys[s.Site+"/b/"+ref] = true
			}
		}
	}
	for _, a := range w.stored.retired {
		_ = w.readChunks(a) // it need not be there any more
	}
	return w, w.compare()
}

// readManifest reads the manifest of a version, whole or in parts. served is the module.
func (w *view) readManifest(served []byte) (err error) {
	s := w.says
	if strings.HasPrefix(s.Manifest, rootPrefix) {
		return w.readRoot(served)
	}
	if s.Format != 1 {
		return fmt.Errorf("it has the format %d, and a whole manifest", s.Format)
	}
	key := s.Site + "/m/" + s.Manifest
	w.keys[key] = true
	b, ok := w.namespace.Get(key)
	if !ok {
		return fmt.Errorf("%s is not there", key)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != s.Manifest[:64] {
		return fmt.Errorf("%s does not hash to its key", key)
	}
	if w.stored, err = readStored(b); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if w.served, err = readServed(served, false); err != nil {
		return fmt.Errorf("what it serves: %w", err)
	}
	return nil
}

// readChunks reads the chunk index of a file that is in chunks.
func (v *view) readChunks(a asset) error {
	if !a.chunked {
		return nil
	}
	key := v.says.Site + "/b/" + a.ref
	b, ok := v.namespace.Get(key)
	if !ok {
		return fmt.Errorf("the chunk index %s is not there", key)
	}
	x, err := readChunkIndex(b)
	if err == nil && (x.size != a.size || x.hash != a.ref[:64]) {
		err = errors.New("it is of another file")
	}
	if err != nil {
		return fmt.Errorf("the chunk index %s: %w", key, err)
	}
	v.chunks[a.ref] = x
	return nil
}

// compare checks that both encodings name the same files.
func (v *view) compare() error {
	s := v.says
	if v.stored.site != s.Site || v.served.site != s.Site {
		return errors.New("its manifest is of another site")
	}
	all := append(append([]asset(nil), v.stored.assets...), v.stored.retired...)
	if len(all) != len(v.served.entries) {
		return fmt.Errorf("it stores %d files and serves %d", len(all), len(v.served.entries))
	}
	for _, a := range all {
		if b, ok := v.served.find(a.path); !ok || b != a {
			return fmt.Errorf("it stores %+v and serves %+v", a, b)
		}
	}
	return nil
}

// activation made versions live.
type activation struct {
	id      string
	at      time.Time
	message string
	views   []*view // of those versions that are kv-sync's
}

// past is what was live of a site or a project, oldest first.
func (c *Checker) past(site string) (all []activation) {
	if strings.HasPrefix(site, projects) {
		return c.projectPast(site)
	}
	s := c.cloud.Script(site)
	if s == nil {
		return nil
	}
	for _, d := range s.Deployments {
		a := activation{id: d.ID, at: d.Created, message: d.Message}
		for _, share := range d.Shares {
			if v := s.Version(share.Version); v != nil {
				if w := c.view(v); w != nil {
					a.views = append(a.views, w)
				}
			}
		}
		all = append(all, a)
	}
	return all
}

// retention is what a prune must keep.
type retention struct {
	views []*view
	grace time.Duration
}

// retained are the versions of the active deployment, of the last ones, and of all that
// were active within the grace period. What another tool made live after a look does not count;
// without a look, nothing that it made live does: it may be a version that was not retained.
func (c *Checker) retained(past []activation, looked time.Time) retention {
	const minGrace = 10 * time.Minute
	out := retention{grace: minGrace}
	keep, ids, gone := 1, make(map[string]bool), make(map[string]bool)
	for i, a := range slices.Backward(past) {
		if c.chosen[a.id] && !looked.IsZero() && a.at.After(looked) {
			continue
		}
		for _, w := range a.views {
			id := w.says.Deployment
			active := i == len(past)-1
			ended := active || time.Since(past[i+1].at) < out.grace
			if !active && !ended && !ids[id] && len(ids) >= keep {
				continue
			}
			ids[id] = true
			keep, out.grace = max(keep, w.says.Retain), max(out.grace, time.Duration(w.says.Grace)*time.Second)
			if c.chosen[a.id] && looked.IsZero() {
				gone[id] = true
			}
			if !gone[id] {
				out.views = append(out.views, w)
			}
		}
	}
	return out
}
