package cloudflare

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// The calls of a run have ten minutes in all without an answer, also the calls of several accounts.
func TestOutageIsOfTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		outage := &Outage{}
		open := func() *Account { return s.open(s, func(o *Options) { o.Outage = outage }) }
		a, b := open(), open()
		begun := time.Now()
		for _, account := range []*Account{a, b, a, b} {
			if _, err := account.Workers("blog").Activations(t.Context()); err == nil {
				t.Fatal("a call succeeds")
			}
		}
		if took := time.Since(begun); took > DefaultTimeout {
			t.Errorf("four calls take %s", took)
		}
		// To ask what became of a call, there is time.
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		before := len(s.requests())
		if _, err := a.Workers("blog").Activations(ctx); err == nil || len(s.requests()) == before {
			t.Errorf("it does not ask: %v", err)
		}
	}, hang)
}

// Work between two calls is no outage, and an answer that refuses something ends one.
func TestWhatIsNoOutage(t *testing.T) {
	var missing atomic.Bool
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if missing.Load() {
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"success":false,"errors":[{"code":10007,"message":"no such script"}],"result":null}`)
				return
			}
			w.WriteHeader(http.StatusBadGateway)
		}), func(o *Options) { o.Timeout = 50 * time.Second })
		tries := func() int64 {
			before := a.Stats().Requests
			_, _ = a.Workers("blog").Activations(t.Context())
			return a.Stats().Requests - before
		}
		if n := tries(); n != DefaultTries {
			t.Errorf("the first call sends %d requests", n)
		}
		time.Sleep(time.Hour)
		if n := tries(); n == 0 || n == DefaultTries {
			t.Errorf("the call after it sends %d requests", n)
		}
		missing.Store(true)
		tries()
		missing.Store(false)
		if n := tries(); n != DefaultTries {
			t.Errorf("the call after an answer sends %d requests", n)
		}
	})
}

// A call whose answer arrives byte by byte, without an end, stops at the time limit, too.
func TestTrickleIsNoAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				_ = wait.For(r.Context(), 10*time.Second) // the loop ends with the context
			}
		}), nil)
		begun := time.Now()
		_, err := a.Workers("blog").Activations(t.Context())
		if took := time.Since(begun); err == nil || took > DefaultTimeout+time.Minute {
			t.Errorf("it ends after %s, %v", took, err)
		}
	})
}
