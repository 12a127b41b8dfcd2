package simulation

import (
	"strings"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Fault is something that goes wrong with a call.
type Fault struct {
	Name string
	// Persistent is set if the fault can also be injected into every call from one on. Other faults
	// are injected into one call only.
	Persistent bool
	// Fatal is set if a run may fail because of the fault, even if it is injected into only one call.
	Fatal bool

	// Alone: no promise holds against it while several runs race, so only the exhaustive part
	// has it. docs/safety.md says why.
	Alone bool

	appliesTo func(kind string) bool // nil is every kind
	inject    func(*Execution)
}

// AppliesTo reports whether it can be injected into calls of this kind.
func (f *Fault) AppliesTo(kind string) bool { return f.appliesTo == nil || f.appliesTo(kind) }

// outdated reports whether it shows what was there a minute ago.
func (f *Fault) outdated() bool { return strings.HasSuffix(f.Name, " outdated") }

// late reports whether it carries a call out some time after the run believes that it has.
func (f *Fault) late() bool {
	return strings.HasPrefix(f.Name, "duplicated") || strings.HasPrefix(f.Name, "carried out 5 s late")
}

// Execution is a call that is being carried out.
type Execution struct {
	*World
	Call *Call
}

// Apply carries the call out.
func (e *Execution) Apply(v model.View) *model.Reply {
	c := e.Call
	if c.act != nil {
		e.log("%s %s %s %s", c.process.Name, c.Kind, c.Object, c.act())
		return &model.Reply{}
	}
	if c.Kind == "workers.deployments.list" {
		e.Check.Looked(c.process.Name)
	}
	r := e.Cloud.Handle(c.request, v)
	e.log("%s #%d %s %s: %d", c.process.Name, c.Number, c.Kind, c.Object, r.Status)
	return r
}

// Answer gives the caller an answer.
func (e *Execution) Answer(r *model.Reply) { e.Call.answer <- answer{reply: r} }

// Fail gives the caller an error of the network.
func (e *Execution) Fail(err error) { e.Call.answer <- answer{err: err} }

// Later carries the call out later, for nobody.
func (e *Execution) Later(d time.Duration) {
	late := *e.Call
	late.due, late.again, late.answer = time.Now().Add(d), true, make(chan answer, 1)
	e.park(&late)
}

// Hang never answers.
func (e *Execution) Hang() {
	e.Call.lost = true
	e.park(e.Call)
}

// Cancel cancels the run, as SIGINT does. It reports whether somebody still waits for the call.
func (e *Execution) Cancel() bool {
	e.park(e.Call)
	e.Call.lost = true
	e.Call.process.cancel()
	synctest.Wait()
	return e.take(e.Call)
}

// Hold has the call wait for d, and then have its turn.
func (e *Execution) Hold(d time.Duration) {
	e.Call.due = time.Now().Add(d)
	e.park(e.Call)
}

// Pause suspends the process, with the call as it is: it goes on after d.
func (e *Execution) Pause(d time.Duration) {
	e.mu.Lock()
	e.Call.due, e.Call.paused, e.Call.again = time.Now().Add(d), true, true
	e.mu.Unlock()
	e.park(e.Call)
}
