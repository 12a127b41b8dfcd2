package simulation

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// plain is a project in the layout pathname.
const plain = "project/plain"

// pathnameScenarios are those of a project in the layout pathname, which has no switch: a run that
// ends says which files are live, and one that fails may leave some files new and others not.
func pathnameScenarios() []*Scenario {
	h := source.Repository("example.com/ada/plain", pages(700, "/old.html"), pages(701, "/old.html"), pages(702),
		many(703))
	others := besides(mall, "project/plain2", blog)
	scenario := func(name string, before func(*World), c *source.Commit, opt plan.Options) *Scenario {
		opt.AllowShrink = true
		return &Scenario{Name: name + " in pathname", Actor: plain + "/deploy", Before: before, Run: deployTo(plain, c, opt),
			Rewrites: true, After: func(w *World) string { return c.Differs(w.Check.Live(plain)) }}
	}
	deploys := func(name string, before func(*World), c *source.Commit) *Scenario {
		return scenario(name, before, c, plan.Options{})
	}
	again := deploys("project made again", sequence(deployedTo(plain, h[0]), deleted(plain)), h[1])
	again.Skips = "read of the value before"
	return []*Scenario{
		deploys("first deploy", others, h[0]),
		deploys("deploy", sequence(others, deployedTo(plain, h[0])), h[1]),
		deploys("no change", deployedTo(plain, h[1]), h[1]),
		deploys("file deleted", deployedTo(plain, h[1]), h[2]),
		deploys("files deleted", deployedTo(plain, h[3]), h[0]),
		deploys("deploy after one that died", sequence(deployedTo(plain, h[0]), diesAt(plain, h[3], "kv.bulk.put")), h[1]),
		deploys("deploy after one that died while it deleted", sequence(deployedTo(plain, h[3]),
			diesAt(plain, h[0], "kv.bulk.delete")), h[1]),
		scenario("deploy --repair", sequence(deployedTo(plain, h[1]), overwritten(plain+"/assets/about.html", "damaged")),
			h[1], plan.Options{Repair: true}),
		scenario("deploy --take-over", sequence(deployedTo(plain, h[0]), overwritten(plain+"/manifest", "[")), h[1],
			plan.Options{TakeOver: true}),
		deletes("project deleted in pathname", plain, sequence(others, deployedTo(plain, h[0]))),
		again,
	}
}

// diesAt has a deploy die at its first call of a kind.
func diesAt(name string, c *source.Commit, kind string) func(*World) {
	return func(w *World) {
		w.Inject = func(c *Call) *Fault {
			if c.Kind == kind {
				return killed
			}
			return nil
		}
		p := w.Do(name+"/deploy dying", "ci", func(ctx context.Context, p *Process) error {
			return deployTo(name, c, anySize)(ctx, p)
		})
		w.Inject = nil
		if !p.Dead() {
			panic(fmt.Sprintf("%s made no call %s: %v", p.Name, kind, p.Err))
		}
	}
}
