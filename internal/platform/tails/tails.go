package tails

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Tails are the tails of all scripts. The methods are safe for concurrent use.
type Tails struct {
	// exists reports whether an account has a script.
	exists func(account, script string) bool
	// listen makes the processes send events, or stop sending them.
	listen func(on bool)

	changing sync.Mutex // serialises calls of listen

	mu   sync.Mutex
	open map[string]*tail // by id
}

// New returns Tails without any tail. exists reports whether an account has a script. listen makes
// the processes send their events to Sink, or stop sending them, and returns when they do so.
func New(exists func(account, script string) bool, listen func(on bool)) *Tails {
	return &Tails{exists: exists, listen: listen, open: map[string]*tail{}}
}

// Routes returns the routes of the API.
func (ts *Tails) Routes() []api.Route {
	const tails = "/accounts/{account}/workers/scripts/{script}/tails"
	return []api.Route{
		{Pattern: "POST " + tails, Kind: "workers.tails.create", Need: api.WorkersRead, Handler: ts.create},
		{Pattern: "GET " + tails, Kind: "workers.tails.get", Need: api.WorkersRead, Handler: ts.get},
		{Pattern: "DELETE " + tails + "/{tail}", Kind: "workers.tails.delete", Need: api.WorkersRead, Handler: ts.delete},
	}
}

// Close ends all tails.
func (ts *Tails) Close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.open {
		t.timer.Stop()
		close(t.ended)
	}
	ts.open = map[string]*tail{}
}

func (ts *Tails) create(c *api.Call) *api.Error {
	var body struct {
		Filters []filter `json:"filters"`
	}
	if c.R.ContentLength != 0 { // the SDKs send no body
		if apiErr := c.Decode(&body); apiErr != nil {
			return apiErr
		}
	}
	for i := range body.Filters {
		if apiErr := body.Filters[i].check(); apiErr != nil {
			return apiErr
		}
	}
	t := &tail{
		id: api.NewID(), account: c.Account, script: c.R.PathValue("script"), expires: api.Now().Add(lifetime),
		filters: body.Filters, events: make(chan []byte, maxWaiting), ended: make(chan struct{}),
	}
	if !ts.exists(t.account, t.script) {
		return api.Failure(http.StatusNotFound, 10007, "This Worker does not exist on your account.")
	}
	t.timer = time.AfterFunc(lifetime, func() { ts.remove(t.id) })
	ts.mu.Lock()
	ts.open[t.id] = t
	ts.mu.Unlock()
	ts.update()
	return c.Reply(t.show(c))
}

// update makes the processes send events while there are tails.
func (ts *Tails) update() {
	ts.changing.Lock()
	defer ts.changing.Unlock()
	ts.mu.Lock()
	on := len(ts.open) > 0
	ts.mu.Unlock()
	ts.listen(on)
}

// remove ends a tail. It reports whether the tail existed.
func (ts *Tails) remove(id string) bool {
	ts.mu.Lock()
	t := ts.open[id]
	delete(ts.open, id)
	ts.mu.Unlock()
	if t == nil {
		return false
	}
	t.timer.Stop()
	close(t.ended)
	ts.update()
	return true
}

// of returns the tails of a script.
func (ts *Tails) of(account, script string) []*tail {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var list []*tail
	for _, t := range ts.open {
		if t.account == account && t.script == script {
			list = append(list, t)
		}
	}
	return list
}

// get returns one tail of the script, as the API does.
func (ts *Tails) get(c *api.Call) *api.Error {
	list := ts.of(c.Account, c.R.PathValue("script"))
	if len(list) == 0 {
		return api.Failure(http.StatusNotFound, 10007, "This Worker has no tail.")
	}
	return c.Reply(list[0].show(c))
}

func (ts *Tails) delete(c *api.Call) *api.Error {
	if !ts.remove(c.R.PathValue("tail")) {
		return api.Failure(http.StatusNotFound, 10007, "The tail does not exist.")
	}
	return c.Reply(map[string]any{})
}

// maxReport limits what a process may report at once.
const maxReport = 16 << 20

// Sink handles the reports of processes.
func (ts *Tails) Sink(w http.ResponseWriter, r *http.Request) {
	var from report
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if err == nil {
		err = json.Unmarshal(body, &from)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tails := ts.of(from.Account, from.Script)
	for _, members := range from.Events {
		e := from.event(members)
		for _, t := range tails {
			if t.matches(e) {
				t.offer(e)
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
