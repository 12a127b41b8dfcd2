package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

const (
	testAccount = "0123456789abcdef0123456789abcdef"
	testToken   = "Tok-en_0123456789abcdefghijklmnopqrstuvwx"
	testSpace   = "fedcba9876543210fedcba9876543210"
)

// seen is a request that the server received.
type seen struct {
	Method, Path, Query string
	Type                string
	Body                []byte
	At                  time.Duration // since the server started
}

// server is a fake API in a synctest bubble. It sends its replies in order and repeats the last
// one.
type server struct {
	t       *testing.T
	start   time.Time
	mu      sync.Mutex
	got     []seen
	replies []reply
	logged  bytes.Buffer
	account *Account
}

// reply sends one response. The body of the request has been read already.
type reply func(http.ResponseWriter, *http.Request)

// inBubble runs a test against a server with these replies. The test runs in a synctest bubble,
// where waiting takes no time.
func inBubble(t *testing.T, test func(t *testing.T, s *server), replies ...reply) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, replies: replies}
		s.account = s.open(s, nil)
		test(t, s)
	})
}

// open starts a server with a handler, on a network of pipes, and returns an account that uses
// it.
func (s *server) open(h http.Handler, change func(*Options)) *Account {
	s.t.Helper()
	s.start = time.Now()
	listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = srv.Serve(listener) }()
	transport := NewTransport()
	transport.DialContext = listener.dial
	o := Options{
		Token: testToken, AccountID: testAccount, BaseURL: "http://127.0.0.1/client/v4",
		Transport: transport, Log: slog.New(slog.NewTextHandler(&s.logged, nil)),
	}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		a.Close()
		srv.Close()
		time.Sleep(time.Second) // net/http waits before it closes an aborted connection
	})
	return a
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := len(s.got)
	s.got = append(s.got, seen{r.Method, strings.TrimPrefix(r.URL.EscapedPath(), "/client/v4"), r.URL.RawQuery,
		r.Header.Get("Content-Type"), body, time.Since(s.start)})
	answer := s.replies[min(n, len(s.replies)-1)]
	s.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
		s.t.Errorf("Authorization is %q", got)
	}
	answer(w, r)
}

func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.got...)
}

func (s *server) store() cloud.Store    { return s.account.Store(testSpace) }
func (s *server) script() cloud.Workers { return s.account.Workers("blog") }

type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// answer is a reply in the form of Cloudflare's API.
func answer(status int, body string, header ...string) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("CF-Ray", "8f00baa5deadbeef-FRA")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func result(json string) reply {
	return answer(200, `{"success":true,"errors":[],"messages":[],"result":`+json+`}`)
}

func refuse(status, code int, message string, header ...string) reply {
	m, _ := json.Marshal(message)
	return answer(status,
		fmt.Sprintf(`{"success":false,"errors":[{"code":%d,"message":%s}],"messages":[],"result":null}`, code, m), header...)
}

func page(status int, title string) reply {
	return answer(status, "<!DOCTYPE html><html><head><title>"+title+"</title></head><body>\x1b[31mlots</body></html>",
		"Content-Type", "text/html")
}

// cut is a reply that closes the connection without a response.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hang is a reply that sends nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

var (
	bulkOK     = result(`{"successful_key_count":2,"unsuccessful_keys":[]}`)
	pairCount  = 2
	pairs      = []byte(`[{"key":"a","value":"YQ==","base64":true},{"key":"b","value":"Yg==","base64":true}]`)
	deployedOK = result(`{"id":"d1"}`)
	oneModule  = cloud.Upload{Worker: cloud.Worker{
		Main: "index.js",
		Modules: []cloud.Module{
			{Name: "index.js", Type: "application/javascript+module", Content: []byte("export default {}")},
		},
		CompatibilityDate: "2026-01-01",
	}}
)

func activate(s *server) error {
	return s.script().Activate(context.Background(), []cloud.Share{{Version: "v1", Percent: 100}}, "hello", false)
}

func wantErr(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error lacks %q: %v", p, err)
		}
	}
}

func apiError(t *testing.T, err error) *APIError {
	t.Helper()
	var e *APIError
	if !errors.As(err, &e) {
		t.Fatalf("no APIError: %v", err)
	}
	return e
}
