package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
)

// Injection is a fault that is injected into a call of a scenario.
type Injection struct {
	Scenario *Scenario
	// Call is the number of that call in the run.
	Call int
	// Kind and Object are those of that call.
	Kind, Object string
	Fault        *Fault
	// Persistent is set if the fault is injected into all later calls, too.
	Persistent bool
	// Then is a second fault, at a later call of the run; or nil.
	Then *Injection
	// Crash is the call of the recovery before which that is killed; 0 is none.
	Crash int
}

// String names the injection, for a person and for the command that repeats it.
func (in Injection) String() string {
	name := fmt.Sprintf("%s, call %d, %s: %s", in.Scenario.Name, in.Call, in.Kind, in.Fault.Name)
	if in.Persistent {
		name += ", and each later call"
	}
	if in.Then != nil {
		name += fmt.Sprintf("; then call %d, %s: %s", in.Then.Call, in.Then.Kind, in.Then.Fault.Name)
	}
	if in.Crash > 0 {
		name += fmt.Sprintf("; killed at call %d of the recovery", in.Crash)
	}
	return name
}

// Seen is one call of a run.
type Seen struct{ Kind, Object string }

// Calls are the calls of a scenario's run without a fault.
func (s *Scenario) Calls(w *World) (calls []Seen) {
	w.Inject = func(c *Call) *Fault {
		calls = append(calls, Seen{c.Kind, c.Object})
		return nil
	}
	w.Do(s.Actor, "ci", s.Run)
	return calls
}

// injectionsAt are the faults that can be injected into a call.
func injectionsAt(s *Scenario, n int, c Seen) (all []Injection) {
	for _, f := range Faults {
		skipped := s.Skips != "" && strings.HasPrefix(f.Name, s.Skips) ||
			s.Rewrites && f.late() && strings.HasPrefix(c.Kind, "kv.")
		if !f.AppliesTo(c.Kind) || skipped {
			continue
		}
		all = append(all, Injection{Scenario: s, Call: n, Kind: c.Kind, Object: c.Object, Fault: f})
		if f.Persistent {
			all = append(all, Injection{Scenario: s, Call: n, Kind: c.Kind, Object: c.Object, Fault: f, Persistent: true})
		}
	}
	return all
}

// longest is how long a run may take. If nothing answers it, that is what docs/commands.md says: ten
// minutes without an answer, and the looks for a switch whose answer was lost. Otherwise answers to
// some calls begin the ten minutes anew.
func (in Injection) longest() time.Duration {
	if in.Persistent && in.Fault.appliesTo == nil {
		return 12 * time.Minute
	}
	return 30 * time.Minute
}

// Outcome is the result of an injection.
type Outcome struct {
	// Wrong says which promise was broken, or is "".
	Wrong string
	// Recovery is how many calls the recovery made.
	Recovery int
	// Later are the calls that the run made after the first one with a fault.
	Later []Seen
}

// then are the pairs of an injection and a second one at a later call.
func (in Injection) then(later []Seen) (all []Injection) {
	for i, c := range later {
		for _, second := range injectionsAt(in.Scenario, in.Call+1+i, c) {
			if !second.Persistent {
				pair := in
				pair.Then = &second
				all = append(all, pair)
			}
		}
	}
	return all
}

// faultAt is the fault for a call of the run, or nil.
func (in Injection) faultAt(c *Call) *Fault {
	at := c.Number - 1 // the first call of a process is its begin
	switch {
	case in.Then != nil && at == in.Then.Call && in.Then.Fault.AppliesTo(c.Kind):
		return in.Then.Fault
	case (at == in.Call || in.Persistent && at > in.Call) && in.Fault.AppliesTo(c.Kind):
		return in.Fault
	}
	return nil
}

// sleeps reports whether the machine of the run sleeps.
func (in Injection) sleeps() bool { return in.Fault == paused || in.Then != nil && in.Then.sleeps() }

// harmless reports whether the run has to succeed in spite of it.
func (in Injection) harmless() bool { return !in.Persistent && !in.Fault.Fatal && in.Then == nil }

