package inspect

import (
	"maps"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// edit is a write at run time that was acknowledged.
type edit struct {
	path, nonce string
	hash, typ   string // "" if the page was deleted
	at          time.Time
}

// overlays are what the checker knows of what was written at run time.
type overlays struct {
	writes  map[string]edit // by site and nonce
	newest  map[string]edit // by site and pathname
	inGit   map[string]bool // by commit, pathname and nonce
	adopted map[string]bool // by site, pathname and nonce: what a version that was live has adopted
	decoded map[string]*servedManifest
}

func newOverlays() *overlays {
	return &overlays{writes: make(map[string]edit), newest: make(map[string]edit), inGit: make(map[string]bool),
		adopted: make(map[string]bool), decoded: make(map[string]*servedManifest)}
}

func (o *overlays) clone() *overlays {
	return &overlays{maps.Clone(o.writes), maps.Clone(o.newest), maps.Clone(o.inGit), maps.Clone(o.adopted),
		maps.Clone(o.decoded)}
}

// Wrote says that a write at run time was acknowledged. The hash is "" for a deletion.
func (c *Checker) Wrote(site, path, nonce, hash, typ string) {
	e := edit{path, nonce, hash, typ, time.Now()}
	c.edits.writes[site+" "+nonce], c.edits.newest[site+" "+path] = e, e
}

// Erased says that the overlay of a site has nothing any more at the pathnames that begin like this.
func (c *Checker) Erased(site, paths string) {
	maps.DeleteFunc(c.edits.newest, func(key string, _ edit) bool { return strings.HasPrefix(key, site+" "+paths) })
}

// isDeleted reports whether a page was deleted at run time and a deploy has adopted that. Then no
// open tab may ask for it.
func (c *Checker) isDeleted(site, path string) bool {
	e, ok := c.edits.newest[site+" "+path]
	return ok && e.hash == "" && c.edits.adopted[site+" "+path+" "+e.nonce]
}

// InGit says that a commit lists a write as pulled.
func (c *Checker) InGit(commit, path, nonce string) { c.edits.inGit[commit+" "+path+" "+nonce] = true }

// Served is what a Worker knows that answers in a location.
type Served struct {
	// Adopted has the nonces of the writes that the manifest has adopted, by pathname.
	Adopted map[string]string
	// Files are the SHA-256 of the files by pathname, Retired those that only open tabs ask for.
	Files   map[string]string
	Retired map[string]bool
}

// ServedIn are the Workers with an overlay that answer for a site, one a location.
func (c *Checker) ServedIn(site string) (all []Served) {
	s := c.cloud.Script(site)
	if s == nil {
		return nil
	}
	for _, l := range c.locations {
		d := l.Active(s)
		if d == nil {
			continue
		}
		w := c.view(s.Version(d.Main()))
		if w == nil || w.served == nil || !w.served.overlay {
			continue
		}
		out := Served{Adopted: w.served.adopted, Files: make(map[string]string), Retired: make(map[string]bool)}
		for _, a := range w.stored.assets {
			out.Files[a.path] = a.ref[:64]
		}
		for _, a := range w.stored.retired {
			out.Retired[a.path] = true
		}
		all = append(all, out)
	}
	return all
}

// adopts checks what a version has adopted that becomes live for the first time: its files, its
// source or what it was planned on has each such write. base is nil if it was planned on nothing.
func (c *Checker) adopts(by, site string, w, base *view) {
	if w.served == nil || c.lived[site+" "+w.says.Deployment] {
		return
	}
	for path, nonce := range w.served.adopted {
		e, known := c.edits.writes[site+" "+nonce]
		kept := base != nil && base.served != nil && base.served.adopted[path] == nonce
		switch {
		case !known || e.path != path:
			c.violation(10, "%s adopts the write %s of %s, which nobody made", by, nonce, path)
		case !kept && !c.edits.inGit[w.says.Commit+" "+path+" "+nonce] && !w.serves(e):
			c.violation(10, "%s adopts the write of %s, and has other contents", by, path)
		}
		c.edits.adopted[site+" "+path+" "+nonce] = true
	}
}

// serves reports whether the files of a version are what a write makes of a pathname.
func (v *view) serves(e edit) bool {
	a, ok := v.served.find(e.path)
	if e.hash == "" {
		return !ok
	}
	return ok && !a.retired && a.ref[:64] == e.hash && a.typ == e.typ
}

// publishedWithin is how long a write takes at most until KV has it.
const publishedWithin = 10 * time.Second

// visitEdits has a visitor in a location ask for each page that was written at run time. Once the
// location sees a write, the visitor gets it, unless a version that was live has adopted it.
func (c *Checker) visitEdits(l *model.Location, site string, w *view) {
	if w.served == nil || !w.served.overlay || c.damaged[site+"/o/current"] {
		return
	}
	for _, e := range c.edits.newest {
		old := time.Since(e.at) > publishedWithin+model.SeenWithin+model.CachedFor
		if c.edits.writes[site+" "+e.nonce] != e || c.edits.adopted[site+" "+e.path+" "+e.nonce] || !old {
			continue
		}
		if got := c.answer(l, site, w, e.path); got != e.hash {
			c.violation(10, "in %s version %s serves %q of %s, which was written at run time as %q", l.Name, w.id, got, e.path,
				e.hash)
		}
	}
}

// answer is the SHA-256 of what a visitor gets of a pathname, "" for nothing.
func (c *Checker) answer(l *model.Location, site string, w *view, path string) string {
	if o := c.overlay(l, site, w.namespace); o != nil {
		if a, ok := o.find(path); ok && nonceOf(a) != w.served.adopted[path] {
			if a.tombstone {
				return ""
			}
			if _, ok := l.Get(w.namespace, site+"/o/b/"+a.ref); !ok {
				return "503"
			}
			return a.ref[:64]
		}
	}
	if a, ok := w.served.find(path); ok && !a.retired {
		return a.ref[:64]
	}
	return ""
}

func nonceOf(a asset) string { return a.ref[len(a.ref)-16:] }

// overlay is the overlay as a location sees it, or nil.
func (c *Checker) overlay(l *model.Location, site string, n *model.Namespace) *servedManifest {
	b, ok := l.Get(n, site+"/o/current")
	if !ok {
		return nil
	}
	m, known := c.edits.decoded[string(b)]
	if !known {
		var err error
		if m, err = readServed(b, true); err != nil || m.site != site+"/o" {
			c.violation(10, "%s/o/current: %v", site, err)
		}
		c.edits.decoded[string(b)] = m
	}
	return m
}
