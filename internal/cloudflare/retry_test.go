package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Calls that can safely be repeated are retried. The SDK gives up after two retries, and
// wrangler after the first 500.
func TestRetriesIdempotentCalls(t *testing.T) {
	cases := map[string]reply{
		"500":                    refuse(500, 10001, "internal"),
		"502 page":               page(502, "Bad gateway"),
		"524 page":               page(524, "A timeout occurred"),
		"408":                    page(408, ""),
		"429":                    refuse(429, 971, "please wait"),
		"connection cut":         cut,
		"no response":            hang,
		"200 page":               page(200, "Hotel Wi-Fi"),
		"200 truncated":          answer(200, `{"success":true,"resu`),
		"200 without result":     result("null"),
		"200 without a count":    result(`{}`),
		"200 with a lower count": result(`{"successful_key_count":1,"unsuccessful_keys":[]}`),
	}
	for name, bad := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				unconfirmed, err := s.store().PutBulk(t.Context(), pairs, pairCount)
				if err != nil || len(unconfirmed) != 0 {
					t.Fatal(unconfirmed, err)
				}
				got := s.requests()
				if len(got) != 3 {
					t.Fatalf("%d requests", len(got))
				}
				for _, r := range got {
					if !bytes.Equal(r.Body, pairs) {
						t.Errorf("a body of %q", r.Body)
					}
				}
				if st := s.account.Stats(); st.Requests != 3 || st.Retries != 2 || st.BytesUp != int64(3*len(pairs)) {
					t.Errorf("%+v", st)
				}
				if n := strings.Count(s.logged.String(), "trying again in"); n != 2 {
					t.Errorf("%d lines in the log:\n%s", n, &s.logged)
				}
			}, bad, bad, bulkOK)
		})
	}
}

// If the API cannot be reached, the log has one short line for each retry: which call, why, and
// when.
func TestRetryIsLoggedInAShortLine(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(s, func(o *Options) {
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				r.Body.Close()
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			})
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // before the second attempt
		defer cancel()
		if err := a.Store(testSpace).Put(ctx, strings.Repeat("k", 500), nil); err == nil {
			t.Fatal("no error, although no server answers")
		}
		line := regexp.MustCompile(`msg="(.*)"\n$`).FindStringSubmatch(s.logged.String())
		if line == nil ||
			!regexp.MustCompile(`^write KV key \\"k+…: connection refused; trying again in 0\.[2-5] s$`).MatchString(line[1]) ||
			len(line[1]) > 140 {
			t.Errorf("%q", s.logged.String())
		}
	}, bulkOK)
}

func TestBrief(t *testing.T) {
	for want, e := range map[string]*APIError{
		"503 Service Unavailable": {Status: 503, Messages: []string{"long"}},
		"599":                     {Status: 599},
		"an invalid response":     {Status: 200, Err: errors.New("its result has another shape")},
		"the name x.example cannot be looked up": {
			Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: "x.example", Err: "no such host"}},
		},
		"the connection was closed": {Err: displayError{io.EOF, "a text"}},
		"connection reset by peer": {
			Err: &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		},
		"no response in time": {Err: os.ErrDeadlineExceeded},
		"something else":      {Err: errors.New("something else")},
	} {
		if got := e.brief(); got != want {
			t.Errorf("%v: %q, want %q", e, got, want)
		}
	}
}

func TestRefusalIsNotRetried(t *testing.T) {
	for name, bad := range map[string]reply{
		"400": refuse(400, 10021, "bad"), "403": refuse(403, 10000, "Authentication error"),
		"409":               refuse(409, 10014, "taken"),
		"quota":             refuse(429, 10048, "your account has reached the free usage limit for this operation for today"),
		"200 success:false": refuse(200, 10021, "bad"), "302": answer(302, "", "Location", "https://example.com/"),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				_, err := s.store().PutBulk(t.Context(), pairs, pairCount)
				if err == nil || len(s.requests()) != 1 {
					t.Fatal(len(s.requests()), err)
				}
			}, bad, bulkOK)
		})
	}
}

func TestGivesUpAfterMaxTries(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		_, err := s.store().PutBulk(t.Context(), pairs, pairCount)
		wantErr(t, err, "write 2 KV pairs", "PUT /accounts/…/storage/kv/namespaces/"+testSpace+"/bulk", "503", "8 times",
			"8f00baa5deadbeef-FRA")
		if e := apiError(t, err); e.Tries != DefaultTries || len(s.requests()) != DefaultTries {
			t.Error(e.Tries, len(s.requests()))
		}
	}, page(503, "Service Unavailable"))
}

// If the context ends between two attempts, the error has the context's error and the error of
// the last attempt.
func TestCancelledBetweenAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := s.script().Activations(ctx)
		var api *APIError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &api) || api.Status != http.StatusBadGateway {
			t.Errorf("got %v", err)
		}
	}, page(http.StatusBadGateway, "Bad gateway"))
}

// cancelAtEOF calls cancel as soon as a response has been read.
type cancelAtEOF struct {
	http.RoundTripper
	cancel func()
}

func (c cancelAtEOF) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body),
		readerFunc(func([]byte) (int, error) { c.cancel(); return 0, io.EOF })))
	return res, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type roundTripper func(*http.Request) (*http.Response, error)

func (rt roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return rt(r) }

