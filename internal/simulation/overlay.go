package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/durable"
	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

// wiki is a site with an overlay.
const wiki = "wiki"

// overlaid is a Worker with the companion that has the overlay's Durable Object.
func overlaid(edition string) cloud.Worker {
	w := worker
	w.Companion = &cloud.Worker{Main: "overlay.js", CompatibilityDate: "2026-11-01",
		Modules: []cloud.Module{{Name: "overlay.js", Type: "application/javascript+module",
			Content: []byte(codeOf(edition))}}}
	return w
}

// object is the Durable Object of a site, or nil if it has no companion.
func (w *World) object(site string) *durable.Object { return w.objects.Object(w.Cloud, site) }

// reports has each Worker that answers visitors tell the Durable Object what it has adopted.
func (w *World) reports() {
	for _, site := range w.objects.Sites() {
		o := w.object(site)
		if o == nil {
			w.Check.Erased(site, "")
			continue
		}
		for _, served := range w.Check.ServedIn(site) {
			o.Drop(served.Adopted)
		}
	}
}

// write is what a person writes at a pathname at run time.
type write struct {
	path string
	// body is the content, or "" to delete the page.
	body string
	typ  string // "" is HTML
}

const htmlType = "text/html; charset=utf-8"

// writes makes writes, one after the other. Each is acknowledged, or the run fails.
func writes(all ...write) func(context.Context, *Process) error {
	return func(_ context.Context, p *Process) error {
		for i, e := range all {
			if err := p.write(i, e); err != nil {
				return err
			}
		}
		return nil
	}
}

var errNoOverlay = errors.New("the site has no overlay")

// write writes the content, and then commits it.
func (p *Process) write(number int, e write) (err error) {
	w, site, nonce := p.world, inspect.Site(p.Name), p.nonce(number)
	c := durable.Change{Path: e.path, Nonce: nonce}
	hash := ""
	if e.body != "" {
		hash = inspect.HashOf(e.body)
		c.Content = &durable.Content{Hash: hash, Size: len(e.body), Type: e.typ}
		if e.typ == "" {
			c.Content.Type = htmlType
		}
		key := site + "/o/b/" + hash + "." + nonce
		p.Act("writes", key, func() string {
			w.Cloud.Namespaces()[0].Put(p.Name, key, []byte(e.body), 0)
			return "written"
		})
	}
	p.Act("commits", e.path, func() string {
		o, served := w.object(site), w.Check.ServedIn(site)
		if o == nil || len(served) == 0 {
			err = errNoOverlay
			return "there is no overlay"
		}
		at := served[number%len(served)] // of one of the locations
		c.Adopted, c.Deployed, c.Retired = at.Adopted[e.path], at.Files[e.path], at.Retired[e.path]
		o.Commit(c)
		typ := ""
		if c.Content != nil {
			typ = c.Content.Type
		}
		w.Check.Wrote(site, e.path, nonce, hash, typ)
		if o.Entries()[e.path].Nonce != nonce { // nothing was there to delete, so a later file is shown
			w.Check.Erased(site, e.path)
		}
		return "acknowledged"
	})
	return err
}

// nonce is that of the process' n-th write.
func (p *Process) nonce(n int) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix())) //nolint:gosec // before 2106
	sum := sha256.Sum256(fmt.Append(nil, p.Name, p.seed, n))
	return hex.EncodeToString(append(b, sum[:4]...))
}

// lost says which writes of a site are neither in its overlay nor adopted by what is live, or is "".
func (w *World) lost(site string, all ...write) string {
	live := w.Check.Live(site)
	for _, e := range all {
		want := ""
		if e.body != "" {
			want = inspect.HashOf(e.body)
		}
		if got := w.shown(site, e.path, live); got != want {
			return fmt.Sprintf("of %s visitors get %q, which was written at run time as %q", e.path, got, want)
		}
	}
	return ""
}

// shown is the hash of what visitors get of a pathname, once all locations have seen it.
func (w *World) shown(site, path string, live inspect.Live) string {
	served := w.Check.ServedIn(site)
	if o := w.object(site); o != nil && len(served) > 0 {
		if e, ok := o.Entries()[path]; ok && served[0].Adopted[path] != e.Nonce {
			if e.Content == nil {
				return ""
			}
			return e.Content.Hash
		}
	}
	return live.Files[path]
}
