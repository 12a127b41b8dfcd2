package cloudflare

import (
	"testing"
	"time"
)

// A run ends after some time without a successful answer, whatever the API asks for, and
// a successful answer to any call begins that time anew.
func TestEndsWithoutASuccessfulAnswer(t *testing.T) {
	busy := refuse(429, 971, "please wait", "Retry-After", "300")
	for name, tc := range map[string]struct {
		answers []reply
		timeout time.Duration
		most    time.Duration
		sent    int
	}{
		"silent":                     {[]reply{hang}, 10 * time.Minute, 10 * time.Minute, 8},
		"silent, for a short time":   {[]reply{hang}, 30 * time.Second, 30 * time.Second, 1},
		"asked to wait":              {[]reply{busy}, 10 * time.Minute, 10 * time.Minute, 2},
		"asked to wait for too long": {[]reply{busy}, 2 * time.Minute, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				a := s.open(s, func(o *Options) { o.Timeout = tc.timeout })
				begun := time.Now()
				_, err := a.Workers("blog").Activations(t.Context())
				if took := time.Since(begun); err == nil || took > tc.most || len(s.requests()) != tc.sent {
					t.Errorf("%d requests in %s, %v; want %d within %s", len(s.requests()), took, err, tc.sent, tc.most)
				}
			}, tc.answers...)
		})
	}
}