// A defect of the SDK: it waits for any Retry-After, without a limit.
func TestHonoursRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		name, header, value string
		least, most         time.Duration
	}{
		{"seconds", "Retry-After", "7", 7 * time.Second, 8 * time.Second},
		{"date", "Retry-After", "Sat, 01 Jan 2000 00:00:30 GMT", 29 * time.Second, 31 * time.Second},
		{"too long", "Retry-After", "99999999", maxWait, maxWait + time.Second},
		{"date too late", "Retry-After", "Sat, 01 Jan 2050 00:00:30 GMT", maxWait, maxWait + time.Second},
		{"not a number", "Retry-After", "NaN", 0, time.Second},
		{"negative", "Retry-After", "-5", 0, time.Second},
		{"rate limit used up", "Ratelimit", `"default";r=0;t=30`, 30 * time.Second, 61 * time.Second},
		{"none", "X", "", firstBackoff / 2, firstBackoff},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
					t.Fatal(err)
				}
				if at := s.requests()[1].At; at < tc.least || at > tc.most {
					t.Errorf("waited %s", at)
				}
			}, refuse(429, 971, "slow", tc.header, tc.value), bulkOK)
		})
	}
}

// A 503 does not block the token, so only the call itself waits.
func TestHonoursRetryAfterOf503(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
			t.Fatal(err)
		}
		if at := s.requests()[1].At; at < 7*time.Second || at > 8*time.Second {
			t.Errorf("waited %s, want 7 s", at)
		}
	}, refuse(503, 10001, "unavailable", "Retry-After", "7"), bulkOK)
}

func TestWaitEndsWithTheContext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.store().PutBulk(ctx, pairs, pairCount)
		wantErr(t, err, "429")
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("returned after %s", d)
		}
	}, refuse(429, 971, "slow", "Retry-After", "200"))
}

// A 429 blocks the token, so all calls wait.
func TestRetryAfterOf429DelaysAllCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		done := make(chan error)
		go func() { _, err := s.store().PutBulk(t.Context(), pairs, pairCount); done <- err }()
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := s.store().PutBulk(t.Context(), pairs, pairCount); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for i, r := range s.requests()[1:] {
			if r.At < 200*time.Second {
				t.Errorf("request %d was sent at %s", i+1, r.At)
			}
		}
	}, refuse(429, 971, "slow", "Retry-After", "200"), bulkOK)
}

// An upload that stalls is retried. An upload that is slow but never stops is not.
func TestStalledUploadIsRetried(t *testing.T) {
	body := make([]byte, 1<<20)
	inBubble(t, func(t *testing.T, s *server) {
		h := func(w http.ResponseWriter, r *http.Request) {
			// 16 KB every 20 s: twenty minutes in all, and never silent for long.
			buf := make([]byte, 16<<10)
			for {
				if _, err := io.ReadFull(r.Body, buf); err != nil {
					break
				}
				time.Sleep(20 * time.Second)
			}
			result("{}")(w, r)
		}
		a := s.open(http.HandlerFunc(h), nil)
		if err := a.Store(testSpace).Put(t.Context(), "k", body); err != nil || a.Stats().Retries != 0 {
			t.Fatal(a.Stats(), err)
		}
	}, nil)
	inBubble(t, func(t *testing.T, s *server) {
		n := 0
		h := func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				_, _ = io.ReadFull(r.Body, make([]byte, 100<<10))
				<-time.After(time.Hour) // read no more, and send no response
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			result("{}")(w, r)
		}
		a := s.open(http.HandlerFunc(h), nil)
		start := time.Now()
		if err := a.Store(testSpace).Put(t.Context(), "k", body); err != nil || a.Stats().Retries != 1 {
			t.Fatal(a.Stats(), err)
		}
		if d := time.Since(start); d > 2*DefaultStall {
			t.Errorf("took %s", d)
		}
		time.Sleep(2 * time.Hour) // until the first handler is done
	}, nil)
}

// The system accepts a body faster than a slow connection sends it. After the last byte is
// written, the attempt is not stalled while the connection may still be sending.
func TestSlowConnectionIsNotAStall(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		a := s.open(s, func(o *Options) {
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				select {
				case <-time.After(DefaultStall + 30*time.Second): // 4 MB take this long at 45 kB/s
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"success":true,"result":{}}`)),
					Header: http.Header{}}, nil
			})
		})
		if err := a.Store(testSpace).Put(t.Context(), "k", make([]byte, 4<<20)); err != nil || a.Stats().Retries != 0 {
			t.Errorf("%+v, %v", a.Stats(), err)
		}
	}, nil)
}

func TestStalledResponseIsRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		start := time.Now()
		if _, err := s.store().Get(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < DefaultStall || d > DefaultStall+time.Second {
			t.Errorf("took %s", d)
		}
		if !strings.Contains(s.logged.String(), "no byte was transferred for 1m0s") {
			t.Error(&s.logged)
		}
	}, hang, answer(200, "v"))
}

// The caller reuses the memory of the payload for the next bulk write.
func TestPayloadIsClosedBeforeTheCallReturns(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		closed := false
		a := s.open(s, func(o *Options) {
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				go func() { // net/http may close the body this late
					time.Sleep(time.Minute)
					closed = true
					r.Body.Close()
				}()
				return &http.Response{StatusCode: 403, Body: http.NoBody, Header: http.Header{}}, nil
			})
		})
		if _, err := a.Store(testSpace).PutBulk(t.Context(), pairs, pairCount); err == nil || !closed {
			t.Fatal(closed, err)
		}
	}, nil)
}

// The server responds before it has read the body, and closes the connection.
func TestResponseBeforeTheBodyIsRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		n := 0
		a := s.open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				refuse(429, 971, "slow")(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			result("{}")(w, r)
		}), nil)
		if err := a.Store(testSpace).Put(t.Context(), "k", make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
	}, nil)
}

func TestConnectionsAreReused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		reused := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				reused++
			}
		}})
		for range 3 {
			if _, err := s.store().PutBulk(ctx, pairs, pairCount); err != nil {
				t.Fatal(err)
			}
		}
		if reused != 2 {
			t.Errorf("%d of 3 requests used an existing connection", reused)
		}
	}, bulkOK)
}
