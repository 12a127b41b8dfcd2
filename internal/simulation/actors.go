package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// Actors are a random number of processes that use one account at the same time, with random
// faults: all of it decided by one seed.
type Actors struct {
	*World
	random *rand.Rand
	runs   []*run
}

// run is a process of a schedule.
type run struct {
	*Process
	what   string
	commit *source.Commit // that it deploys, or nil
	begun  time.Time
	run    func(context.Context, *Process) error
	// target is what a rollback made live.
	held string
}

func newActors(seed uint64) *Actors {
	return &Actors{World: NewWorld(seed), random: rand.New(rand.NewPCG(seed, 3))}
}

func (a *Actors) world() *World { return a.World }

// start starts a process after a while.
func (a *Actors) start(name, what string, c *source.Commit, f func(context.Context, *Process) error) *run {
	wait := rand2(a.random, 200*time.Millisecond)
	if a.random.IntN(4) == 0 {
		wait = rand2(a.random, 3*time.Minute)
	}
	r := &run{what: what, commit: c, begun: time.Now(), run: f}
	r.Process = a.Start(name, fmt.Sprint("machine ", len(a.runs)), func(ctx context.Context, p *Process) error {
		time.Sleep(wait)
		return f(ctx, p)
	})
	r.Skew = a.skew()
	a.runs = append(a.runs, r)
	return r
}

// skew is how far the clock of a machine is ahead: of most not at all, of some by hours.
func (a *Actors) skew() time.Duration {
	switch a.random.IntN(16) {
	case 0:
		return rand2(a.random, 10*time.Hour) - 5*time.Hour
	case 1:
		return rand2(a.random, 2*time.Hour) - time.Hour
	}
	return 0
}

// again runs deploys again that were refused because others were at it, or do not know, or died,
// as a person does.
func (a *Actors) again() {
	for range 3 {
		for _, r := range a.runs {
			if r.commit != nil && r.unfinished() {
				r.Process = a.Do(r.Name+" again", "ci", r.run)
			}
		}
	}
}

// unfinished reports whether a person would run it again.
func (r *run) unfinished() bool { return r.Dead() || unsettled(r.Err) || unchecked(r.Process) }

// unsettled reports whether a run ended so that it is to be run again.
func unsettled(err error) bool {
	var stopped *guard.Error
	return err != nil && (!errors.As(err, &stopped) || stopped.Guard == guard.Overtaken)
}

// unchecked reports whether a run says that it could not look after its switch.
func unchecked(p *Process) bool {
	return slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "could not be checked whether") })
}

// fault chooses what goes wrong, and how often. Faults come in pairs: after one, another is
// injected into one of the next calls of the process.
func (a *Actors) fault() func(*Call) *Fault {
	often := []int{0, 0, 200, 50, 20}[a.random.IntN(5)]
	persistent, second := make(map[*Process]*Fault), make(map[*Process]bool)
	return func(c *Call) *Fault {
		if f := persistent[c.process]; f != nil && f.AppliesTo(c.Kind) {
			return f
		}
		rate := often
		if second[c.process] {
			rate = 3
		}
		if often == 0 || a.random.IntN(rate) > 0 {
			return nil
		}
		f := Faults[a.random.IntN(len(Faults))]
		if f.Alone || !f.AppliesTo(c.Kind) || f.late() && inspect.Site(c.process.Name) == plain {
			return nil
		}
		second[c.process] = !second[c.process]
		if f.Persistent && a.random.IntN(4) == 0 {
			persistent[c.process] = f
		}
		return f
	}
}
