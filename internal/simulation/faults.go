package simulation

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Faults are all that can be injected into one call.
var Faults = slices.Concat(lost, failures, ends, reads, machines,
	wrongLists("of keys", "kv.keys.list"), wrongLists("of deployments", "workers.deployments.list"),
	wrongLists("of namespaces", "kv.namespaces.list"))

// lost are requests and answers that get lost, come late, or come twice.
var lost = []*Fault{
	{Name: "not sent", Persistent: true, inject: func(e *Execution) {
		if e.Call.trace != nil && e.Call.trace.GetConn != nil {
			e.Call.trace.GetConn("api.cloudflare.com:443") // and never a connection
		}
		e.Fail(errDial)
	}},
	{Name: "request lost", Persistent: true, inject: func(e *Execution) { e.Fail(errBroken) }},
	{Name: "reply lost", Persistent: true, inject: func(e *Execution) { e.Apply(model.View{}); e.Fail(errBroken) }},
	{Name: "carried out 5 s late, reply lost", Persistent: true, appliesTo: model.Writes, inject: func(e *Execution) {
		e.Later(5 * time.Second)
		e.Fail(errBroken)
	}},
	{Name: "no answer", Persistent: true, inject: (*Execution).Hang},
	{Name: "no answer, carried out", Persistent: true, appliesTo: model.Writes, inject: func(e *Execution) {
		e.Apply(model.View{})
		e.Hang()
	}},
	twice(5*time.Second, model.Writes, true),
	twice(20*time.Second, repeatable, false),
}

// twice are requests that a proxy sends again, after later ones.
func twice(later time.Duration, appliesTo func(string) bool, alone bool) *Fault {
	name := "duplicated, the second one " + later.String() + " later"
	return &Fault{Name: name, Persistent: true, Alone: alone, appliesTo: appliesTo, inject: func(e *Execution) {
		e.Later(later)
		e.Answer(e.Apply(model.View{}))
	}}
}

// failures are answers that are no success.
var failures = []*Fault{
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
	fatal(switching(appliedThen("refused, carried out", model.Failure(400, 10001, "it did not work")))),
	fatal(switching(answers("confirmed, not carried out", model.Confirmation()))),
	fatal(answers("expired token", model.Failure(401, 10000, "Authentication error"))),
	viewed("unsuccessful_keys", func(kind string) bool { return kind == "kv.bulk.put" || kind == "kv.bulk.delete" },
		model.View{Skips: func(i int) bool { return i%2 == 0 }}),
}

// ends are ways in which a run ends before its time.
var ends = []*Fault{
	killed,
	{Name: "killed after it", Fatal: true, appliesTo: model.Writes, inject: func(e *Execution) {
		e.Apply(model.View{})
		e.Call.process.Kill()
	}},
	{Name: "cancelled before it", Fatal: true, inject: func(e *Execution) {
		if e.Cancel() {
			e.Answer(e.Apply(model.View{}))
		}
	}},
	{Name: "cancelled after it", Fatal: true, appliesTo: model.Writes, inject: func(e *Execution) {
		r := e.Apply(model.View{})
		if e.Cancel() {
			e.Answer(r)
		}
	}},
	{Name: "cancelled, then killed", Fatal: true, inject: func(e *Execution) {
		if e.Cancel() {
			e.Apply(model.View{})
		}
		e.Call.process.Kill()
	}},
	{Name: "cancelled, then killed at the next request", Fatal: true, inject: func(e *Execution) {
		e.Call.process.killNext = true
		if e.Cancel() {
			e.Answer(e.Apply(model.View{}))
		}
	}},
}

var killed = &Fault{Name: "killed before it", Fatal: true, inject: func(e *Execution) { e.Call.process.Kill() }}

// machines are what goes wrong with the machine on which a run is.
var machines = []*Fault{
	paused,
	clock("the clock is 5 h ahead", 5*time.Hour),
	clock("the clock is 5 h behind", -5*time.Hour),
}

// pauseTime is longer than the grace period.
const pauseTime = grace + time.Hour

// paused is a machine that sleeps.
var paused = &Fault{Name: "paused for longer than the grace period", inject: func(e *Execution) { e.Pause(pauseTime) }}

