package wrangler

import "github.com/kv-sync/kv-sync/internal/config/tree"

// EdgeCache is a day, in seconds. It can be long, because the cache's key includes the
// version.
const EdgeCache = 24 * 60 * 60

// cache reads the section of Workers Caching. It refuses cross_version_cache: each version
// must have its own cache, or visitors would see the old site after a switch.
func (w *reader) cache(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "enabled", "cross_version_cache")
	if m := t.Get("cross_version_cache"); m != nil && w.Flag(m) {
		w.Refuse(m, m.Path+" would answer from the old site after a switch or a rollback", "remove it")
	}
	m := t.Get("enabled")
	if m == nil {
		w.Refuse(n, n.Path+` has no "enabled"`, `write {"enabled": true}, or remove it`)
		return
	}
	if w.Flag(m) {
		w.record("cache", n)
		w.out.Serving.EdgeCache = EdgeCache
	}
	w.addMetadata("cache_options", n.JSON())
}
