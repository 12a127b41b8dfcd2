package wrangler

import "github.com/kv-sync/kv-sync/internal/config/tree"

// EdgeCache is a day, in seconds. It can be long, because the cache's key includes the
// version.
const EdgeCache = 24 * 60 * 60

// cache reads the section of Workers Caching. It refuses cross_version_cache: each version
// must have its own cache, or visitors would see the old site after a switch.
func (r *reader) cache(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "enabled", "cross_version_cache")
	if m := t.Get("cross_version_cache"); m != nil && r.Flag(m) {
		r.Refuse(m, m.Path+" would answer from the old site after a switch or a rollback", "remove it")
	}
	m := t.Get("enabled")
	if m == nil {
		r.Refuse(n, n.Path+` has no "enabled"`, `write {"enabled": true}, or remove it`)
		return
	}
	if r.Flag(m) {
		r.record("cache", n)
		r.out.Serving.EdgeCache = EdgeCache
	}
	r.addMetadata("cache_options", n.JSON())
}