// clock is a machine's clock that goes wrong. It is right again at the next call without a fault.
func clock(name string, ahead time.Duration) *Fault {
	return &Fault{Name: name, Persistent: true, Fatal: true, inject: func(e *Execution) {
		e.Call.process.jump.Store(int64(ahead))
		e.Answer(e.Apply(model.View{}))
	}}
}

// reads are reads of a key that do not show what is there.
var reads = []*Fault{
	misread("read of the value before", model.View{Before: true}),
	misread("read finds nothing", model.View{Nothing: true}),
	stale("read outdated", reading),
	lacks("first", func(i int) bool { return i%2 == 0 }),
	lacks("second", func(i int) bool { return i%2 == 1 }),
	{Name: "live version not found", Persistent: true, Fatal: true,
		appliesTo: func(kind string) bool { return kind == "workers.versions.get" },
		inject: func(e *Execution) {
			if e.Cloud.IsActive(e.Call.Object) {
				e.Answer(model.Failure(http.StatusNotFound, 10007, "version not found"))
				return
			}
			e.Answer(e.Apply(model.View{}))
		}},
}

// misread has a read of a key that is written once fail, however old the key is. The pointer of a
// project and the record of an overlay are written again and again: a read of them shows at worst
// what was there a minute ago. But a read of the record may also find nothing.
func misread(name string, v model.View) *Fault {
	return &Fault{Name: name, Persistent: true, Fatal: true, appliesTo: reading, inject: func(e *Execution) {
		view := v
		if strings.HasSuffix(e.Call.Object, "/current") || v.Before && strings.HasSuffix(e.Call.Object, "/o/record") {
			view = outdated()
		}
		e.Answer(e.Apply(view))
	}}
}

// lacks has a bulk read not find half of its keys.
func lacks(which string, is func(i int) bool) *Fault {
	bulk := func(kind string) bool { return kind == "kv.bulk.get" }
	return fatal(viewed("bulk read lacks the "+which+" of each two keys", bulk, model.View{Lacks: is}))
}

func reading(kind string) bool { return kind == "kv.values.get" || kind == "kv.bulk.get" }

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
	late := stale("list "+of+" outdated", lists)
	// Who looks after a switch sees neither it nor others.
	late.Fatal, late.Alone = kind == "workers.deployments.list", kind == "workers.deployments.list"
	return []*Fault{
		late,
		viewed("list "+of+" has each twice", lists, model.View{List: twice}),
		fatal(viewed("list "+of+" cut in half", lists, model.View{List: half})),
		fatal(viewed("list "+of+" empty", lists, model.View{List: none})),
	}
}

// switching has a fault apply only to the activation of a version.
func switching(f *Fault) *Fault {
	f.appliesTo = func(kind string) bool { return kind == "workers.deployments.create" }
	return f
}

func fatal(f *Fault) *Fault {
	f.Fatal = true
	return f
}

func viewed(name string, appliesTo func(string) bool, v model.View) *Fault {
	return &Fault{Name: name, Persistent: true, appliesTo: appliesTo, inject: func(e *Execution) { e.Answer(e.Apply(v)) }}
}

// stale has reads show what was there a minute ago.
func stale(name string, appliesTo func(string) bool) *Fault {
	return &Fault{Name: name, Persistent: true, appliesTo: appliesTo, inject: func(e *Execution) {
		e.Answer(e.Apply(outdated()))
	}}
}

func outdated() model.View { return model.View{At: time.Now().Add(-model.SeenWithin)} }

// repeatable calls change nothing when they are carried out twice in a row.
func repeatable(kind string) bool { return model.Writes(kind) && strings.HasPrefix(kind, "kv.") }

func answers(name string, r *model.Reply) *Fault {
	return &Fault{Name: name, Persistent: true, inject: func(e *Execution) { e.Answer(r) }}
}

func appliedThen(name string, r *model.Reply) *Fault {
	return &Fault{Name: name, Persistent: true, appliesTo: model.Writes, inject: func(e *Execution) {
		e.Apply(model.View{})
		e.Answer(r)
	}}
}

func status(code int) *model.Reply {
	return &model.Reply{Status: code, Header: http.Header{"Content-Type": {"text/html"}},
		Body: []byte("<html><title>" + http.StatusText(code) + "</title></html>")}
}

func limited() *model.Reply {
	return model.Failure(http.StatusTooManyRequests, 10429, "too many requests")
}

func retryAfter(seconds string) *model.Reply {
	r := limited()
	r.Header.Set("Retry-After", seconds)
	return r
}
