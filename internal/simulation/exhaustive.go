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

// Strike is one fault in one scenario.
type Strike struct {
	Scenario *Scenario
	// Call is the number of the call of the run that is struck.
	Call int
	// Kind and Object are those of that call.
	Kind, Object string
	Fault        *Fault
	// Persistent is set if the fault also strikes all later calls.
	Persistent bool
	// Then is a second fault, at a later call of the run; or nil.
	Then *Strike
	// Crash is the call of the recovery before which that is killed; 0 is none.
	Crash int
}

// String names the strike, for a person and for the command that repeats it.
func (s Strike) String() string {
	name := fmt.Sprintf("%s, call %d, %s: %s", s.Scenario.Name, s.Call, s.Kind, s.Fault.Name)
	if s.Persistent {
		name += ", and each later call"
	}
	if s.Then != nil {
		name += fmt.Sprintf("; then call %d, %s: %s", s.Then.Call, s.Then.Kind, s.Then.Fault.Name)
	}
	if s.Crash > 0 {
		name += fmt.Sprintf("; killed at call %d of the recovery", s.Crash)
	}
	return name
}

// Seen is one call of a run.
type Seen struct{ Kind, Object string }

// Calls are the calls of a scenario's run without a fault.
func (s *Scenario) Calls(w *World) (calls []Seen) {
	w.Strike = func(c *Call) *Fault {
		calls = append(calls, Seen{c.Kind, c.Object})
		return nil
	}
	w.Do(s.Actor, "ci", s.Run)
	return calls
}

// strikesAt are the faults that can strike a call.
func strikesAt(s *Scenario, n int, c Seen) (all []Strike) {
	for _, f := range Faults {
		if !f.Hits(c.Kind) || f.Name == s.Skips || s.Rewrites && f.late() && strings.HasPrefix(c.Kind, "kv.") {
			continue
		}
		all = append(all, Strike{Scenario: s, Call: n, Kind: c.Kind, Object: c.Object, Fault: f})
		if f.Persistent {
			all = append(all, Strike{Scenario: s, Call: n, Kind: c.Kind, Object: c.Object, Fault: f, Persistent: true})
		}
	}
	return all
}

// longest is how long a run may take. If nothing answers it, that is what docs/commands.md says: ten
// minutes without an answer, and the looks for a switch whose answer was lost. Otherwise answers to
// some calls begin the ten minutes anew.
func (s Strike) longest() time.Duration {
	if s.Persistent && s.Fault.hits == nil {
		return 12 * time.Minute
	}
	return 30 * time.Minute
}

// Outcome is what came of a strike.
type Outcome struct {
	// Wrong says which promise was broken, or is "".
	Wrong string
	// Recovery is how many calls the recovery made.
	Recovery int
	// Later are the calls that the run made after the one that was struck first.
	Later []Seen
}

// then are the pairs of a strike and a second one at a later call.
func (s Strike) then(later []Seen) (all []Strike) {
	for i, c := range later {
		for _, second := range strikesAt(s.Scenario, s.Call+1+i, c) {
			if !second.Persistent {
				pair := s
				pair.Then = &second
				all = append(all, pair)
			}
		}
	}
	return all
}

// strikes is the fault that strikes a call of the run, or nil.
func (s Strike) strikes(c *Call) *Fault {
	at := c.Number - 1 // the first call of a process is its begin
	switch {
	case s.Then != nil && at == s.Then.Call && s.Then.Fault.Hits(c.Kind):
		return s.Then.Fault
	case (at == s.Call || s.Persistent && at > s.Call) && s.Fault.Hits(c.Kind):
		return s.Fault
	}
	return nil
}

// sleeps reports whether the machine of the run sleeps.
func (s Strike) sleeps() bool { return s.Fault == paused || s.Then != nil && s.Then.sleeps() }

// harmless reports whether the run has to succeed in spite of it.
func (s Strike) harmless() bool { return !s.Persistent && !s.Fault.Fatal && s.Then == nil }

// Try makes the scenario's run with the fault, and runs again until it succeeds.
func (s Strike) Try(w *World) Outcome {
	site := inspect.Site(s.Scenario.Actor)
	before := w.Check.Live(site)
	begun := time.Now()
	p := w.Start(s.Scenario.Actor, "ci", s.Scenario.Run)
	var later []Seen
	w.Strike = func(c *Call) *Fault {
		if c.process != p {
			return nil
		}
		if c.Number-1 > s.Call {
			later = append(later, Seen{c.Kind, c.Object})
		}
		return s.strikes(c)
	}
	if s.sleeps() && !s.switches() && (s.Then == nil || !s.Then.switches()) {
		w.Start(site+"/prune meanwhile", "laptop", func(ctx context.Context, p *Process) error {
			time.Sleep(pauseTime - time.Minute)
			return pruneOf(site)(ctx, p)
		})
	}
	w.Run()
	wrong := append(s.reported(w, p, before), untrue(p, time.Since(begun))...)
	if p.Err != nil && s.harmless() && (!s.sleeps() || !s.Scenario.Yields) {
		wrong = append(wrong, fmt.Sprintf("one such fault ends the run: %v", p.Err))
	}
	if took := time.Since(begun); took > s.longest() && !s.sleeps() {
		wrong = append(wrong, fmt.Sprintf("the run took %s", took))
	}
	w.Strike = nil
	done := Outcome{Wrong: strings.Join(wrong, "\n"), Later: later}
	if !s.Scenario.Once || p.Err != nil || p.Dead() {
		done = s.recover(w, done)
	}
	w.Pass(5 * time.Minute)
	w.Check.End()
	if is := s.Scenario.After(w); is != "" {
		done.add("promise 6: after the recovery " + is)
	}
	for _, v := range w.Check.Violations {
		done.add(v)
	}
	return done
}

func (o *Outcome) add(wrong string) { o.Wrong = strings.TrimSpace(o.Wrong + "\n" + wrong) }

// recover runs again, until it succeeds.
func (s Strike) recover(w *World, done Outcome) Outcome {
	if s.Crash > 0 {
		dying := w.Start(s.Scenario.Actor+" dying", "ci", s.Scenario.Run)
		w.Strike = func(c *Call) *Fault {
			if c.process == dying && c.Number-1 == s.Crash {
				return killed
			}
			return nil
		}
		w.Run()
		w.Strike = nil
	}
	again := w.Do(s.Scenario.Actor+" again", "ci", s.Scenario.Run)
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
func (s Strike) switches() bool {
	switch s.Kind {
	case "workers.deployments.create", "workers.scripts.put":
		return true
	case "kv.values.put":
		return strings.HasSuffix(s.Object, "/current")
	}
	return false
}

// errOffline is a deletion that has not ended, and has taken the site offline.
var errOffline = errors.New("it is offline")

// reported compares what the run reported with what is live.
func (s Strike) reported(w *World, p *Process, before inspect.Live) (wrong []string) {
	if p.Dead() || unknown(p.Err) {
		return nil
	}
	claims := s.Scenario.Claims
	if claims == nil {
		claims = s.Scenario.After
	}
	now := w.Check.Live(inspect.Site(s.Scenario.Actor))
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
