package cloudflare

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// A switch is not sent again if it may have been carried out. Then the error is ErrUnknown.
func TestSwitchIsSentOnce(t *testing.T) {
	switches := map[string]func(*server) error{
		"Activate":  activate,
		"PutScript": func(s *server) error { return s.script().PutScript(context.Background(), oneModule) },
	}
	cases := []struct {
		name    string
		first   reply
		unknown bool
		sent    int
	}{
		{"500 with an envelope", refuse(500, 10001, "internal"), true, 1},
		{"502 page", page(502, "Bad gateway"), true, 1},
		{"503 with an envelope", refuse(503, 10001, "unavailable"), true, 1},
		{"503 with Retry-After", refuse(503, 10001, "unavailable", "Retry-After", "3"), true, 1},
		{"504 page", page(504, "Gateway time-out"), true, 1},
		{"522 page", page(522, "Connection timed out"), true, 1},
		{"408", page(408, ""), true, 1},
		{"connection cut", cut, true, 1},
		{"no response", hang, true, 1},
		{"200 page", page(200, "proxy"), true, 1},
		{"200 truncated", answer(200, `{"success":tr`), true, 1},
		{"429", refuse(429, 971, "slow down", "Retry-After", "3"), false, 2},
		{"400", refuse(400, 10021, "no such version"), false, 1},
		{"200 success:false", refuse(200, 10021, "no such version"), false, 1},
		{"403 page", page(403, "blocked"), false, 1},
	}
	for how, do := range switches {
		for _, tc := range cases {
			t.Run(how+"/"+tc.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *server) {
					err := do(s)
					if got := errors.Is(err, cloud.ErrUnknown); got != tc.unknown {
						t.Errorf("unknown: %v: %v", got, err)
					}
					if (err == nil) != (tc.sent == 2) {
						t.Errorf("error: %v", err)
					}
					if n := len(s.requests()); n != tc.sent {
						t.Errorf("sent %d times", n)
					}
				}, tc.first, deployedOK)
			})
		}
	}
}

// ErrRefused means that a write was certainly not carried out: the API refused the first attempt.
func TestErrRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		answers []reply
		refused bool
	}{
		"403":               {[]reply{refuse(403, 10000, "Authentication error")}, true},
		"200 success:false": {[]reply{refuse(200, 10021, "no")}, true},
		"500, then 403":     {[]reply{page(500, ""), refuse(403, 10000, "Authentication error")}, false},
		"500":               {[]reply{page(500, "")}, false},
		"connection cut":    {[]reply{cut}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				err := s.store().Put(t.Context(), "k", []byte("v"))
				if err == nil || errors.Is(err, cloud.ErrRefused) != tc.refused {
					t.Errorf("want refused %v: %v", tc.refused, err)
				}
			}, tc.answers...)
		})
	}
}

// Code 10021 is about the Worker only in the answer to an upload of one.
func TestErrWorkerRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		send    func(t *testing.T, s *server) error
		refused bool
	}{
		"script": {func(t *testing.T, s *server) error { return s.script().PutScript(t.Context(), oneModule) }, true},
		"version": {func(t *testing.T, s *server) error {
			_, err := s.script().UploadVersion(t.Context(), oneModule)
			return err
		}, true},
		"key":    {func(t *testing.T, s *server) error { return s.store().Put(t.Context(), "k", []byte("v")) }, false},
		"switch": {func(_ *testing.T, s *server) error { return activate(s) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				err := tc.send(t, s)
				if err == nil || errors.Is(err, cloud.ErrWorkerRefused) != tc.refused {
					t.Errorf("want refused %v: %v", tc.refused, err)
				}
			}, refuse(400, 10021, "Uncaught Error: 1"))
		})
	}
}

func TestUnsentSwitchIsRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		dials := 0
		a := s.open(s, func(o *Options) {
			transport := o.Transport.(*http.Transport)
			dial := transport.DialContext
			transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dials++; dials == 1 {
					return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
				}
				return dial(ctx, network, addr)
			}
		})
		err := a.Workers("blog").Activate(t.Context(), []cloud.Share{{Version: "v1", Percent: 100}}, "", false)
		if err != nil || len(s.requests()) != 1 {
			t.Fatal(len(s.requests()), err)
		}
	}, deployedOK)
}

// If a transport does not report its connections (httptrace), the request may have been sent.
func TestSwitchThroughTransportWithoutTraceIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(s, func(o *Options) {
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				r.Body.Close()
				return nil, io.ErrUnexpectedEOF
			})
		})
		err := a.Workers("blog").Activate(t.Context(), nil, "", false)
		if !errors.Is(err, cloud.ErrUnknown) || a.Stats().Requests != 1 {
			t.Fatal(a.Stats(), err)
		}
	}, deployedOK)
}

// A defect of the SDK: it returns the context's error although it has received the response.
func TestSwitchCancelled(t *testing.T) {
	t.Run("before the response", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.script().Activate(ctx, nil, "", false)
			if !errors.Is(err, cloud.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}, hang)
	})
	t.Run("before it was sent", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := s.script().Activate(ctx, nil, "", false)
			if errors.Is(err, cloud.ErrUnknown) || !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}, deployedOK)
	})
	t.Run("after the response", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *server) {
			ctx, cancel := context.WithCancel(t.Context())
			a := s.open(s, func(o *Options) { o.Transport = cancelAtEOF{o.Transport, cancel} })
			if err := a.Workers("blog").Activate(ctx, nil, "", false); err != nil {
				t.Fatal(err)
			}
		}, deployedOK)
	})
}

// A success without a result does not show that the switch was carried out.
func TestSwitchConfirmedWithoutAResult(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		if err := activate(s); !errors.Is(err, cloud.ErrUnknown) || len(s.requests()) != 1 {
			t.Errorf("%d requests, %v; want an unknown outcome after one", len(s.requests()), err)
		}
	}, result("null"))
}
