package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/durable"
	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// World is an account with the processes that use it. It must be made in a bubble of testing/synctest.
type World struct {
	Cloud *model.Cloud
	Check *inspect.Checker
	// Inject chooses the fault for a call. No Inject, and a result of nil, mean that there is none.
	Inject func(*Call) *Fault

	random  *rand.Rand
	start   time.Time
	history strings.Builder
	wake    chan struct{} // something may be done again
	running sync.WaitGroup

	mu        sync.Mutex
	parked    []*Call
	processes []*Process
	machines  map[string]*machine
	objects   durable.Host
}

// NewWorld returns an empty account, whose events happen in an order that the seed decides.
func NewWorld(seed uint64) *World {
	w := &World{
		Cloud: model.New(), random: rand.New(rand.NewPCG(seed, 1)), start: time.Now(), wake: make(chan struct{}, 1),
		machines: make(map[string]*machine),
	}
	w.Check = inspect.New(w.Cloud, seed)
	return w
}

// History is what happened, one line an event. The same seed has the same history.
func (w *World) History() string { return w.history.String() }

func (w *World) log(format string, args ...any) {
	fmt.Fprintf(&w.history, "%12s ", time.Since(w.start).Round(time.Millisecond))
	fmt.Fprintf(&w.history, format+"\n", args...)
}

// Run carries out calls until all processes have ended, but for the dead ones.
func (w *World) Run() {
	for {
		synctest.Wait()
		if !w.alive() {
			return
		}
		w.objects.Alarms(w.Cloud, inspect.Writer, func(by, key string) { w.log("%s publishes %s", by, key) })
		c, due := w.next()
		if at := w.objects.Next(w.Cloud); due.IsZero() || !at.IsZero() && at.Before(due) {
			due = at
		}
		if c == nil {
			w.rest(due)
			continue
		}
		time.Sleep(w.latency())
		if w.take(c) {
			w.step(c)
		}
	}
}

// Close ends what is left of dead processes. The world must not be used after it.
func (w *World) Close() {
	for _, p := range w.processes {
		p.Kill()
	}
	w.running.Wait()
}

// latency is how long a request takes. Each is different, so that no two things happen at once.
func (w *World) latency() time.Duration {
	return time.Millisecond + rand2(w.random, 20*time.Millisecond)
}

func rand2(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

func (w *World) alive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.processes, func(p *Process) bool { return !p.dead && !p.ended })
}

// rest lets time pass until something may happen.
func (w *World) rest(due time.Time) {
	var timer <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(time.Until(due))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-w.wake:
	case <-timer:
	}
}

func (w *World) awake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next chooses a call that may be carried out, or says when the first one may be. Faster
// processes are chosen more often.
func (w *World) next() (c *Call, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.parked, func(a, b *Call) int {
		return cmp.Or(cmp.Compare(a.process.Name, b.process.Name), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Number, b.Number))
	})
	var ready []*Call
	total := 0
	for _, c := range w.parked {
		switch {
		case c.lost:
		case time.Now().Before(c.due):
			if due.IsZero() || c.due.Before(due) {
				due = c.due
			}
		default:
			ready = append(ready, c)
			total += c.process.speed
		}
	}
	if total == 0 {
		return nil, due
	}
	at := w.random.IntN(total)
	for _, c := range ready {
		if at -= c.process.speed; at < 0 {
			return c, due
		}
	}
	return nil, due
}

// take removes a call from those that wait. It reports false if nobody waits for it any more.
func (w *World) take(c *Call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.parked, c)
	if i < 0 {
		return false
	}
	w.parked = slices.Delete(w.parked, i, i+1)
	return true
}

// park adds a call to those that wait.
func (w *World) park(c *Call) {
	w.mu.Lock()
	w.parked = append(w.parked, c)
	w.mu.Unlock()
	w.awake()
}

// step carries a call out, or injects a fault into it.
func (w *World) step(c *Call) {
	if c.Number == 0 { // a number is that of the turn, not of the arrival
		c.process.calls++
		c.Number = c.process.calls
	}
	c.process.jump.Store(0)
	var f *Fault
	if c.process.killNext {
		f = killed
	} else if w.Inject != nil && c.request != nil && !c.again {
		f = w.Inject(c)
	}
	e := &Execution{World: w, Call: c}
	if f == nil {
		e.Answer(e.Apply(model.View{}))
	} else {
		w.log("%s #%d %s %s: %s", c.process.Name, c.Number, c.Kind, c.Object, f.Name)
		f.inject(e)
	}
	w.Check.Visit()
	w.reports()
}
