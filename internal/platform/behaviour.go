package platform

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// FaultKind is a way in which a request can go wrong.
type FaultKind string

// The kinds of faults.
const (
	// FaultStatus answers with Status and an error in an envelope; nothing is applied.
	FaultStatus FaultKind = "status"
	// FaultHTML answers with Status and a page of HTML, as a proxy does; nothing is applied.
	FaultHTML FaultKind = "html"
	// FaultHang answers nothing until the client goes away; nothing is applied.
	FaultHang FaultKind = "hang"
	// FaultDrop closes the connection; nothing is applied.
	FaultDrop FaultKind = "drop"
	// FaultLoseReply applies the request, then closes the connection.
	FaultLoseReply FaultKind = "lose-reply"
	// FaultPartial reports some keys of a bulk write or delete as unsuccessful and
	// does not apply them: those in Keys, and every Every-th.
	FaultPartial FaultKind = "partial"
	// FaultUnsuccessful answers 200 with success:false; nothing is applied.
	FaultUnsuccessful FaultKind = "unsuccessful"
)

// Fault is what goes wrong with one request. The zero value is nothing.
type Fault struct {
	Kind       FaultKind     `json:"kind"`
	Status     int           `json:"status,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Keys       []string      `json:"keys,omitempty"`
	Every      int           `json:"every,omitempty"`
}

// fails reports whether the fault concerns the i-th key of a bulk request.
func (f Fault) fails(i int, key string) bool {
	if f.Kind != FaultPartial {
		return false
	}
	for _, k := range f.Keys {
		if k == key {
			return true
		}
	}
	return f.Every > 0 && (i+1)%f.Every == 0
}

// RequestInfo describes a request to those who decide about its fault.
type RequestInfo struct {
	// Seq counts the API's requests from 1, since the platform was opened or the
	// log was reset.
	Seq int64 `json:"seq"`
	// Kind names the route: "kv.bulk.put", "workers.deployments.create" …
	Kind   string `json:"kind"`
	Method string `json:"method"`
	// Path is the path as it was sent, percent-encoded, without the query.
	Path string `json:"path"`
	// Query is the raw query.
	Query string `json:"query,omitempty"`
}

// behaviour is the switchable part of a Server.
type behaviour struct {
	clock func() time.Time

	mu      sync.Mutex
	current Behaviour
	fault   func(RequestInfo) Fault
	rates   map[string]*rate
}

// rate counts a token's requests in a window.
type rate struct {
	since time.Time
	count int
}

// Behaviour returns how the platform behaves.
func (s *Server) Behaviour() Behaviour { return s.behaviour.get() }

// SetBehaviour changes how the platform behaves, from the next request on.
func (s *Server) SetBehaviour(b Behaviour) { s.behaviour.set(b) }

// SetFault has decide say what goes wrong with each request of the API; nil stops
// that. decide is called once a request, from many goroutines, before the request
// is looked at.
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

// admit counts a request against its token's limit and sets the headers that say
// what is left.
func (b *behaviour) admit(h http.Header, token string) *apiError {
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
		return failure(http.StatusTooManyRequests, 10429, "Rate limited. Please wait and consider throttling your request rate")
	}
	r.count++
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, limit-r.count, seconds))
	return nil
}
