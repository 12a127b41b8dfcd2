package simulation

import (
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// deleteScenarios are those of a site that is deleted, and made again. The sites and projects
// beside it have keys that begin like its own.
func deleteScenarios() []*Scenario {
	h := history()
	others := besides("blog2", "blo", "project/blog", mall)
	deploys := func(name string, before func(*World), c *source.Commit) *Scenario {
		return &Scenario{Name: name, Actor: blog + "/deploy", Before: before,
			Run: deployTo(blog, c, plan.Options{AllowShrink: true}), After: wants(c)}
	}
	return []*Scenario{
		deletes("site deleted", blog, sequence(others, deployed(h[0], h[1], h[6]))),
		deletes("site deleted after a rollback and an upload ahead", blog, sequence(deployed(h[0], h[1]),
			func(w *World) {
				w.Must(blog+"/rollback", "laptop", rollback(noOptions))
				w.Must(blog+"/upload", "laptop", upload(h[7]))
			})),
		deletes("rest of a site deleted", blog, sequence(others, deployed(h[0], h[6]), dies(blog), passed(time.Hour))),
		deploys("site made again", sequence(others, deployed(h[0], h[1]), deleted(blog)), h[0]),
		deploys("site made again over the rest of a deleted one", sequence(deployed(h[0], h[1]), dies(blog),
			passed(48*time.Hour)), h[2]),
		deploys("deploy of a site that was made again", sequence(deployed(h[0], h[1]), deleted(blog), deployed(h[0]),
			passed(48*time.Hour)), h[2]),
	}
}
