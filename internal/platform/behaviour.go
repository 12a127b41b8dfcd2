package platform

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// FaultKind is a way in which a request can fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultStatus sends Status and an error as JSON. The request has no effect.
	FaultStatus FaultKind = "status"
	// FaultHTML sends Status and HTML, like a proxy. The request has no effect.
	FaultHTML FaultKind = "html"
	// FaultHang sends no response. The request has no effect.
	FaultHang FaultKind = "hang"
	// FaultDrop closes the connection. The request has no effect.
	FaultDrop FaultKind = "drop"
	// FaultLoseReply applies the request, then closes the connection.
	FaultLoseReply FaultKind = "lose-reply"
	// FaultPartial skips some keys of a bulk write or delete, and reports them as
	// unsuccessful: those in Keys, and, if Every is n, each n-th key.
	FaultPartial FaultKind = "partial"
	// FaultUnsuccessful sends status 200 with success:false. The request has no effect.
	FaultUnsuccessful FaultKind = "unsuccessful"
)

// Fault is the failure of one request. The zero value is no failure.
type Fault struct {
	Kind       FaultKind     `json:"kind"`
	Status     int           `json:"status,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Keys       []string      `json:"keys,omitempty"`
	Every      int           `json:"every,omitempty"`
}

// fails reports whether the fault skips the i-th key of a bulk request.
func (f Fault) fails(i int, key string) bool {
	return f.Kind == FaultPartial && (slices.Contains(f.Keys, key) || f.Every > 0 && (i+1)%f.Every == 0)
}

// RequestInfo describes a request for the function that chooses its fault.
type RequestInfo struct {
	// Seq is the number of the request since the platform was opened or its log was
	// reset, from 1.
	Seq int64 `json:"seq"`
	// Kind names the route: "kv.bulk.put", "workers.deployments.create" …
	Kind   string `json:"kind"`
	Method string `json:"method"`
	// Path is the percent-encoded path without the query.
	Path string `json:"path"`
	// Query is the raw query.
	Query string `json:"query,omitempty"`
}

// behaviour is the part of a Server that can be changed while it runs.
type behaviour struct {
	clock func() time.Time

	mu      sync.Mutex
	current Behaviour
	fault   func(RequestInfo) Fault
	rates   map[string]*rate
}

// rate counts the requests of a token in the current window.
type rate struct {
	since time.Time
	count int
}

// Behaviour returns the current behaviour.
func (s *Server) Behaviour() Behaviour { return s.behaviour.get() }

// SetBehaviour changes the behaviour from the next request on.
func (s *Server) SetBehaviour(b Behaviour) { s.behaviour.set(b) }

// SetFault sets the function that chooses the fault of each request to the API. With nil
// there are no faults. The platform calls the function once for each request, before it
// handles the request, from several goroutines.
func (s *Server) SetFault(decide func(RequestInfo) Fault) {
	s.behaviour.mu.Lock()
	defer s.behaviour.mu.Unlock()
	s.behaviour.fault = decide
}

func (b *behaviour) get() Behaviour {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *behaviour) set(to Behaviour) {
	if to.RateWindow <= 0 {
		to.RateWindow = 5 * time.Minute
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.rates = to, map[string]*rate{}
}

func (b *behaviour) faultFor(info RequestInfo) Fault {
	b.mu.Lock()
	decide := b.fault
	b.mu.Unlock()
	if decide == nil {
		return Fault{}
	}
	return decide(info)
}

// admit counts a request and refuses it if the token's rate limit is exceeded. It sets the
// headers that tell the client how many requests are left.
func (b *behaviour) admit(h http.Header, token string) *api.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit, window := b.current.RateLimit, b.current.RateWindow
	if limit <= 0 {
		return nil
	}
	r := b.rates[token]
	now := b.clock()
	if r == nil || now.Sub(r.since) >= window {
		r = &rate{since: now}
		b.rates[token] = r
	}
	left := window - now.Sub(r.since)
	seconds := int(math.Ceil(left.Seconds()))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, limit, int(math.Ceil(window.Seconds()))))
	if r.count >= limit {
		h.Set("Ratelimit", fmt.Sprintf(`"default";r=0;t=%d`, seconds))
		h.Set("Retry-After", strconv.Itoa(seconds))
		return api.Failure(http.StatusTooManyRequests, 10429,
			"Rate limited. Please wait and consider throttling your request rate")
	}
	r.count++
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, limit-r.count, seconds))
	return nil
}
