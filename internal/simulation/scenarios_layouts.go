package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// rusty is a site in the layout kv-assets.
const rusty = "rusty"

// compiled is a Worker whose build puts the index of its files into the code.
var compiled = cloud.Worker{Build: &cloud.Build{Make: func(_ context.Context, index []byte) (cloud.Worker, error) {
	w := worker
	w.Modules = append(slices.Clone(worker.Modules),
		cloud.Module{Name: "assets.bin", Type: "application/octet-stream", Content: index})
	return w, nil
}}}

// kvAssetsScenarios are those of a site in the layout kv-assets. Another tool has keys beside its
// files.
func kvAssetsScenarios() []*Scenario {
	h := source.Repository("example.com/ada/rusty", pages(600, "/old.html"), pages(601, "/old.html"),
		pages(602, "/old.html"),
		pages(603), many(604), pages(600, "/old.html"))
	scenario := func(what, kind string, before func(*World), run func(context.Context, *Process) error,
		live *source.Commit) *Scenario {
		return &Scenario{Name: what + " in kv-assets", Actor: rusty + "/" + kind, Before: before, Run: run,
			After: wantsAt(rusty, live)}
	}
	deploys := func(what string, before func(*World), c *source.Commit) *Scenario {
		return scenario(what, "deploy", before, deployTo(rusty, c, anySize), c)
	}
	aged := func(commits ...*source.Commit) func(*World) {
		return sequence(deployedTo(rusty, commits...), strangers, passed(48*time.Hour))
	}
	back := scenario("rollback", "rollback", deployedTo(rusty, h[0], h[1], h[2]), rollbackOf(rusty, noOptions), h[1])
	back.Once = true
	prunes := scenario("prune", "prune", aged(h[0], h[1], h[2], h[3], h[4]), pruneOf(rusty), h[4])
	gone := deletes("site deleted in kv-assets", rusty, sequence(deployedTo(rusty, h[0], h[1]), strangers))
	prunes.Yields, gone.Yields = true, true
	return []*Scenario{
		deploys("first deploy", func(*World) {}, h[0]),
		deploys("deploy", sequence(deployedTo(rusty, h[0], h[1]), strangers), h[2]),
		deploys("no change", deployedTo(rusty, h[0], h[1]), h[1]),
		deploys("file deleted", deployedTo(rusty, h[1], h[2]), h[3]),
		deploys("file that comes back", aged(h[0], h[1], h[2], h[3]), h[5]),
		deploys("deploy with a prune", aged(h[0], h[1], h[2], h[3], h[3]), h[4]),
		scenario("deploy --repair", "deploy", deployedTo(rusty, h[0], h[1]),
			deployTo(rusty, h[1], plan.Options{Repair: true}), h[1]),
		prunes,
		back,
		scenario("rollback to a commit", "rollback", deployedTo(rusty, h[0], h[1], h[2]),
			rollbackOf(rusty, kvsync.RollbackOptions{To: h[0].ID}), h[0]),
		gone,
		deploys("site that is made again", sequence(deployedTo(rusty, h[0], h[1]), deleted(rusty)), h[2]),
	}
}

// strangers has another tool write keys beside the files, some of which look like files' keys.
func strangers(w *World) {
	w.Must(rusty+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
		for _, n := range w.Cloud.Namespaces() {
			if n.Title != "__rusty-workers_sites_assets" {
				continue
			}
			for i, key := range []string{"config", "logo.0123456789.png", "index.abc.html"} {
				p.Act("writes", key, func() string { n.Put(p.Name, key, fmt.Append(nil, i), 0); return "written" })
			}
		}
		return nil
	})
}

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
