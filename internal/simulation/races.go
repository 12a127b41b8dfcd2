package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Race is a run that another one overtakes: right before one of its calls, all of the other is
// carried out.
type Race struct {
	Name   string
	Before func(*World)
	// Slow is overtaken by Fast.
	Slow, Fast Racer
	// Again is how a person deploys after it.
	Again func(context.Context, *Process) error
}

// sparse reports whether each fifth call is overtaken, unless all are asked for with -every 1.
func (r *Race) sparse() bool { return inspect.Site(r.Slow.Actor) == vast }

// Racer is a run of a race.
type Racer struct {
	Actor string
	Run   func(context.Context, *Process) error
}

// Calls are the calls that the slow run makes alone.
func (r *Race) Calls(w *World) (calls []Seen) {
	r.Before(w)
	w.Inject = func(c *Call) *Fault {
		calls = append(calls, Seen{c.Kind, c.Object})
		return nil
	}
	w.Do(r.Slow.Actor, "ci", r.Slow.Run)
	return calls
}

// Promised reports whether a promise holds for a run that is overtaken right before its n-th call.
// None does for a first deploy of a site between its first upload and its switch, nor for a deploy
// of a project between its last look and its switch, if a deletion overtakes it there.
func (r *Race) Promised(calls []Seen, n int) bool {
	if !strings.Contains(r.Slow.Actor, "/deploy") || !strings.HasSuffix(r.Fast.Actor, inspect.Delete) {
		return true
	}
	uploads := func(c Seen) bool { return c.Kind == "kv.bulk.put" }
	switches := func(c Seen) bool { return c.Kind == "workers.scripts.put" }
	if to := slices.IndexFunc(calls, switches); to >= 0 {
		return n-1 < slices.IndexFunc(calls, uploads) || n-1 > to
	}
	return calls[n-1].Kind != "kv.values.put"
}

// Try has the slow run overtaken at its n-th call, by a run that begins after a while. It returns
// which promise was broken, or "".
func (r *Race) Try(w *World, n int, after time.Duration) string {
	r.Before(w)
	slow := w.Start(r.Slow.Actor, "ci", r.Slow.Run)
	var fast *Process
	held := &Fault{Name: "overtaken", inject: func(e *Execution) { e.Hold(time.Second) }}
	w.Inject = func(c *Call) *Fault {
		if c.process != slow || c.Number-1 != n {
			return nil
		}
		if fast == nil {
			fast = w.Start(r.Fast.Actor, "laptop", func(ctx context.Context, p *Process) error {
				time.Sleep(after)
				return r.Fast.Run(ctx, p)
			})
		}
		if fast.isOver() {
			return nil
		}
		return held
	}
	w.Run()
	w.Inject = nil
	w.Pass(5 * time.Minute)
	w.Check.End()
	wrong := slices.Clone(w.Check.Violations)
	site := inspect.Site(r.Slow.Actor)
	if p := w.Do(site+"/deploy again", "ci", r.Again); p.Err != nil {
		wrong = append(wrong, fmt.Sprintf("promise 6: a deploy after it says %v", p.Err))
	}
	w.Check.End()
	if p := w.Do(site+"/"+inspect.Delete+" at last", "ci", remove(site)); p.Err != nil {
		wrong = append(wrong, fmt.Sprintf("promise 6: delete says %v", p.Err))
	}
	if left := w.Check.Left(site); len(left) > 0 {
		wrong = append(wrong, "promise 6: after a deletion there is "+left[0])
	}
	return strings.Join(wrong, "\n")
}

// Races are the runs that overtake each other.
func Races() (all []*Race) {
	for _, site := range []string{blog, mall} {
		h := source.Repository("example.com/ada/"+site, pages(500, "/old.html"), many(501), pages(502))
		deploy := func(c *source.Commit) Racer {
			return Racer{site + "/deploy", deployTo(site, c, plan.Options{AllowShrink: true})}
		}
		remove := Racer{site + "/" + inspect.Delete, remove(site)}
		live, after := deployedTo(site, h[0]), sequence(deployedTo(site, h[0]), deleted(site))
		gone := sequence(live, dies(site))
		name := strings.ReplaceAll(site, "/", " ")
		again := deployTo(site, h[2], plan.Options{Repair: true, AllowShrink: true})
		all = append(all,
			&Race{name + ": deploy overtaken by a deletion", live, deploy(h[1]), remove, again},
			&Race{name + ": deletion overtaken by a deploy", live, remove, deploy(h[1]), again},
			&Race{name + ": deletion overtaken by a deletion", live, remove, remove, again},
			&Race{name + ": first deploy overtaken by a deletion", after, deploy(h[1]), remove, again},
			&Race{name + ": first deploy overtaken by what is left of a deletion", gone, deploy(h[1]), remove, again},
			&Race{name + ": what is left of a deletion overtaken by a first deploy", gone, remove, deploy(h[1]), again},
		)
	}
	return append(all, editRaces()...)
}

// editRaces are runs during which people write at run time.
func editRaces() (all []*Race) {
	h := wikiHistory()
	edited := sequence(deployedTo(wiki, h[0], h[1]), wrote(edits...))
	again := deployTo(wiki, h[3], plan.Options{Repair: true, AllowShrink: true})
	fast := Racer{wiki + "/" + inspect.Writer, func(ctx context.Context, p *Process) error {
		err := writes(write{path: "/about.html", body: "edited meanwhile"}, write{path: "/note.html"},
			write{path: "/index.html", body: h[2].Files["/index.html"]}, write{path: "/new.html", body: "new"})(ctx, p)
		if errors.Is(err, errNoOverlay) {
			return nil // it is not acknowledged
		}
		return err
	}}
	for _, r := range []struct {
		name string
		slow Racer
	}{
		{"deploy", Racer{wiki + "/deploy", deployTo(wiki, h[2], anySize)}},
		{"deploy of pulled edits", Racer{wiki + "/deploy", deployPulled(h[3], false)}},
		{"rollback", Racer{wiki + "/rollback", rollbackOf(wiki, noOptions)}},
		{"prune", Racer{wiki + "/prune", pruneOf(wiki)}},
		{"pull", Racer{wiki + "/pull", func(ctx context.Context, p *Process) error { return p.pull(ctx) }}},
		{"deletion", Racer{wiki + "/" + inspect.Delete, remove(wiki)}},
	} {
		all = append(all, &Race{"wiki: " + r.name + " overtaken by edits", sequence(edited, pulls(h[1])), r.slow, fast,
			again})
	}
	return append(all, partsRaces()...)
}

// dies has a deletion die once the site is offline.
func dies(site string) func(*World) {
	return func(w *World) {
		w.Inject = func(c *Call) *Fault {
			if c.Kind == "kv.bulk.delete" {
				return killed
			}
			return nil
		}
		w.Do(site+"/"+inspect.Delete+" dying", "ci", remove(site))
		w.Inject = nil
	}
}
