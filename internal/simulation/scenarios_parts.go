package simulation

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// vast is a site whose manifest is in parts, unless it has few files.
const vast = "vast"

// mostWhole are the most files of vast with a whole manifest.
const mostWhole = 5

// diary makes the files of vast. The first so many entries are of this edition.
func diary(edition, changed int, more ...string) source.Files {
	return source.Diary(pages(edition, more...), edition, changed)
}

// partsHistory is the repository of vast.
func partsHistory() []*source.Commit {
	moved := diary(703, 0).Without(source.EntryPath(3), "/about.html")
	moved["/posts/0/moved.html"], moved["/who.html"] = "entry", "about"
	return source.Repository("example.com/ada/vast",
		diary(700, 0, "/old.html"), diary(701, 2, "/old.html"), diary(701, 2, "/old.html"),
		diary(702, 0).Without(source.EntryPath(9)), moved, // 3, 4
		diary(705, source.Entries/2), diary(706, 1), // 5 has a next root
		diary(707, source.Entries),                        // which does not fit
		pages(708), diary(709, 0), diary(709, 3), many(1), // 8 is whole, and 9 has grown
	)
}

// apart has commits of vast deployed on another machine than that of the run, so that this one has no
// part in its cache.
func apart(commits ...*source.Commit) func(*World) {
	return func(w *World) {
		for _, c := range commits {
			w.Must(vast+"/deploy before", "laptop", deployTo(vast, c, anySize))
			w.Pass(time.Hour)
		}
	}
}

// loses has another tool delete the first key of a kind.
func loses(site, letter string) func(*World) {
	return func(w *World) {
		w.Must(site+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
			n := w.Cloud.Namespaces()[0]
			key := n.KeysAt(site+"/"+letter+"/", time.Now())[0]
			p.Act("deletes", key, func() string { n.Delete(p.Name, key); return "deleted" })
			return nil
		})
	}
}

// partsScenarios are those of a site whose manifest is in parts.
func partsScenarios() []*Scenario {
	h := partsHistory()
	of := func(name, kind string, before func(*World), run func(context.Context, *Process) error,
		live *source.Commit) *Scenario {
		return &Scenario{Name: name + " in parts", Actor: vast + "/" + kind, Before: before, Run: run,
			After: wantsAt(vast, live), Sparse: true, Yields: kind == "prune"}
	}
	deploys := func(name string, before func(*World), c *source.Commit) *Scenario {
		return of(name, "deploy", before, deployTo(vast, c, anySize), c)
	}
	back := func(w *World) { w.Must(vast+"/rollback", "laptop", rollbackOf(vast, noOptions)); w.Pass(time.Hour) }
	ahead := func(w *World) { w.Must(vast+"/upload", "laptop", uploadOf(vast, h[7])) }
	rollback := func(name string, before func(*World), to *source.Commit) *Scenario {
		return of(name, "rollback", before, rollbackOf(vast, kvsync.RollbackOptions{To: to.ID}), to)
	}
	aged := passed(48 * time.Hour)
	return []*Scenario{
		deploys("first deploy", func(*World) {}, h[0]),
		deploys("deploy", apart(h[0], h[1]), h[3]),
		deploys("no change", apart(h[0], h[1]), h[1]),
		deploys("newer commit without a change", apart(h[0], h[1]), h[2]),
		deploys("files renamed", apart(h[1], h[3]), h[4]),
		deploys("many files changed", apart(h[1], h[3]), h[5]),
		deploys("deploy that begins with the next root", apart(h[1], h[5]), h[6]),
		deploys("deploy that has no time to begin with the next root", func(w *World) {
			apart(h[1])(w)
			w.Must(vast+"/deploy before", "laptop", deployTo(vast, h[5], anySize))
			w.Pass(time.Minute)
		}, h[6]),
		deploys("all files changed", apart(h[1], h[3]), h[7]),
		deploys("site that outgrows a whole manifest", apart(h[8]), h[9]),
		deploys("site that has outgrown a whole manifest", apart(h[8], h[9]), h[10]),
		deploys("site that becomes small", sequence(apart(h[0], h[1]), aged), h[8]),
		deploys("deploy with a prune", sequence(apart(h[0], h[1], h[3], h[5], h[6]), aged), h[7]),
		deploys("deploy after a rollback", sequence(apart(h[0], h[5], h[6]), back), h[7]),
		of("deploy --repair of a file", "deploy", sequence(apart(h[0], h[1]), loses(vast, "b")),
			deployTo(vast, h[1], plan.Options{Repair: true}), h[1]),
		of("deploy --repair of a part", "deploy", sequence(apart(h[0], h[1]), loses(vast, "p")),
			deployTo(vast, h[1], plan.Options{Repair: true}), h[1]),
		of("deploy --forget", "forget", apart(h[0], h[1]), deployTo(vast, h[3], plan.Options{Forget: true}), h[3]),
		of("prune", "prune", sequence(apart(h[0], h[1], h[3], h[5], h[6], h[7]), aged), pruneOf(vast), h[7]),
		of("prune beside a next root", "prune", sequence(apart(h[0], h[1], h[3], h[5]), aged), pruneOf(vast), h[5]),
		of("prune of what an earlier release deployed", "prune", func(w *World) {
			apart(h[0], h[1], h[3], h[5])(w)
			w.Must(vast+"/deploy before", "laptop", deployTo(vast, h[6], anySize))
			forgetPast(w, vast)
			changeSecrets(w, vast, 12)
			w.Pass(25 * time.Hour)
		}, pruneOf(vast), h[6]),
		of("prune of a site that has outgrown a whole manifest", "prune", sequence(apart(h[8], h[9]), aged),
			pruneOf(vast), h[9]),
		of("verify", "verify", sequence(apart(h[0], h[1], h[5]), aged), verifyOf(vast), h[5]),
		of("upload ahead", "upload", apart(h[0], h[1]), uploadOf(vast, h[7]), h[1]),
		deploys("deploy after an upload ahead", sequence(apart(h[0], h[1]), ahead), h[7]),
		rollback("rollback", apart(h[0], h[5], h[6]), h[5]),
		rollback("rollback to a whole manifest", apart(h[8], h[9], h[10]), h[9]),
		rollback("rollback from a whole manifest", sequence(apart(h[8], h[9], h[10]), back), h[10]),
		deletes("site deleted in parts", vast, apart(h[0], h[5])),
	}
}

// partsRaces are runs of vast that overtake each other: a deploy that begins with a next root, another
// deploy, a prune and a deletion.
func partsRaces() []*Race {
	h := partsHistory()
	deploy := func(c *source.Commit) Racer { return Racer{vast + "/deploy", deployTo(vast, c, anySize)} }
	prune := Racer{vast + "/prune", pruneOf(vast)}
	before := sequence(apart(h[0], h[1], h[3], h[5]), passed(48*time.Hour))
	again := deployTo(vast, h[7], anySize)
	race := func(name string, slow, fast Racer, again func(context.Context, *Process) error) *Race {
		return &Race{vast + name, before, slow, fast, again}
	}
	return []*Race{
		race(": deploy overtaken by a prune", deploy(h[6]), prune, again),
		race(": prune overtaken by a deploy", prune, deploy(h[6]), again),
		race(": deploy overtaken by a deploy", deploy(h[6]), deploy(h[7]), again),
		race(": deploy overtaken by a deletion", deploy(h[6]), Racer{vast + "/" + inspect.Delete, remove(vast)},
			deployTo(vast, h[7], plan.Options{Repair: true, AllowShrink: true})),
	}
}
