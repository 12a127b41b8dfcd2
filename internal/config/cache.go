package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

// setEdgeCache enables Workers Caching, or disables it if a wrangler file enables it.
func setEdgeCache(s *Settings, v string) error {
	switch v {
	case "true":
		v = strconv.Itoa(wrangler.EdgeCache)
	case "false":
		v = "0"
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 365*24*60*60 {
		return fmt.Errorf("write true, false, or a number of seconds, at most a year, such as %d", wrangler.EdgeCache)
	}
	s.Serving.EdgeCache = n
	if _, set := s.Worker.Settings["cache_options"]; set || n > 0 {
		settings := map[string]json.RawMessage{}
		maps.Copy(settings, s.Worker.Settings)
		settings["cache_options"] = json.RawMessage(fmt.Sprintf(`{"enabled":%t}`, n > 0))
		s.Worker.Settings = settings
	}
	return nil
}

// maxMemoryCache leaves an isolate, which has 128 MiB, the memory for everything else.
const maxMemoryCache = 64 << 20

// setMemoryCache sets the memory in which a Worker keeps small blobs, or turns it off.
func setMemoryCache(s *Settings, v string) error {
	if v == "false" {
		v = "0"
	}
	n, ok := parseSize(v)
	if !ok || n > maxMemoryCache {
		return errors.New(`write false, or a size of at most 64 MiB, such as "16MiB"`)
	}
	s.Serving.MemoryCache = &n
	return nil
}

// checkCache refuses Workers Caching for a Worker that loads other Workers. The cache's key
// is path and query, without the host. So one project could get a cached response of another
// project or of the loader's own code.
func (l *loader) checkCache() {
	s := l.s
	if s.Serving.EdgeCache == 0 {
		return
	}
	at := slices.IndexFunc(s.Worker.Bindings, func(b cloud.Binding) bool { return b.Type == "worker_loader" })
	if at < 0 {
		return
	}
	l.refuse(s.cacheOrigin(), fmt.Sprintf("the Worker has the worker loader %q, and Workers Caching ignores hosts: "+
		"a project would get cached responses of another", s.Worker.Bindings[at].Name),
		"remove it, or move what is to be cached into its own Worker")
}

// dropCache drops the caches of a project. Workers Caching would belong to the loader's
// version, which does not change when the project changes. The memory belongs to the loader, too.
func (l *loader) dropCache() {
	s := l.s
	if s.Serving.MemoryCache != nil {
		if from := s.origins["memory-cache"]; !from.file || l.isOwn(from) {
			l.notice(from, "this has no effect: all projects of a loader share its memory", "remove it")
		}
		s.Serving.MemoryCache = nil
	}
	if s.Serving.EdgeCache == 0 {
		return
	}
	if from := s.cacheOrigin(); from != s.origins["edge-cache"] || !from.file || l.isOwn(from) {
		l.notice(from, "this has no effect: the responses of a project are not cached in front of its loader", "remove it")
	}
	s.Serving.EdgeCache = 0
	s.Worker.Settings = maps.Clone(s.Worker.Settings)
	delete(s.Worker.Settings, "cache_options")
}

// cacheOrigin returns where Workers Caching is enabled.
func (s *Settings) cacheOrigin() origin { return cmp.Or(s.origins["edge-cache"], s.origins["cache"]) }
