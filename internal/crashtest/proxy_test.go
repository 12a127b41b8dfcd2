package crashtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fault is what happens to a run at a request.
type fault struct {
	name string
	// signals are sent to the process group, one after the other.
	signals []syscall.Signal
	// lasting: later requests have the same end.
	lasting bool
	end     end
}

// end is how the proxy ends a request.
type end int

const (
	// late: the request is answered when the client has given up, or after a moment.
	late end = iota
	// cut: the connection is closed.
	cut
	// silent: there is no answer.
	silent
	// broken: the answer is a 500 of a proxy.
	broken
	// restarted: the platform ends and starts again, and the connection is closed.
	restarted
)

// moment is how long the proxy waits for a client to give up.
const moment = 2 * time.Second

// injection is a fault at a request.
type injection struct {
	at    int // from 1
	after bool
	fault
}

func (in injection) String() string {
	when := "before"
	if in.after {
		when = "after"
	}
	return fmt.Sprintf("%s %s request %d is carried out", in.name, when, in.at)
}

// proxy is between a command and the platform.
type proxy struct {
	*httptest.Server

	restart func() // ends and starts the platform

	mu       sync.Mutex
	to       string // the platform
	seen     []string
	injected *injection
	group    int       // the process group of the run, 0 before it is known
	known    sync.Cond // of group
	open     sync.WaitGroup
}

func newProxy(t *testing.T) *proxy {
	p := &proxy{}
	p.known.L = &p.mu
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// expect begins a run whose requests are numbered from 1.
func (p *proxy) expect(in *injection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen, p.injected, p.group = nil, in, 0
}

// watch says which process group gets the signals.
func (p *proxy) watch(group int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.group = group
	p.known.Broadcast()
}

// finish ends the run: later requests have no fault. It waits until all requests have ended, and returns them.
func (p *proxy) finish() []string {
	p.CloseClientConnections()
	p.open.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injected = nil
	return slices.Clone(p.seen)
}

// count numbers a request, and returns its injection, or nil. first says that the request is the
// first one with this fault.
func (p *proxy) count(r *http.Request) (in *injection, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.Method+" "+r.URL.Path)
	n := len(p.seen)
	if p.injected == nil || n < p.injected.at || n > p.injected.at && !p.injected.lasting {
		return nil, false
	}
	return p.injected, n == p.injected.at
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.open.Add(1)
	defer p.open.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	in, first := p.count(r)
	if in == nil {
		p.forward(r, body).send(w)
		return
	}
	var answer *reply
	if in.after && first {
		answer = p.forward(r, body)
	}
	if first {
		p.signal(in.signals)
	}
	switch in.end {
	case cut:
		closeConnection(w)
	case restarted:
		p.restart()
		closeConnection(w)
	case silent:
		<-r.Context().Done()
	case broken:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case late:
		select {
		case <-r.Context().Done():
		case <-time.After(moment):
			if answer == nil {
				answer = p.forward(r, body)
			}
			answer.send(w)
		}
	}
}

func (p *proxy) signal(signals []syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(signals) > 0 && p.group == 0 {
		p.known.Wait()
	}
	for _, s := range signals {
		_ = syscall.Kill(-p.group, s) // it may have ended
	}
}

// reply is an answer of the platform.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// forward has the platform carry a request out, even if the client has gone.
func (p *proxy) forward(r *http.Request, body []byte) *reply {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	failed := func(err error) *reply { return &reply{http.StatusBadGateway, http.Header{}, []byte(err.Error())} }
	req, err := http.NewRequest(r.Method, to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return failed(err)
	}
	req.Header = r.Header.Clone()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return failed(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return failed(err)
	}
	return &reply{res.StatusCode, res.Header, b}
}

func (r *reply) send(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may have gone
}

func closeConnection(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}
