package simulation

import (
	"net/http"
	"slices"
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

	hits   func(kind string) bool // nil is every kind
	strike func(*Struck)
}

// Hits reports whether it can strike calls of this kind.
func (f *Fault) Hits(kind string) bool { return f.hits == nil || f.hits(kind) }

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

// Pause suspends the process, with the call as it is: it goes on after d.
func (s *Struck) Pause(d time.Duration) {
	s.mu.Lock()
	s.Call.due, s.Call.deaf, s.Call.again = time.Now().Add(d), true, true
	s.mu.Unlock()
	s.park(s.Call)
}

func status(code int) *model.Reply {
	return &model.Reply{Status: code, Header: http.Header{"Content-Type": {"text/html"}},
		Body: []byte("<html><title>" + http.StatusText(code) + "</title></html>")}
}

func answers(name string, r *model.Reply) *Fault {
	return &Fault{Name: name, Persistent: true, strike: func(s *Struck) { s.Answer(r) }}
}

func appliedThen(name string, r *model.Reply) *Fault {
	return &Fault{Name: name, Persistent: true, hits: model.Writes, strike: func(s *Struck) {
		s.Apply(model.View{})
		s.Answer(r)
	}}
}

func limited() *model.Reply {
	return model.Failure(http.StatusTooManyRequests, 10429, "too many requests")
}

func retryAfter(seconds string) *model.Reply {
	r := limited()
	r.Header.Set("Retry-After", seconds)
	return r
}

// pauseTime is longer than the grace period.
const pauseTime = 25 * time.Hour

// Faults are all that can strike one call.
var Faults = append([]*Fault{
	{Name: "not sent", Persistent: true, strike: func(s *Struck) {
		if s.Call.trace != nil && s.Call.trace.GetConn != nil {
			s.Call.trace.GetConn("api.cloudflare.com:443") // and never a connection
		}
		s.Fail(errDial)
	}},
	{Name: "request lost", Persistent: true, strike: func(s *Struck) { s.Fail(errBroken) }},
	{Name: "reply lost", Persistent: true, strike: func(s *Struck) { s.Apply(model.View{}); s.Fail(errBroken) }},
	{Name: "carried out 5 s late, reply lost", hits: model.Writes, strike: func(s *Struck) {
		s.Later(5 * time.Second)
		s.Fail(errBroken)
	}},
	{Name: "killed before it", Fatal: true, strike: func(s *Struck) { s.Call.process.Kill() }},
	{Name: "killed after it", Fatal: true, hits: model.Writes, strike: func(s *Struck) {
		s.Apply(model.View{})
		s.Call.process.Kill()
	}},
	answers("429", limited()),
	answers("429 with Retry-After", retryAfter("20")),
	answers("500", status(500)),
	answers("502", status(502)),
	answers("503", status(503)),
	answers("524", status(524)),
	appliedThen("500, carried out", status(500)),
	appliedThen("524, carried out", status(524)),
	answers("HTML with status 200", status(200)),
	appliedThen("HTML with status 200, carried out", status(200)),
	fatal(answers("success: false with status 200", model.Failure(200, 10001, "it did not work"))),
	fatal(answers("expired token", model.Failure(401, 10000, "Authentication error"))),
	{Name: "no answer", Persistent: true, strike: (*Struck).Hang},
	{Name: "no answer, carried out", hits: model.Writes, strike: func(s *Struck) { s.Apply(model.View{}); s.Hang() }},
	viewed("unsuccessful_keys", func(kind string) bool { return kind == "kv.bulk.put" || kind == "kv.bulk.delete" },
		model.View{Skips: func(i int) bool { return i%2 == 0 }}),
	stale("list of keys outdated", func(kind string) bool { return kind == "kv.keys.list" }),
	stale("outdated read", func(kind string) bool { return kind == "kv.values.get" || kind == "kv.bulk.get" }),
	{Name: "duplicated, the second one 20 s later", hits: repeatable, strike: func(s *Struck) {
		s.Later(20 * time.Second)
		s.Answer(s.Apply(model.View{}))
	}},
	{Name: "cancelled before it", Fatal: true, strike: func(s *Struck) {
		if s.Cancel() {
			s.Answer(s.Apply(model.View{}))
		}
	}},
	{Name: "cancelled after it", Fatal: true, hits: model.Writes, strike: func(s *Struck) {
		r := s.Apply(model.View{})
		if s.Cancel() {
			s.Answer(r)
		}
	}},
	{Name: "cancelled, then killed", Fatal: true, strike: func(s *Struck) {
		if s.Cancel() {
			s.Apply(model.View{})
		}
		s.Call.process.Kill()
	}},
	paused,
}, slices.Concat(wrongLists("of keys", "kv.keys.list"), wrongLists("of deployments", "workers.deployments.list"))...)

// wrongLists are the ways in which a list can be wrong.
func wrongLists(of, kind string) []*Fault {
	lists := func(k string) bool { return k == kind }
	twice := func(n int) (all []int) {
		for i := range n {
			all = append(all, i, i)
		}
		return all
	}
	half := func(n int) (all []int) {
		for i := range n / 2 {
			all = append(all, i)
		}
		return all
	}
	none := func(int) []int { return nil }
	return []*Fault{
		viewed("list "+of+" has each twice", lists, model.View{List: twice}),
		fatal(viewed("list "+of+" cut in half", lists, model.View{List: half})),
		fatal(viewed("list "+of+" empty", lists, model.View{List: none})),
	}
}

// paused is a machine that sleeps.
var paused = &Fault{Name: "paused for longer than the grace period", strike: func(s *Struck) { s.Pause(pauseTime) }}

func fatal(f *Fault) *Fault {
	f.Fatal = true
	return f
}

func viewed(name string, hits func(string) bool, v model.View) *Fault {
	return &Fault{Name: name, Persistent: true, hits: hits, strike: func(s *Struck) { s.Answer(s.Apply(v)) }}
}

// stale has reads show what was there a minute ago.
func stale(name string, hits func(string) bool) *Fault {
	return &Fault{Name: name, Persistent: true, hits: hits, strike: func(s *Struck) {
		s.Answer(s.Apply(model.View{At: time.Now().Add(-model.SeenWithin)}))
	}}
}

// repeatable calls change nothing when they are carried out twice in a row: a proxy may send
// them again.
func repeatable(kind string) bool { return model.Writes(kind) && strings.HasPrefix(kind, "kv.") }
