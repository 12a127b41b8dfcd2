package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// view is what a version of kv-sync serves.
type view struct {
	says      *says
	namespace *model.Namespace
	stored    *storedManifest
	served    *servedManifest
	// keys are those that it needs: its files, its manifest and its record.
	keys map[string]bool
}

// view reads a version. It is nil for one of another tool, and for one that cannot be read.
func (k *Checker) view(v *model.Version) *view {
	if w, ok := k.seen[v]; ok {
		return w
	}
	s := readSays(v)
	if s == nil {
		return nil
	}
	w, err := k.read(v, s)
	if err != nil {
		k.violation(1, "version %s: %v", v.ID, err)
	}
	k.seen[v] = w
	return w
}

func (k *Checker) read(v *model.Version, s *says) (*view, error) {
	w := &view{says: s, namespace: k.cloud.Namespace(s.Namespace), keys: make(map[string]bool)}
	if w.namespace == nil {
		return nil, fmt.Errorf("there is no namespace %q", s.Namespace)
	}
	key := s.Site + "/m/" + s.Manifest
	w.keys[key], w.keys[s.Site+"/d/"+s.Deployment] = true, true
	b, ok := w.namespace.Get(key)
	if !ok {
		return nil, fmt.Errorf("%s is not there", key)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != s.Manifest[:64] {
		return nil, fmt.Errorf("%s does not hash to its key", key)
	}
	var err error
	if w.stored, err = readStored(b); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if w.served, err = readServed(v.Modules["kv-sync-manifest.bin"]); err != nil {
		return nil, fmt.Errorf("what it serves: %w", err)
	}
	for _, a := range w.stored.assets {
		w.keys[s.Site+"/b/"+a.ref] = true
	}
	return w, w.compare()
}

// compare checks that both encodings name the same files.
func (w *view) compare() error {
	s := w.says
	if w.stored.site != s.Site || w.served.site != s.Site {
		return errors.New("its manifest is of another site")
	}
	all := append(append([]asset(nil), w.stored.assets...), w.stored.retired...)
	if len(all) != len(w.served.entries) {
		return fmt.Errorf("it stores %d files and serves %d", len(all), len(w.served.entries))
	}
	for _, a := range all {
		if b, ok := w.served.find(a.path); !ok || b != a {
			return fmt.Errorf("it stores %+v and serves %+v", a, b)
		}
	}
	return nil
}

// retention is what a prune must keep of a script.
type retention struct {
	versions []*model.Version
	grace    time.Duration
}

// retained are the versions of the active deployment, of the last ones, and of all that
// were active within the grace period. What another tool made live after a look does not count;
// without a look, nothing that it made live does: it may be a version that was not retained.
func (k *Checker) retained(s *model.Script, looked time.Time) retention {
	const minGrace = 10 * time.Minute
	out := retention{grace: minGrace}
	keep, ids, gone := 1, make(map[string]bool), make(map[string]bool)
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		d := s.Deployments[i]
		if k.chosen[d.ID] && !looked.IsZero() && d.Created.After(looked) {
			continue
		}
		for _, share := range d.Shares {
			v := s.Version(share.Version)
			if v == nil {
				continue
			}
			says := readSays(v)
			if says == nil {
				continue
			}
			active := i == len(s.Deployments)-1
			ended := active || time.Since(s.Deployments[i+1].Created) < out.grace
			if !active && !ended && !ids[says.Deployment] && len(ids) >= keep {
				continue
			}
			ids[says.Deployment] = true
			keep, out.grace = max(keep, says.Retain), max(out.grace, time.Duration(says.Grace)*time.Second)
			if k.chosen[d.ID] && looked.IsZero() {
				gone[says.Deployment] = true
			}
			if !gone[says.Deployment] {
				out.versions = append(out.versions, v)
			}
		}
	}
	return out
}
