package platform

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// site is where a script is served: a port of its own, in front of whichever
// process runs the script at the moment. A switch never closes the port.
type site struct {
	workers *workers
	account string
	script  string
	http    *http.Server

	mu     sync.Mutex
	gate   chan struct{} // requests wait until it is closed; nil: they need not
	run    *running      // nil: nothing has been started
	routes []siteRoute
}

// siteRoute is a version's socket and its part of the traffic.
type siteRoute struct {
	socket string
	share  float64
	whose  string // by which Workers Caching keeps its answers; "": it does not
}

// running is a group's process with the requests that are in it.
type running struct {
	key        string
	stateful   bool
	process    *workerd.Process
	transports map[string]*http.Transport // by socket
	requests   sync.WaitGroup
	err        error // why it does not run
}

func newRunning(p *plan, process *workerd.Process) *running {
	r := &running{key: p.key(), stateful: p.stateful(), process: process, transports: map[string]*http.Transport{}}
	for i, m := range p.members {
		for j := range m.versions {
			socket := serviceName(i, j)
			r.transports[socket] = &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					conn, err := process.Dial(ctx, socket)
					if err != nil {
						return nil, err
					}
					return earlyAnswer{conn}, nil
				},
				DisableCompression: true, // what the Worker says is what the visitor gets
				MaxIdleConns:       64,
				IdleConnTimeout:    time.Minute,
			}
		}
	}
	return r
}

func (r *running) ended() bool {
	if r.process == nil {
		return false
	}
	select {
	case <-r.process.Done():
		return true
	default:
		return false
	}
}

// drain waits until the requests in the process are done, have had their time, or
// ctx ends.
func (r *running) drain(ctx context.Context, limit time.Duration) {
	done := make(chan struct{})
	go func() { r.requests.Wait(); close(done) }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
	}
}

func (r *running) stop() {
	if r.process == nil {
		return
	}
	r.process.Stop()
	for _, t := range r.transports {
		t.CloseIdleConnections()
	}
}

// hold makes new requests wait until release.
func (st *site) hold() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.gate = make(chan struct{})
}

func (st *site) release() {
	st.mu.Lock()
	defer st.mu.Unlock()
	close(st.gate)
	st.gate = nil
}

// use has requests that begin now go to r.
func (st *site) use(r *running, routes []siteRoute) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.run, st.routes = r, routes
}

func (st *site) running() *running {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.run
}

// enter returns the process for a request that begins; the request must leave it
// with requests.Done. It starts the process if need be.
func (st *site) enter(ctx context.Context) (*running, siteRoute, error) {
	for range 3 {
		st.mu.Lock()
		gate, r := st.gate, st.run
		if gate == nil && r != nil && !r.ended() {
			defer st.mu.Unlock()
			if r.err != nil {
				return nil, siteRoute{}, r.err
			}
			r.requests.Add(1) // no process is drained before st.mu was taken to replace it
			return r, st.pick(), nil
		}
		st.mu.Unlock()
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, siteRoute{}, ctx.Err()
			}
			continue
		}
		st.workers.refresh(st.account, st.script) //nolint:contextcheck // others wait for the same start
	}
	return nil, siteRoute{}, fmt.Errorf("the Worker %s does not stay up", st.script)
}

// pick draws a version by its part of the traffic. st.mu is held.
func (st *site) pick() siteRoute {
	draw := rand.Float64() * 100 //nolint:gosec // it divides traffic, it guards nothing
	for _, r := range st.routes {
		if draw -= r.share; draw < 0 {
			return r
		}
	}
	return st.routes[0]
}

// ServeHTTP passes a request on to the Worker.
func (st *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := guarded(r); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	run, route, err := st.enter(r.Context())
	if err != nil {
		http.Error(w, "the Worker "+st.script+" could not be started: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer run.requests.Done()
	var transport http.RoundTripper = run.transports[route.socket]
	if route.whose != "" {
		transport = &workersCache{
			location: st.workers.server.edge.location, life: st.workers.server.life,
			worker: st.account + "/" + st.script, whose: route.whose, next: transport,
		}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", p.In.Host, p.In.Host
			p.Out.Header.Set("CF-Connecting-IP", "127.0.0.1")
			p.Out.Header.Set("CF-Ray", newID()[:16]+"-LOC")
			p.Out.Header.Set("X-Forwarded-Proto", "http")
		},
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the Worker "+st.script+" did not answer: "+err.Error(), http.StatusBadGateway)
		},
		ErrorLog: nil,
	}
	proxy.ServeHTTP(w, r)
}

// log says something to whoever reads the platform's log.
func (w *workers) log(format string, args ...any) {
	_, _ = io.WriteString(w.server.options.Log, fmt.Sprintf(format, args...)+"\n")
}
