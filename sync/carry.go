package kvsync

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
)

// carriedOver lists the bindings of the active version that a new one inherits: those
// that neither kv-sync nor the configuration defines. mine are the names that the new
// version defines.
func carriedOver(l *live, mine map[string]bool) []cloud.Binding {
	var owned []string
	if l.meta != nil {
		owned = l.meta.Bindings
	}
	var carried []cloud.Binding
	for _, b := range l.version.Bindings {
		if b.Type == "assets" {
			continue // the new version has no Static Assets
		}
		secret := b.Type == "secret_text" || b.Type == "secret_key" // kv-sync defines no secrets
		if !mine[b.Name] && (secret || !slices.Contains(owned, b.Name)) {
			carried = append(carried, b)
		}
	}
	return carried
}

// checkCache refuses Workers Caching if the new version inherits a worker loader. The
// key of that cache has no host, so a project would be answered with the response of
// another. The configuration reader refuses a configured loader.
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
			return stop(GuardCache, finding.CaseCache, finding.Facts{Site: e.Site, Key: b.Name})
		}
	}
	return nil
}
