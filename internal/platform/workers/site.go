package workers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// site serves a script on its own port. It passes requests on to the current process of the
// script. A switch never closes the port.
type site struct {
	workers *Workers
	account string
	script  string
	http    *http.Server

	mu     sync.Mutex
	gate   chan struct{} // if not nil, new requests wait until it is closed
	run    *running      // nil until the first process is started
	routes []siteRoute
}

// siteRoute is a version's socket and its share of the traffic.
type siteRoute struct {
	socket     string
	share      float64
	cacheScope string // of Workers Caching; "" if the version does not use it
}

// running is the process of a group, and the requests in it.
type running struct {
	key        string
	stateful   bool
	process    *workerd.Process
	transports map[string]*http.Transport // by socket
	requests   sync.WaitGroup
	err        error // why the process did not start; then process is nil
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
					return earlyResponse{conn}, nil
				},
				DisableCompression: true, // the visitor gets what the Worker sends
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

// drain waits until the requests in the process have ended, until the time limit is over, or
// until ctx ends.
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

// use sends new requests to r.
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

// enter returns the process for a new request, and starts it if necessary. The caller calls
// requests.Done when the request has ended.
func (st *site) enter(ctx context.Context) (*running, siteRoute, error) {
	for range 3 {
		st.mu.Lock()
		gate, r := st.gate, st.run
		if gate == nil && r != nil && !r.ended() {
			defer st.mu.Unlock()
			if r.err != nil {
				return nil, siteRoute{}, r.err
			}
			r.requests.Add(1) // drain waits for it: use replaces the process under st.mu before drain
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
		st.workers.refresh(st.account, st.script) //nolint:contextcheck // other requests wait for the same start
	}
	return nil, siteRoute{}, fmt.Errorf("the process of the Worker %s ends again and again", st.script)
}

// pick chooses a version at random, by its share of the traffic. st.mu is held.
func (st *site) pick() siteRoute {
	draw := rand.Float64() * 100 //nolint:gosec // it divides traffic; it is no secret
	for _, r := range st.routes {
		if draw -= r.share; draw < 0 {
			return r
		}
	}
	return st.routes[0]
}

// ServeHTTP passes a request on to the Worker.
func (st *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := loopback.RefusalReason(r); why != "" {
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
	if route.cacheScope != "" {
		transport = &edge.WorkersCache{
			Location: st.workers.options.Edge.Location, Life: st.workers.life,
			Worker: st.account + "/" + st.script, Scope: route.cacheScope, Next: transport,
		}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", p.In.Host, p.In.Host
			asSent(p.Out)
			p.Out.Header.Set("CF-Connecting-IP", "127.0.0.1")
			p.Out.Header.Set("CF-Ray", api.NewID()[:16]+"-LOC")
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
