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
func (s *site) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

func (s *site) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.gate)
	s.gate = nil
}

// use sends new requests to r.
func (s *site) use(r *running, routes []siteRoute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run, s.routes = r, routes
}

func (s *site) running() *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// enter returns the process for a new request, and starts it if necessary. The caller calls
// requests.Done when the request has ended.
func (s *site) enter(ctx context.Context) (*running, siteRoute, error) {
	for range 3 {
		s.mu.Lock()
		gate, r := s.gate, s.run
		if gate == nil && r != nil && !r.ended() {
			defer s.mu.Unlock()
			if r.err != nil {
				return nil, siteRoute{}, r.err
			}
			r.requests.Add(1) // drain waits for it: use replaces the process under st.mu before drain
			return r, s.pick(), nil
		}
		s.mu.Unlock()
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, siteRoute{}, ctx.Err()
			}
			continue
		}
		s.workers.refresh(s.account, s.script) //nolint:contextcheck // other requests wait for the same start
	}
	return nil, siteRoute{}, fmt.Errorf("the process of the Worker %s ends again and again", s.script)
}

// pick chooses a version at random, by its share of the traffic. st.mu is held.
func (s *site) pick() siteRoute {
	draw := rand.Float64() * 100 //nolint:gosec // it divides traffic; it is no secret
	for _, r := range s.routes {
		if draw -= r.share; draw < 0 {
			return r
		}
	}
	return s.routes[0]
}

// ServeHTTP passes a request on to the Worker.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := loopback.RefusalReason(r); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	run, route, err := s.enter(r.Context())
	if err != nil {
		http.Error(w, "the Worker "+s.script+" could not be started: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer run.requests.Done()
	var transport http.RoundTripper = run.transports[route.socket]
	if route.cacheScope != "" {
		transport = &edge.WorkersCache{
			Location: s.workers.options.Edge.Location, Life: s.workers.life,
			Worker: s.account + "/" + s.script, Scope: route.cacheScope, Next: transport,
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
			http.Error(w, "the Worker "+s.script+" did not answer: "+err.Error(), http.StatusBadGateway)
		},
		ErrorLog: nil,
	}
	proxy.ServeHTTP(w, r)
}
