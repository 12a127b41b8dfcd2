package inspect

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// indexed is a file that an index of the layout kv-assets names.
type indexed struct {
	path, key string
	size      uint64
}

// assetsOf is the site whose files are at the top of a namespace in the layout kv-assets.
func assetsOf(n *model.Namespace) (site string, ok bool) {
	site, ok = strings.CutPrefix(n.Title, "__")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(site, "-workers_sites_assets")
}

// readIndex reads assets.bin, and returns what follows it.
func readIndex(b []byte) (all []indexed, rest []byte, err error) {
	number := func() (n uint64) {
		if len(b) < 8 {
			err = errShort
			return 0
		}
		n, b = binary.LittleEndian.Uint64(b), b[8:]
		return n
	}
	text := func() string {
		n := number()
		if uint64(len(b)) < n {
			err = errShort
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	before := ""
	for range number() {
		f := indexed{path: text(), key: text()}
		number() // modified
		if f.size = number(); err != nil {
			return nil, nil, err
		}
		if f.path <= before {
			return nil, nil, fmt.Errorf("after %q comes %q", before, f.path)
		}
		all, before = append(all, f), f.path
	}
	return all, b, err
}

// checksum is the part of a key that the contents decide.
func checksum(value []byte) string {
	sum := fmt.Sprintf("%x", xxhash.Sum64String(base64.StdEncoding.EncodeToString(value)))
	return sum[:min(10, len(sum))]
}

// indexedView reads a version whose code has an index.
func indexedView(v *model.Version, n *model.Namespace, s *says) (*view, error) {
	w := &view{id: v.ID, says: s, namespace: n, stored: &storedManifest{}, served: &servedManifest{},
		keys: map[string]bool{".kv-sync/" + s.Site + "/d/" + s.Deployment: true}}
	for _, module := range v.Modules {
		if !hashes(module, s.Index) {
			continue
		}
		files, rest, err := readIndex(module)
		if err != nil || len(rest) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%d bytes follow its index", len(rest)))
		}
		for _, f := range files {
			value, _ := n.Get(f.key)
			if !strings.Contains("/"+f.key, "."+checksum(value)) || uint64(len(value)) != f.size {
				return nil, fmt.Errorf("%s has the wrong content, or none", f.key)
			}
			sum := sha256.Sum256(value)
			w.keys[f.key] = true
			w.stored.assets = append(w.stored.assets,
				asset{path: "/" + f.path, ref: hex.EncodeToString(sum[:]) + "." + f.key, size: f.size})
		}
		return w, nil
	}
	return nil, errors.New("its code has no such index")
}

// key is where the value of a reference is.
func (v *view) key(ref string) string {
	if v.says.Index != "" {
		_, key, _ := strings.Cut(ref, ".")
		return key
	}
	return v.says.Site + "/b/" + ref
}

// putAsset checks a write in a namespace of the layout kv-assets, and reports whether n is one.
func (c *Checker) putAsset(by string, n *model.Namespace, key string, value []byte, before []model.Write) bool {
	site, ok := assetsOf(n)
	if !ok {
		return false
	}
	actor, kind := actor(by)
	if actor != site {
		c.violation(9, "%s changes %s", by, key)
	}
	rest, own := strings.CutPrefix(key, ".kv-sync/"+site+"/")
	letter, name, _ := strings.Cut(rest, "/")
	switch {
	case !own:
		if !strings.Contains("/"+key, "."+checksum(value)) {
			c.violation(1, "%s writes %s, which does not have the checksum of its contents", by, key)
		}
	case letter == "d" || letter == "h":
		c.once(by, key, value, before)
	case letter == "index" || letter == "upload":
		c.once(by, key, value, before)
		// A run that took too long deletes its record at once: newestWhole looks for it at the end.
		at, _ := written("b/" + name)
		complete := letter == "index" && time.Since(at) < 10*time.Minute
		if err := c.recorded(n, name, value, complete); err != nil {
			c.violation(3, "%s writes %s: %v", by, key, err)
		}
	default:
		c.violation(9, "%s writes %s, which is no key of %s", by, key, site)
	}
	if kind == Rollback && letter != "h" || kind == Delete {
		c.violation(7, "%s uploads %s", by, key)
	}
	return true
}

// recorded checks a record of an index, and that all files are there that a complete one names.
func (c *Checker) recorded(n *model.Namespace, name string, value []byte, complete bool) error {
	files, sums, err := readIndex(value)
	switch {
	case err != nil:
		return err
	case len(sums) != 32*len(files):
		return fmt.Errorf("it has %d bytes of hashes for %d files", len(sums), len(files))
	case !hashes(value[:len(value)-len(sums)], name[:64]):
		return errors.New("its index does not hash to its key")
	}
	for i, f := range files {
		if b, ok := n.Get(f.key); complete && (!ok || !hashes(b, hex.EncodeToString(sums[32*i:][:32]))) {
			return fmt.Errorf("%s is not there, or has other contents", f.key)
		}
	}
	return nil
}

// newestWhole checks at the end that all files are there that the newest record of a site names: the
// next deploy relies on it.
func (c *Checker) newestWhole() {
	for _, n := range c.cloud.Namespaces() {
		site, ok := assetsOf(n)
		if !ok {
			continue
		}
		newest, nonce := "", ""
		for _, key := range n.KeysAt(".kv-sync/"+site+"/index/", time.Now()) {
			if _, at, _ := strings.Cut(strings.TrimPrefix(key, ".kv-sync/"), "."); at > nonce {
				newest, nonce = key, at
			}
		}
		if newest == "" {
			continue
		}
		value, _ := n.Get(newest)
		if err := c.recorded(n, strings.TrimPrefix(newest, ".kv-sync/"+site+"/index/"), value, true); err != nil {
			c.violation(11, "at the end the newest record is %s, and %v", newest, err)
		}
	}
}

// deletedAsset checks a deletion in a namespace of the layout kv-assets.
func (c *Checker) deletedAsset(by, site string, n *model.Namespace, key string) {
	actor, kind := actor(by)
	if actor != site {
		c.violation(9, "%s changes %s", by, key)
	}
	kept := c.retained(c.past(site), c.looked[by])
	rest, own := strings.CutPrefix(key, ".kv-sync/"+site+"/")
	if own && kind != Delete {
		letter, name, _ := strings.Cut(rest, "/")
		if letter == "index" || letter == "upload" {
			letter = "b" // their keys tell their age in the same way
		}
		if at, ok := written(letter + "/" + name); !ok || time.Since(at) < kept.grace {
			c.violation(4, "%s deletes %s, which is young", by, key)
		}
	}
	for _, w := range kept.views {
		if w.keys[key] {
			c.violation(1, "%s deletes %s, which the retained version %s needs", by, key, w.id)
			return
		}
	}
	if own {
		return
	}
	named := false
	for _, record := range n.EverBelow(".kv-sync/" + site + "/") {
		letter, name, _ := strings.Cut(strings.TrimPrefix(record, ".kv-sync/"+site+"/"), "/")
		if letter != "index" && letter != "upload" {
			continue
		}
		value, _ := n.LastValue(record)
		files, _, _ := readIndex(value)
		for _, f := range files {
			if f.key != key {
				continue
			}
			named = true
			at, _ := written("b/" + name)
			if _, there := n.Get(record); there && kind != Delete && time.Since(at) < kept.grace {
				c.violation(4, "%s deletes %s, which the young record %s names", by, key, record)
				return
			}
		}
	}
	if !named {
		c.violation(9, "%s deletes %s, which no record names", by, key)
	}
}
