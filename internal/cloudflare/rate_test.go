package cloudflare

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRateLimitIsNotExceeded(t *testing.T) {
	// 60 requests are left for five minutes. The test sends 80, in 8 goroutines.
	inBubble(t, func(t *testing.T, s *server) {
		left, blocked := 60, false
		var mu sync.Mutex
		s.replies = []reply{func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(s.start) > 300*time.Second {
				left = 1200
			}
			if left--; left < 0 {
				blocked = true
			}
			reset := max(1, 300-int(time.Since(s.start).Seconds()))
			w.Header().Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, reset))
			bulkOK(w, r)
		}}
		done := make(chan error)
		for range 8 {
			go func() {
				for range 10 {
					if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range 8 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if blocked {
			t.Error("the rate limit was exceeded")
		}
		if d := time.Since(s.start); d > 330*time.Second {
			t.Errorf("took %s", d)
		}
		if n := strings.Count(s.logged.String(), "slowing down"); n < 1 || n > 3 {
			t.Errorf("the delay was logged %d times", n)
		}
	}, nil)
}

func TestNoDelayFarFromTheRateLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for range 100 {
			if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(s.start); d != 0 {
			t.Errorf("took %s", d)
		}
	}, answer(200, `{"success":true,"result":{"successful_key_count":2,"unsuccessful_keys":[]}}`, "Ratelimit",
		`"default";r=600;t=120`))
}

func TestDelayEndsWhenTheRateLimitIsReset(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for range 2 {
			if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
				t.Fatal(err)
			}
		}
		if at := s.requests()[1].At; at < 10*time.Second {
			t.Errorf("the second request was sent at %s", at)
		}
		time.Sleep(time.Minute)
		start := time.Now()
		for range 20 {
			if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("took %s", d)
		}
	}, answer(200, `{"success":true,"result":{"successful_key_count":2}}`, "Ratelimit", `"default";r=1;t=20`),
		answer(200, `{"success":true,"result":{"successful_key_count":2}}`, "Ratelimit", `"default";r=1;t=20`), bulkOK)
}

// While the token is blocked, responses to earlier requests do not end the pause.
func TestPauseIsNotShortened(t *testing.T) {
	for name, meanwhile := range map[string]func(*pacer){
		"a shorter Retry-After":      func(p *pacer) { p.block(time.Second) },
		"few requests left":          func(p *pacer) { p.observe(http.Header{"Ratelimit": {`"default";r=10;t=11`}}) },
		"many requests left":         func(p *pacer) { p.observe(http.Header{"Ratelimit": {`"default";r=900;t=11`}}) },
		"a request that may be sent": func(p *pacer) { p.reserve() },
		"no Ratelimit header":        func(p *pacer) { p.observe(http.Header{}) },
		"a Retry-After of 0":         func(p *pacer) { p.block(0) },
		"several Retry-After":        func(p *pacer) { p.block(time.Minute); p.block(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, start := &pacer{log: slog.New(slog.DiscardHandler)}, time.Now()
				p.block(maxWait)
				meanwhile(p)
				if err := p.wait(t.Context(), time.Hour); err != nil || time.Since(start) < maxWait {
					t.Errorf("the next request is sent after %s, %v", time.Since(start), err)
				}
			})
		})
	}
}

func FuzzParseQuota(f *testing.F) {
	for _, s := range []string{`"default";r=50;t=30`, `"a";r=9;t=1, "b";r=3;t=60`, `r=-1;t=5`,
		`r=1;t=99999999999999999999`, ";;==,,", `"d"; r=0; t=1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, ok := parseQuota([]string{s})
		if ok && (q.left < 0 || q.reset <= 0 || q.reset > maxWait) {
			t.Errorf("%q: %+v", s, q)
		}
	})
}

func TestParseQuota(t *testing.T) {
	for in, want := range map[string]quota{
		`"default";r=50;t=30`:         {50, 30 * time.Second},
		`"a";r=9;t=1, "b";r=3;t=60`:   {3, time.Minute},
		`"default"; r=0; t=999999999`: {0, maxWait},
	} {
		if got, ok := parseQuota([]string{in}); !ok || got != want {
			t.Errorf("%s: %+v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "default", `"d";r=5`, `"d";t=5`, `"d";r=x;t=5`, `"d";r=5;t=0`} {
		if q, ok := parseQuota([]string{in}); ok {
			t.Errorf("%s: %+v", in, q)
		}
	}
}
