package inspect

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// pathnames is the manifest of the layout pathname.
type pathnames struct {
	etags     map[string]string // by pathname
	unsettled []string
}

func readPathnames(b []byte) (*pathnames, error) {
	var members map[string]struct {
		ETag      string
		Unsettled []string
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	m := &pathnames{etags: make(map[string]string)}
	for path, e := range members {
		if path == "kv-sync" {
			m.unsettled = e.Unsettled
		} else {
			m.etags[path] = e.ETag
		}
	}
	return m, nil
}

// pathnamesOf is the manifest of a project in the layout pathname, or nil.
func pathnamesOf(n *model.Namespace, site string) *pathnames {
	b, ok := n.Get(site + "/manifest")
	if !ok {
		return nil
	}
	m, err := readPathnames(b)
	if err != nil {
		return nil
	}
	return m
}

// putPathname checks a write of the layout pathname: the manifest names only files that are there,
// and notes those that are being written.
func (c *Checker) putPathname(by string, n *model.Namespace, of owner, rest string, before []model.Write) {
	value, _ := n.Get(of.site + "/" + rest)
	if len(before) > 0 && string(before[len(before)-1].Value) == string(value) {
		return // it is written again
	}
	m := pathnamesOf(n, of.site)
	path, file := strings.CutPrefix(rest, "assets")
	switch {
	case m == nil:
		c.violation(1, "%s writes %s, and there is no manifest that can be read", by, rest)
		return
	case file:
		if !slices.Contains(m.unsettled, path) {
			c.violation(6, "%s writes %s, and the manifest does not note it", by, path)
		}
		return
	}
	c.places[of.site] = n.ID
	for path, etag := range m.etags {
		value, ok := n.Get(of.site + "/assets" + path)
		if !ok || !slices.Contains(m.unsettled, path) && !hashes(value, etag) {
			c.violation(1, "%s writes a manifest that names %s, which is not there, or has other contents", by, path)
		}
	}
}

// deletedPathname checks a deletion in the layout pathname.
func (c *Checker) deletedPathname(by string, n *model.Namespace, of owner, rest string) {
	m := pathnamesOf(n, of.site)
	path, file := strings.CutPrefix(rest, "assets")
	_, kind := actor(by)
	switch {
	case kind == Delete && file && m != nil:
		c.violation(2, "%s deletes %s, and the manifest is there", by, path)
	case kind == Delete:
	case !file:
		c.violation(9, "%s deletes the manifest", by)
	case m == nil || m.etags[path] != "" || !slices.Contains(m.unsettled, path):
		c.violation(1, "%s deletes %s, which the manifest names, or does not note", by, path)
	}
}

// livePathnames is what is live of a project in the layout pathname.
func (c *Checker) livePathnames(site string) (out Live, ok bool) {
	n := c.cloud.Namespace(c.places[site])
	if n == nil {
		return out, false
	}
	m := pathnamesOf(n, site)
	if m == nil {
		return out, true
	}
	out.Exists, out.Files = true, m.etags
	for _, path := range m.unsettled {
		out.Files[path] = "is not settled"
	}
	return out, true
}

// visitPathnames has a visitor in a location ask for each file of a project. The location may have
// read the manifest sooner or later than a file; after some minutes it has not.
func (c *Checker) visitPathnames(l *model.Location, site string) {
	n := c.cloud.Namespace(c.places[site])
	b, ok := l.Get(n, site+"/manifest")
	if !ok {
		return
	}
	m, err := readPathnames(b)
	if err != nil {
		return
	}
	for path := range m.etags {
		key := site + "/assets" + path
		if _, ok := l.Get(n, key); !ok && !c.damaged[key] &&
			time.Since(n.Changed(key)) > 2*(model.SeenWithin+model.CachedFor) {
			c.violation(2, "in %s %s has been missing for minutes", l.Name, key)
		}
	}
}
