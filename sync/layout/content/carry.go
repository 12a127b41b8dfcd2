package content

import (
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/version"
)

// checkCache refuses Workers Caching if the new version inherits a worker loader. The
// key of that cache has no host, so one project would get the cached responses of
// another. A loader in the configuration is refused where the configuration is read.
func (c *Content) checkCache(l *version.Live, w cloud.Worker) error {
	if c.Serving.EdgeCache == 0 {
		return nil
	}
	mine := make(map[string]bool, len(w.Bindings))
	for _, b := range w.Bindings {
		mine[b.Name] = true
	}
	for _, b := range l.CarriedOver(mine) {
		if b.Type == cloud.BindingLoader {
			return guard.Stop(guard.Cache, finding.CaseCache, finding.Facts{Site: c.Site, Key: b.Name})
		}
	}
	return nil
}
