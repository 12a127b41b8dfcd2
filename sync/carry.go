package kvsync

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
)

// carriedOver lists the bindings of the active version that a new one inherits:
// those that neither kv-sync nor its author's configuration defines. mine are the
// names that the new version binds itself.
func carriedOver(l *live, mine map[string]bool) []cloud.Binding {
	var owned []string
	if l.meta != nil {
		owned = l.meta.Bindings
	}
	var carried []cloud.Binding
	for _, b := range l.version.Bindings {
		if b.Type == "assets" {
			continue // of the Static Assets of that version, which this one has none of
		}
		secret := b.Type == "secret_text" || b.Type == "secret_key" // never ours, whatever the name was before
		if !mine[b.Name] && (secret || !slices.Contains(owned, b.Name)) {
			carried = append(carried, b)
		}
	}
	return carried
}

// checkCache refuses Workers Caching before a worker loader that the new version
// would inherit. Its key has no host, so one project would be answered with what
// the cache has of another. A loader in the author's configuration is refused when
// that is read.
func (e *Engine) checkCache(l *live, w cloud.Worker) error {
	if e.Serving.EdgeCache == 0 {
		return nil
	}
	mine := make(map[string]bool, len(w.Bindings))
	for _, b := range w.Bindings {
		mine[b.Name] = true
	}
	for _, b := range carriedOver(l, mine) {
		if b.Type == "worker_loader" {
			return stop(GuardCache, CaseCache, finding.Facts{Site: e.Site, Key: b.Name})
		}
	}
	return nil
}
