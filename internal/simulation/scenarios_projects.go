package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// mall is the project of the scenarios. The others are in the same namespace, and their keys
// begin like its own.
const (
	mall  = "project/mall"
	mall2 = "project/mall2"
	mal   = "project/mal"
)

// projectScenarios are those of a Dynamic Worker's project.
func projectScenarios() []*Scenario {
	h := source.Repository("example.com/ada/mall", pages(300, "/old.html"), pages(301, "/old.html"),
		pages(302, "/old.html"),
		pages(303), many(304))
	deploys := func(name string, before func(*World), c *source.Commit) *Scenario {
		return &Scenario{Name: name, Actor: mall + "/deploy", Before: before, Run: deployTo(mall, c, plan.Options{}),
			After: wantsAt(mall, c)}
	}
	aged := func(commits ...*source.Commit) func(*World) {
		return sequence(deployedTo(mall, commits...), passed(48*time.Hour))
	}
	first := besides(blog, mall2, mal)
	return []*Scenario{
		deploys("first deploy of a project", first, h[0]),
		deploys("deploy of a project", sequence(first, deployedTo(mall, h[0], h[1])), h[2]),
		deploys("no change of a project", deployedTo(mall, h[0], h[1]), h[1]),
		deploys("file of a project deleted", deployedTo(mall, h[1], h[2]), h[3]),
		deploys("deploy of a project with a prune", aged(h[0], h[1], h[2], h[3]), h[4]),
		{Name: "deploy of a project --repair", Actor: mall + "/deploy",
			Before: sequence(deployedTo(mall, h[0], h[1]), overwritten(mall+"/current", "{")),
			Run:    deployTo(mall, h[1], plan.Options{Repair: true}), After: wantsAt(mall, h[1])},
		{Name: "rollback of a project", Actor: mall + "/rollback", Once: true, Before: deployedTo(mall, h[0], h[1], h[2]),
			Run: rollbackOf(mall, kvsync.RollbackOptions{}), After: wantsAt(mall, h[1])},
		{Name: "prune of a project", Actor: mall + "/prune", Before: aged(h[0], h[1], h[2], h[3], h[4]),
			Run: pruneOf(mall), After: wantsAt(mall, h[4])},
		deletes("project deleted", mall, sequence(first, deployedTo(mall, h[0], h[1]))),
		deletes("project deleted a second time", mall, sequence(first, deployedTo(mall, h[0]), deleted(mall),
			deployedTo(mall, h[1]))),
		deploys("project made again", sequence(first, deployedTo(mall, h[0], h[1]), deleted(mall)), h[2]),
		deploys("deploy of a project that was made again", sequence(deployedTo(mall, h[0]), deleted(mall),
			deployedTo(mall, h[1])), h[2]),
	}
}

// sequence does one after the other.
func sequence(all ...func(*World)) func(*World) {
	return func(w *World) {
		for _, f := range all {
			f(w)
		}
	}
}

func passed(d time.Duration) func(*World) { return func(w *World) { w.Pass(d) } }

// besides has sites and projects deployed that the run must leave alone.
func besides(names ...string) func(*World) {
	return func(w *World) {
		for i, name := range names {
			deployedTo(name, source.Repository("example.com/ada/"+name, pages(400+i))...)(w)
		}
	}
}

// overwritten has another tool damage a value.
func overwritten(key, value string) func(*World) {
	return func(w *World) {
		w.Must(inspect.Site(key)+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
			p.Act("overwrites", key, func() string {
				w.Cloud.Namespaces()[0].Put(p.Name, key, []byte(value), 0)
				return value
			})
			return nil
		})
	}
}

func deleted(name string) func(*World) {
	return func(w *World) {
		w.Must(name+"/delete before", "ci", remove(name))
		w.Pass(time.Hour)
	}
}

// remove deletes a site or a project. It succeeds if nothing is there.
func remove(name string) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		e := p.Engine(settingsOf(name))
		d, err := e.PlanDelete(ctx, false)
		var stopped *guard.Error
		if errors.As(err, &stopped) && stopped.Guard == guard.Target {
			p.Act("looks", "whether it is live", func() string {
				if live := p.world.Check.Live(name); !live.Exists {
					err = nil // it is deleted already
				}
				return ""
			})
			return err
		}
		if err != nil {
			return err
		}
		err = e.Delete(ctx, d)
		if err != nil && d.Offline {
			return fmt.Errorf("%w: %w", errOffline, err)
		}
		return err
	}
}

// deletes is a scenario that deletes a site or a project. A listing that is not whole may hide
// keys from the run, so it only claims that it is offline.
func deletes(name, site string, before func(*World)) *Scenario {
	offline := func(w *World) string {
		if live := w.Check.Live(site); live.Exists {
			return fmt.Sprintf("%s is live", live.Deployment)
		}
		return ""
	}
	return &Scenario{Name: name, Actor: site + "/" + inspect.Delete, Before: before, Run: remove(site), Claims: offline,
		After: func(w *World) string {
			if left := w.Check.Left(site); len(left) > 0 {
				return fmt.Sprintf("left is %s", left[0])
			}
			return offline(w)
		}}
}

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
