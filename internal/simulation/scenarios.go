package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
)

var noOptions kvsync.RollbackOptions

// history is the repository of the scenarios' site.
func history() []*source.Commit {
	moved := pages(4)
	delete(moved, "/about.html")
	moved["/who.html"] = pages(4)["/about.html"]
	return source.Repository("example.com/ada/blog", pages(0, "/old.html"), pages(1, "/old.html"), pages(2, "/old.html"),
		pages(2, "/old.html"), pages(3), moved, many(5), many(6))
}

// deploys is a scenario of one deploy.
func deploys(name string, before func(*World), c *source.Commit) *Scenario {
	return &Scenario{Name: name, Actor: blog + "/deploy", Before: before, Run: deploy(c, plan.Options{}), After: wants(c)}
}

// Scenarios are the runs into which each fault is injected.
func Scenarios() []*Scenario {
	h := history()
	return slices.Concat(siteScenarios(h), rollbacks(h), orderScenarios(h), aheadScenarios(h), codeScenarios(h),
		folderScenarios(h), chunkScenarios(), partsScenarios(), projectScenarios(), deleteScenarios(), kvAssetsScenarios(),
		pathnameScenarios(), overlayScenarios())
}

// siteScenarios are those of a site in the default layout.
func siteScenarios(h []*source.Commit) []*Scenario {
	return []*Scenario{
		deploys("first deploy", func(*World) {}, h[0]),
		deploys("first deploy beside another site", besides(shop), h[0]),
		deploys("deploy", deployed(h[0], h[1]), h[2]),
		deploys("no change", deployed(h[0], h[1]), h[1]),
		deploys("newer commit without a change", deployed(h[1], h[2]), h[3]),
		deploys("file deleted", deployed(h[1], h[2]), h[4]),
		deploys("file renamed", deployed(h[2], h[4]), h[5]),
		deploys("deploy with a prune", aged(h[0], h[1], h[2], h[4], h[5]), h[6]),
		deploys("deploy after a rollback", func(w *World) {
			deployed(h[0], h[1])(w)
			w.Must(blog+"/rollback", "laptop", rollback(noOptions))
		}, h[2]),
		{Name: "deploy --repair", Actor: blog + "/deploy", Before: damaged(h[0], h[6]),
			Run: deploy(h[6], plan.Options{Repair: true}), After: wants(h[6])},
		{Name: "deploy --forget", Actor: blog + "/forget", Before: deployed(h[0], h[2]),
			Run: deploy(h[4], plan.Options{Forget: true}), After: wants(h[4])},
		{Name: "prune", Actor: blog + "/prune", Before: aged(h[0], h[1], h[2], h[4], h[5], h[6]), Run: prune,
			After: wants(h[6])},
		{Name: "prune after changes of a secret", Actor: blog + "/prune", Before: func(w *World) {
			deployed(h[0], h[1], h[2], h[4], h[5])(w)
			secretsChanged(w)
			w.Pass(48 * time.Hour)
		}, Run: prune, After: wants(h[5]), Yields: true},
		{Name: "prune after a rollback and changes of a secret", Actor: blog + "/prune",
			Before: sequence(rolledBack(h), deployed(h[6]), secretsChanged, passed(48*time.Hour)), Run: prune,
			After: wants(h[6]), Yields: true},
		{Name: "prune after two rollbacks with a short list", Actor: blog + "/prune",
			Before: sequence(rolledBack(h), deployed(h[6]), func(w *World) {
				w.Must(blog+"/rollback", "laptop", rollback(kvsync.RollbackOptions{To: h[5].ID}))
				w.Cloud.Listed = 1
			}, passed(48*time.Hour)), Run: prune, After: wants(h[5]), Yields: true},
		{Name: "prune right after a deploy and changes of a secret", Actor: blog + "/prune",
			Before: sequence(rolledBack(h), passed(48*time.Hour), diesAt(blog, h[6], "kv.keys.list"), secretsChanged),
			Run:    prune, After: wants(h[6]), Yields: true},
		{Name: "prune of what an earlier release deployed", Actor: blog + "/prune", Before: func(w *World) {
			deployed(h[0], h[1], h[2], h[4], h[5])(w)
			forgetPast(w, blog)
			secretsChanged(w)
			w.Pass(48 * time.Hour)
		}, Run: prune, After: wants(h[5]), Yields: true},
		{Name: "verify", Actor: blog + "/verify", Before: aged(h[0], h[1], h[2], h[4]), Run: verify, After: wants(h[4])},
	}
}

