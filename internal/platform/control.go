package platform

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"sync"
	"time"
)

// ControlHeader carries the control token.
const ControlHeader = "X-Platform-Token"

// FaultRule breaks requests that a program outside of this process wants broken.
// It is what the control route takes for what SetFault takes in Go.
type FaultRule struct {
	Fault
	// Match is a route kind, with * as in path.Match; empty: every kind.
	Match string `json:"match,omitempty"`
	// After skips that many matching requests first.
	After int `json:"after,omitempty"`
	// Times is how many are broken then; 0: all.
	Times int `json:"times,omitempty"`
}

func (s *Server) controlRoutes(mux *http.ServeMux) {
	handle := func(pattern string, answer func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get(ControlHeader)), []byte(s.control)) != 1 {
				http.Error(w, "the header "+ControlHeader+" must carry the token of this run", http.StatusForbidden)
				return
			}
			if err := answer(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	handle("GET /__platform/requests", func(w http.ResponseWriter, _ *http.Request) error {
		writeJSON(w, http.StatusOK, s.Requests())
		return nil
	})
	handle("DELETE /__platform/requests", func(http.ResponseWriter, *http.Request) error {
		s.ResetRequests()
		return nil
	})
	handle("GET /__platform/behaviour", func(w http.ResponseWriter, _ *http.Request) error {
		writeJSON(w, http.StatusOK, s.Behaviour())
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
		writeJSON(w, http.StatusOK, s.SiteURLs())
		return nil
	})
}

func decodeStrictly(body io.Reader, into any) error {
	d := json.NewDecoder(io.LimitReader(body, maxJSON))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// followRules decides by the first rule that matches and is not used up.
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
