package simulation

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/model"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// unordered is a commit of which nobody knows whether it is newer, as in a shallow clone.
type unordered struct{ source.Source }

// Compare implements [manifest.Source].
func (unordered) Compare(context.Context, string, string) (manifest.Relation, error) {
	return manifest.RelationUnknown, nil
}

// orderScenarios are deploys that a guard refuses because of what is live, and one that it lets pass.
func orderScenarios(h []*source.Commit) []*Scenario {
	live := deployed(h[0], h[1], h[2])
	back := sequence(live, func(w *World) { w.Must(blog+"/rollback", "laptop", rollback(noOptions)) }, passed(time.Hour))
	unlisted := sequence(back, activatedAgain, passed(time.Hour))
	rebuilt := source.Of(h[2].Rebuilt(pages(51)))
	stranger := source.Repository("example.com/eve/other", pages(50))[0]
	deploy := func(src manifest.Source, opt plan.Options) func(context.Context, *Process) error {
		return deployOf(blog, src, worker, opt)
	}
	refuses := func(name string, by guard.ID, before func(*World), run func(context.Context, *Process) error,
		c *source.Commit) *Scenario {
		return &Scenario{Name: name, Actor: blog + "/deploy", Before: before, Run: refused(by, run), After: wants(c)}
	}
	short := func(s *Scenario) *Scenario {
		s.Skips = "list of keys" // which alone knows of the hold
		return s
	}
	return []*Scenario{
		refuses("older commit", guard.Older, live, deploy(source.Of(h[1]), plan.Options{}), h[2]),
		refuses("commit of unknown order", guard.Order, live, deploy(unordered{source.Of(h[4])}, plan.Options{}), h[2]),
		refuses("commit of another repository", guard.Repository, live, deploy(source.Of(stranger), plan.Options{}), h[2]),
		refuses("commit that is held back", guard.Held, back, deploy(rebuilt, plan.Options{}), h[1]),
		refuses("commit that is held back --any-order", guard.Held, back, deploy(rebuilt,
			plan.Options{AnyOrder: true}), h[1]),
		refuses("commit of unknown order after a rollback", guard.Order, back, deploy(unordered{source.Of(h[4])},
			plan.Options{}), h[1]),
		refuses("content that is held back", guard.Held, back, deploy(source.Of(h[3]), plan.Options{}), h[1]),
		short(refuses("commit that is held back, and a short list", guard.Held, unlisted,
			deploy(rebuilt, plan.Options{}), h[1])),
		short(refuses("content that is held back, and a short list", guard.Held, unlisted,
			deploy(source.Of(h[3]), plan.Options{}), h[1])),
		{Name: "code over content that is held back", Actor: blog + "/deploy", Before: back,
			Run: deployOf(blog, source.Of(h[3]), coded("two"), plan.Options{}), After: wants(h[3])},
	}
}

// activatedAgain has another tool activate the live version again and again. Cloudflare lists nothing
// else.
func activatedAgain(w *World) {
	w.Must(blog+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
		for range w.Cloud.Listed {
			p.Act("activates", "again", func() string {
				s := w.Cloud.Script(blog)
				return s.Activate(p.Name, []model.Share{{Version: s.Active().Main(), Percent: 100}}, "").ID
			})
		}
		return nil
	})
}