// aheadScenarios are uploads before a deploy, and deploys after them.
func aheadScenarios(h []*source.Commit) []*Scenario {
	return []*Scenario{
		{Name: "upload ahead", Actor: blog + "/upload", Before: deployed(h[0], h[6]), Run: upload(h[7]), After: wants(h[6])},
		deploys("deploy after an upload ahead", func(w *World) {
			deployed(h[0], h[6])(w)
			w.Must(blog+"/upload", "laptop", upload(h[7]))
		}, h[7]),
		deploys("deploy after an upload ahead that has expired", func(w *World) {
			w.Cloud.KeepsExpired = true
			deployed(h[0], h[6])(w)
			w.Must(blog+"/upload", "laptop", upload(h[7]))
			w.Pass(48 * time.Hour)
			w.Must(blog+"/prune", "ci", prune)
		}, h[7]),
		deploys("deploy after an upload ahead that died", func(w *World) {
			deployed(h[0], h[6])(w)
			w.Inject = func(c *Call) *Fault {
				if c.Kind == "kv.bulk.put" && strings.Contains(c.Object, "/r/") {
					return killed
				}
				return nil
			}
			w.Do(blog+"/upload", "laptop", upload(h[7]))
			w.Inject = nil
		}, h[7]),
	}
}

// rolledBack has commits deployed, and goes back to the first one.
func rolledBack(h []*source.Commit) func(*World) {
	return func(w *World) {
		deployed(h[0], h[1], h[2], h[4], h[5])(w)
		w.Must(blog+"/rollback", "laptop", rollback(kvsync.RollbackOptions{To: h[0].ID}))
		w.Pass(time.Hour)
	}
}

// secretsChanged has another tool change a secret so often that Cloudflare lists nothing else.
func secretsChanged(w *World) { changeSecrets(w, blog, 12) }

// changeSecrets has another tool change a secret this number of times.
func changeSecrets(w *World, site string, times int) {
	w.Must(site+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
		for i := range times {
			p.Act("secret", fmt.Sprint(i), func() string {
				return fmt.Sprint(w.Cloud.Script(site).SetSecret(p.Name, "KEY", fmt.Sprint(i)))
			})
		}
		return nil
	})
}

// forgetPast makes the records of deployments as earlier releases wrote them: they did not say
// what was active before.
func forgetPast(w *World, site string) {
	w.Must(site+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
		n := w.Cloud.Namespaces()[0]
		for _, key := range n.KeysAt(site+"/d/", time.Now()) {
			p.Act("rewrites", key, func() string {
				value, _ := n.Get(key)
				record := make(map[string]json.RawMessage)
				if err := json.Unmarshal(value, &record); err != nil {
					return err.Error()
				}
				delete(record, "past")
				value, _ = json.Marshal(record) // it was decoded
				n.Put(p.Name, key, value, 0)
				return string(value)
			})
		}
		return nil
	})
}

func rollbacks(h []*source.Commit) []*Scenario {
	holds := func(target, held *source.Commit) func(*World) string {
		return func(w *World) string {
			if live := w.Check.Live(blog); live.Hold != held.ID || !live.Rollback {
				return fmt.Sprintf("it holds back %q", live.Hold)
			}
			return wants(target)(w)
		}
	}
	return []*Scenario{
		{Name: "rollback", Actor: blog + "/rollback", Once: true, Before: deployed(h[0], h[1], h[2]),
			Run: rollback(noOptions), After: holds(h[1], h[2])},
		{Name: "rollback to a commit", Actor: blog + "/rollback", Before: deployed(h[0], h[1], h[2]),
			Run: rollback(kvsync.RollbackOptions{To: h[0].ID}), After: holds(h[0], h[2])},
	}
}

// aged has the commits deployed two days ago, so that a prune is due.
func aged(commits ...*source.Commit) func(*World) {
	return func(w *World) {
		deployed(commits...)(w)
		w.Pass(48 * time.Hour)
	}
}

// damaged has the commits deployed, and then a file of the last one deleted by another tool.
func damaged(commits ...*source.Commit) func(*World) {
	return func(w *World) {
		deployed(commits...)(w)
		w.Must(blog+"/"+inspect.Other, "ci", func(_ context.Context, p *Process) error {
			n := w.Cloud.Namespaces()[0]
			key := n.KeysAt(blog+"/b/", time.Now())[0]
			p.Act("deletes", key, func() string { n.Delete(p.Name, key); return "deleted" })
			return nil
		})
	}
}
