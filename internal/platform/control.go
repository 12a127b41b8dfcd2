package platform

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// ControlHeader is the header with the control token.
const ControlHeader = "X-Platform-Token"

// FaultRule makes matching requests fail. The control route accepts rules; in Go,
// SetFault accepts a function.
type FaultRule struct {
	Fault
	// Match is a pattern for the kinds of requests, as in path.Match. "" matches all.
	Match string `json:"match,omitempty"`
	// After is the number of matching requests that succeed before the first fault.
	After int `json:"after,omitempty"`
	// Times is the number of matching requests that fail after these. If it is 0, all fail.
	Times int `json:"times,omitempty"`
}

// hold keeps the platform running for a client. It answers at once, and returns when the client
// disconnects or the platform ends.
func (s *Server) hold(w http.ResponseWriter, r *http.Request) error {
	s.holders.RLock()
	defer s.holders.RUnlock()
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	select {
	case <-r.Context().Done():
	case <-s.life.Done():
	}
	return nil
}

// AwaitHolders waits until no client holds the platform any more, or until ctx ends. After it has
// returned, no client can hold the platform.
func (s *Server) AwaitHolders(ctx context.Context) {
	free := make(chan struct{})
	go func() {
		s.holders.Lock()
		close(free)
	}()
	select {
	case <-free:
	case <-ctx.Done():
	}
}

func (s *Server) controlRoutes(mux *http.ServeMux) {
	handle := func(pattern string, handler func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get(ControlHeader)), []byte(s.control)) != 1 {
				http.Error(w, "the header "+ControlHeader+" must carry the token of this run", http.StatusForbidden)
				return
			}
			if err := handler(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	handle("GET /__platform/hold", s.hold)
	handle("GET /__platform/log", s.followLog)
	handle("GET /__platform/requests", func(w http.ResponseWriter, _ *http.Request) error {
		api.WriteJSON(w, http.StatusOK, s.Requests())
		return nil
	})
	handle("DELETE /__platform/requests", func(http.ResponseWriter, *http.Request) error {
		s.ResetRequests()
		return nil
	})
	handle("GET /__platform/behaviour", func(w http.ResponseWriter, _ *http.Request) error {
		api.WriteJSON(w, http.StatusOK, s.Behaviour())
		return nil
	})
	handle("PUT /__platform/behaviour", func(_ http.ResponseWriter, r *http.Request) error {
		var b Behaviour
		if err := decodeStrictly(r.Body, &b); err != nil {
			return err
		}
		s.SetBehaviour(b)
		return nil
	})
	handle("PUT /__platform/faults", func(_ http.ResponseWriter, r *http.Request) error {
		var rules []FaultRule
		if err := decodeStrictly(r.Body, &rules); err != nil {
			return err
		}
		for _, rule := range rules {
			if _, err := path.Match(rule.Match, ""); err != nil {
				return fmt.Errorf("match %q: %w", rule.Match, err)
			}
		}
		s.SetFault(followRules(rules))
		return nil
	})
	handle("DELETE /__platform/faults", func(http.ResponseWriter, *http.Request) error {
		s.SetFault(nil)
		return nil
	})
	handle("POST /__platform/edge", func(_ http.ResponseWriter, r *http.Request) error {
		var body struct {
			Advance time.Duration `json:"advance"`
		}
		if err := decodeStrictly(r.Body, &body); err != nil {
			return err
		}
		s.AdvanceEdge(body.Advance)
		return nil
	})
	handle("DELETE /__platform/edge", func(http.ResponseWriter, *http.Request) error {
		s.ClearEdge()
		return nil
	})
	handle("POST /__platform/kill", func(_ http.ResponseWriter, r *http.Request) error {
		var body struct {
			Script string `json:"script"`
		}
		if err := decodeStrictly(r.Body, &body); err != nil {
			return err
		}
		if !s.KillWorker(body.Script) {
			return fmt.Errorf("kill the Worker %q: no process runs it; it starts with its first request", body.Script)
		}
		return nil
	})
	handle("GET /__platform/sites", func(w http.ResponseWriter, _ *http.Request) error {
		api.WriteJSON(w, http.StatusOK, s.SiteURLs())
		return nil
	})
}

func decodeStrictly(body io.Reader, into any) error {
	d := json.NewDecoder(io.LimitReader(body, api.MaxJSON))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// followRules returns a function for SetFault. For each request it returns the fault of the first
// rule that matches and whose After and Times include the request.
func followRules(rules []FaultRule) func(RequestInfo) Fault {
	var mu sync.Mutex
	seen := make([]int, len(rules))
	return func(info RequestInfo) Fault {
		mu.Lock()
		defer mu.Unlock()
		for i, rule := range rules {
			if ok, _ := path.Match(rule.Match, info.Kind); !ok && rule.Match != "" {
				continue
			}
			seen[i]++
			if n := seen[i] - rule.After; n > 0 && (rule.Times == 0 || n <= rule.Times) {
				return rule.Fault
			}
		}
		return Fault{}
	}
}