// Try makes the scenario's run with the fault, and runs again until it succeeds.
func (in Injection) Try(w *World) Outcome {
	site := inspect.Site(in.Scenario.Actor)
	before := w.Check.Live(site)
	begun := time.Now()
	p := w.Start(in.Scenario.Actor, "ci", in.Scenario.Run)
	var later []Seen
	w.Inject = func(c *Call) *Fault {
		if c.process != p {
			return nil
		}
		if c.Number-1 > in.Call {
			later = append(later, Seen{c.Kind, c.Object})
		}
		return in.faultAt(c)
	}
	if in.sleeps() && !in.switches() && (in.Then == nil || !in.Then.switches()) {
		w.Start(site+"/prune meanwhile", "laptop", func(ctx context.Context, p *Process) error {
			time.Sleep(pauseTime - time.Minute)
			return pruneOf(site)(ctx, p)
		})
	}
	w.Run()
	wrong := append(in.reported(w, p, before), untrue(p, time.Since(begun))...)
	if p.Err != nil && in.harmless() && (!in.Scenario.Yields || !in.sleeps() && !in.Fault.outdated()) {
		wrong = append(wrong, fmt.Sprintf("one such fault ends the run: %v", p.Err))
	}
	if took := time.Since(begun); took > in.longest() && !in.sleeps() {
		wrong = append(wrong, fmt.Sprintf("the run took %s", took))
	}
	w.Inject = nil
	done := Outcome{Wrong: strings.Join(wrong, "\n"), Later: later}
	if !in.Scenario.Once || p.Err != nil || p.Dead() {
		done = in.recover(w, done)
	}
	w.Pass(5 * time.Minute)
	w.Check.End()
	if is := in.Scenario.After(w); is != "" {
		done.add("promise 6: after the recovery " + is)
	}
	for _, v := range w.Check.Violations {
		done.add(v)
	}
	return done
}

func (o *Outcome) add(wrong string) { o.Wrong = strings.TrimSpace(o.Wrong + "\n" + wrong) }

// recover runs again, until it succeeds.
func (in Injection) recover(w *World, done Outcome) Outcome {
	if in.Crash > 0 {
		dying := w.Start(in.Scenario.Actor+" dying", "ci", in.Scenario.Run)
		w.Inject = func(c *Call) *Fault {
			if c.process == dying && c.Number-1 == in.Crash {
				return killed
			}
			return nil
		}
		w.Run()
		w.Inject = nil
	}
	machine := []string{"ci", "the next job"}[in.Call%2]
	if w.machine("ci").tree != nil || in.Scenario.Once {
		machine = "ci" // which has the work tree, or the note of an interrupted rollback
	}
	again := w.Do(in.Scenario.Actor+" again", machine, in.Scenario.Run)
	if again.Err != nil {
		done.add(fmt.Sprintf("promise 6: run again, it says %v", again.Err))
	}
	done.Recovery = again.calls - 1
	return done
}

// untrue says which of a run's notes are wrong.
func untrue(p *Process, took time.Duration) (wrong []string) {
	for _, note := range p.Notes {
		if strings.Contains(note, "longer than half the grace period") && took < grace/2 {
			wrong = append(wrong, fmt.Sprintf("after %s it says %q", took, note))
		}
	}
	return wrong
}

// switches reports whether the call makes something live. A machine that sleeps in the moment in
// which it sends that switches to what was pruned: nothing can prevent it.
func (in Injection) switches() bool {
	switch in.Kind {
	case "workers.deployments.create", "workers.scripts.put":
		return true
	case "kv.values.put":
		return strings.HasSuffix(in.Object, "/current")
	}
	return false
}

// errOffline is a deletion that has not ended, and has taken the site offline.
var errOffline = errors.New("it is offline")

// reported compares what the run reported with what is live.
func (in Injection) reported(w *World, p *Process, before inspect.Live) (wrong []string) {
	if p.Dead() || unknown(p.Err) {
		return nil
	}
	claims := in.Scenario.Claims
	if claims == nil {
		claims = in.Scenario.After
	}
	now := w.Check.Live(inspect.Site(in.Scenario.Actor))
	switch {
	case p.Err == nil:
		if is := claims(w); is != "" {
			wrong = append(wrong, "promise 3: it says that it succeeded, and "+is)
		}
	case errors.Is(p.Err, pathname.ErrUnfinished):
	case errors.Is(p.Err, errOffline):
		if now.Exists {
			wrong = append(wrong, fmt.Sprintf("promise 8: it says %v, and %s is live", p.Err, now.Deployment))
		}
	case now.Exists != before.Exists || now.Deployment != before.Deployment:
		wrong = append(wrong, fmt.Sprintf("promise 8: it says %v, and %s is live", p.Err, now.Deployment))
	}
	return wrong
}
