package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// defaultEdgeCache is a day: the version in the cache's key does what a short
// time would be for.
const defaultEdgeCache = 24 * 60 * 60

// cache takes Workers Caching over, with a time for which it may keep responses.
// It is safe across a switch because every version has a cache of its own.
func (w *wrangler) cache(n *node) {
	t := w.object(n)
	w.known(t, "enabled", "cross_version_cache")
	if m := t.get("cross_version_cache"); m != nil && w.flag(m) {
		w.refuse(m, m.path+" would go on answering from the old site after a switch or a rollback", "take it out")
	}
	m := t.get("enabled")
	if m == nil {
		w.refuse(n, n.path+` does not say whether it is "enabled"`, `write {"enabled": true}, or take it out`)
		return
	}
	if w.flag(m) {
		w.at("cache", n)
		w.out.Serving.EdgeCache = defaultEdgeCache
	}
	w.setting("cache_options", n.json())
}

// setEdgeCache switches Workers Caching on, or off where a wrangler file has it on.
func setEdgeCache(s *Settings, v string) error {
	switch v {
	case "true":
		v = strconv.Itoa(defaultEdgeCache)
	case "false":
		v = "0"
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 365*24*60*60 {
		return fmt.Errorf("write true, false, or a number of seconds, at most a year, such as %d", defaultEdgeCache)
	}
	s.Serving.EdgeCache = n
	if _, set := s.Worker.Settings["cache_options"]; set || n > 0 {
		settings := maps.Clone(s.Worker.Settings)
		if settings == nil {
			settings = map[string]json.RawMessage{}
		}
		settings["cache_options"] = json.RawMessage(fmt.Sprintf(`{"enabled":%t}`, n > 0))
		s.Worker.Settings = settings
	}
	return nil
}

// settleCache refuses Workers Caching before a Worker that loads others. The
// cache's key is path and query, without the host, so that one project would be
// answered with another's response, or with the loader's own 404. What serveProject
// answers is never stored, but what the loader's code answers by itself may be.
func (l *loader) settleCache() {
	s := l.s
	if s.Serving.EdgeCache == 0 {
		return
	}
	at := slices.IndexFunc(s.Worker.Bindings, func(b kvsync.Binding) bool { return b.Type == "worker_loader" })
	if at < 0 {
		return
	}
	l.errors = append(l.errors, s.cacheOrigin().problem(
		fmt.Sprintf("the Worker has the worker loader %q, and Workers Caching does not know hosts: a project would be answered with what the cache has of another", s.Worker.Bindings[at].Name),
		"take it out, or move what is to be cached into a Worker of its own"))
}

// withoutCache takes Workers Caching from a project: its cache would be that of
// its loader's version, which stays when the project changes.
func (l *loader) withoutCache() {
	s := l.s
	if s.Serving.EdgeCache == 0 {
		return
	}
	l.notices = append(l.notices, s.cacheOrigin().problem("a project's answers are not cached in front of its loader, so this has no effect", "take it out"))
	s.Serving.EdgeCache = 0
	s.Worker.Settings = maps.Clone(s.Worker.Settings)
	delete(s.Worker.Settings, "cache_options")
}

// cacheOrigin says where Workers Caching is switched on.
func (s *Settings) cacheOrigin() origin {
	if own, ok := s.origins["edge-cache"]; ok {
		return own
	}
	return s.origins["cache"]
}
