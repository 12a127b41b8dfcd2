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
	// Persistent is set if the fault can also strike every call from one on. Other faults strike
	// one call only.
	Persistent bool
	// Fatal is set if a run may fail because of the fault, even if it strikes only one call.
	Fatal bool

	// Alone: no promise holds against it while several runs race, so only the exhaustive part
	// has it. docs/safety.md says why.
	Alone bool

	hits   func(kind string) bool // nil is every kind
	strike func(*Struck)
}

// Hits reports whether it can strike calls of this kind.
func (f *Fault) Hits(kind string) bool { return f.hits == nil || f.hits(kind) }

// late reports whether it carries a call out some time after the run believes that it has.
func (f *Fault) late() bool {
	return strings.HasPrefix(f.Name, "duplicated") || strings.HasPrefix(f.Name, "carried out 5 s late")
}

// Struck is a call that is being carried out.
type Struck struct {
	*World
	Call *Call
}

// Apply carries the call out.
func (s *Struck) Apply(v model.View) *model.Reply {
	c := s.Call
	if c.act != nil {
		s.log("%s %s %s %s", c.process.Name, c.Kind, c.Object, c.act())
		return &model.Reply{}
	}
	if c.Kind == "workers.deployments.list" {
		s.Check.Looked(c.process.Name)
	}
	r := s.Cloud.Handle(c.request, v)
	s.log("%s #%d %s %s: %d", c.process.Name, c.Number, c.Kind, c.Object, r.Status)
	return r
}

// Answer gives the caller an answer.
func (s *Struck) Answer(r *model.Reply) { s.Call.answer <- answer{reply: r} }

// Fail gives the caller an error of the network.
func (s *Struck) Fail(err error) { s.Call.answer <- answer{err: err} }

// Later carries the call out later, for nobody.
func (s *Struck) Later(d time.Duration) {
	late := *s.Call
	late.due, late.again, late.answer = time.Now().Add(d), true, make(chan answer, 1)
	s.park(&late)
}

// Hang never answers.
func (s *Struck) Hang() {
	s.Call.lost = true
	s.park(s.Call)
}

// Cancel cancels the run, as SIGINT does. It reports whether somebody still waits for the call.
func (s *Struck) Cancel() bool {
	s.park(s.Call)
	s.Call.lost = true
	s.Call.process.cancel()
	synctest.Wait()
	return s.take(s.Call)
}

// Hold has the call wait for d, and then have its turn.
func (s *Struck) Hold(d time.Duration) {
	s.Call.due = time.Now().Add(d)
	s.park(s.Call)
}

// Pause suspends the process, with the call as it is: it goes on after d.
func (s *Struck) Pause(d time.Duration) {
	s.mu.Lock()
	s.Call.due, s.Call.deaf, s.Call.again = time.Now().Add(d), true, true
	s.mu.Unlock()
	s.park(s.Call)
}
