package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// worker is code that gets no request before the site does.
var worker = cloud.Worker{
	Main: "main.js", CompatibilityDate: "2026-11-01", Routing: &manifest.Routing{},
	Modules: []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export default { fetch() { return new Response('ok') } }")}},
}

// coded is a Worker with code of its own, which gets some requests before the site does. Each
// tag is a migration.
func coded(edition string, tags ...string) cloud.Worker {
	w := worker
	w.Routing = &manifest.Routing{Worker: []string{"/api/*"}}
	w.Modules = []cloud.Module{{Name: "main.js", Type: "application/javascript+module", Content: []byte(codeOf(edition))}}
	w.Settings = map[string]json.RawMessage{"logpush": json.RawMessage("true")}
	for _, tag := range tags {
		w.Migrations = append(w.Migrations, cloud.Migration{Tag: tag,
			Step: fmt.Appendf(nil, `{"new_sqlite_classes":["Of%s"]}`, tag)})
	}
	return w
}

func codeOf(edition string) string { return "export default { edition: '" + edition + "' }" }

// codeScenarios are runs in which the code of a Worker changes, or is another tool's.
func codeScenarios(h []*source.Commit) []*Scenario {
	run := func(c *source.Commit, w cloud.Worker) func(context.Context, *Process) error {
		return deployOf(blog, source.Of(c), w, plan.Options{})
	}
	after := func(c *source.Commit, edition string, migrations ...string) func(*World) string {
		return func(w *World) string { return answersAs(w, c, edition, migrations) }
	}
	had := func(w cloud.Worker) func(*World) {
		return func(world *World) { world.Must(blog+"/deploy before", "ci", run(h[0], w)); world.Pass(time.Hour) }
	}
	return []*Scenario{
		{Name: "code changed", Actor: blog + "/deploy", Before: had(coded("one")), Run: run(h[1], coded("two")),
			After: after(h[1], "two")},
		{Name: "only code changed", Actor: blog + "/deploy", Before: had(coded("one")), Run: run(h[0], coded("two")),
			After: after(h[0], "two")},
		{Name: "first deploy with a migration", Actor: blog + "/deploy", Before: func(*World) {},
			Run: run(h[0], coded("one", "v1")), After: after(h[0], "one", "v1")},
		{Name: "deploy with a migration", Actor: blog + "/deploy", Before: had(coded("one", "v1")),
			Run: run(h[1], coded("two", "v1", "v2")), After: after(h[1], "two", "v1", "v2")},
		{Name: "deploy after a migration", Actor: blog + "/deploy", Before: had(coded("one", "v1")),
			Run: run(h[1], coded("two", "v1")), After: after(h[1], "two", "v1")},
		{Name: "deploy beside another tool", Actor: blog + "/deploy", Before: overtaken(h[0], h[1]),
			Run: refused(guard.Foreign, run(h[2], worker)), After: isForeign},
		{Name: "prune beside another tool", Actor: blog + "/prune", Before: overtaken(h[0], h[1]),
			Run: refused(guard.Foreign, prune), After: isForeign},
		{Name: "deploy --take-over", Actor: blog + "/deploy", Before: overtaken(h[0], h[1]),
			Run: deploy(h[2], plan.Options{TakeOver: true}), After: wants(h[2])},
	}
}

// answersAs says whether something other than the commit with this code is live, and
// whether a migration was not applied once.
func answersAs(w *World, c *source.Commit, edition string, migrations []string) string {
	s := w.Cloud.Script(blog)
	if s.Active() == nil {
		return "nothing is live"
	}
	if code := string(s.Version(s.Active().Main()).Modules["main.js"]); code != codeOf(edition) {
		return "the code is " + code
	}
	if len(s.Migrated) != len(migrations) {
		return fmt.Sprintf("the migrations %s were applied, want %v", s.Migrated, migrations)
	}
	return wants(c)(w)
}

// overtaken has the commits deployed, and then another tool.
func overtaken(commits ...*source.Commit) func(*World) {
	return func(w *World) {
		deployed(commits...)(w)
		w.Must(blog+"/"+inspect.Other, "laptop", func(_ context.Context, p *Process) error {
			p.Act("deploys", "other.js", func() string {
				return w.Cloud.Script(blog).DeployOther(p.Name, "export default {}").ID
			})
			return nil
		})
		w.Pass(time.Hour) // what the API lists may be a minute old
	}
}

func isForeign(w *World) string {
	if live := w.Check.Live(blog); !live.Foreign {
		return "the other tool's version is not live: " + live.Version
	}
	return ""
}

// refused expects that a guard stops a run.
func refused(by guard.ID, run func(context.Context, *Process) error) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		err := run(ctx, p)
		if stopped := (*guard.Error)(nil); errors.As(err, &stopped) && stopped.Guard == by {
			return nil
		}
		if err == nil {
			return fmt.Errorf("it succeeds, and the guard %s does not stop it", by)
		}
		return err
	}
}
