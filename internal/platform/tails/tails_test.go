package tails

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

const account = "0123456789abcdef0123456789abcdef"

// fixture has the tails of the script "site".
type fixture struct {
	t *testing.T
	*Tails
	listening atomic.Bool // whether processes send events
}

func open(t *testing.T) *fixture {
	f := &fixture{t: t}
	f.Tails = New(func(_, script string) bool { return script == "site" }, f.listening.Store)
	t.Cleanup(f.Close)
	return f
}

// call calls a handler as the API does.
func (f *fixture) call(handler func(*api.Call) *api.Error, script, id, body string) (map[string]any, *api.Error) {
	f.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:1/", strings.NewReader(body))
	r.SetPathValue("script", script)
	r.SetPathValue("tail", id)
	w := httptest.NewRecorder()
	apiErr := handler(&api.Call{W: w, R: r, Account: account})
	var answer struct{ Result map[string]any }
	if apiErr == nil {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			f.t.Fatal(err)
		}
	}
	return answer.Result, apiErr
}

func (f *fixture) tail(filters string) (id, url string) {
	f.t.Helper()
	result, apiErr := f.call(f.create, "site", "", filters)
	if apiErr != nil {
		f.t.Fatal(apiErr)
	}
	return result["id"].(string), result["url"].(string)
}

// report sends events as a process does.
func (f *fixture) report(script, version string, events ...string) {
	f.t.Helper()
	body := `{"account":"` + account + `","script":"` + script + `","version":"` + version + `","events":[` +
		strings.Join(events, ",") + `]}`
	w := httptest.NewRecorder()
	f.Sink(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	if w.Code != http.StatusNoContent {
		f.t.Fatalf("report: %d %s", w.Code, w.Body)
	}
}

const (
	request = `{"outcome":"ok","logs":[{"level":"log","message":["a blue",{"n":1}]}],"exceptions":[],"event":{"request":
		{"method":"GET","url":"http://site/","headers":{"cf-connecting-ip":"127.0.0.1","x-kind":"large"}}}}`
	failed = `{"outcome":"exception","logs":[],"exceptions":[{"name":"Error","message":"boom"}],"event":
		{"request":{"method":"POST","url":"http://site/","headers":{}}}}`
	alarm = `{"outcome":"ok","logs":[],"exceptions":[],"event":{"scheduledTime":"2026-01-01"}}`
)

func TestFilters(t *testing.T) {
	t.Parallel()
	for filters, want := range map[string]string{
		``:                               "request failed alarm",
		`{"outcome":["ok"]}`:             "request alarm",
		`{"outcome":["ok","exception"]}`: "request failed alarm",
		`{"method":["get"]}`:             "request",
		`{"header":{"key":"X-Kind"}}`:    "request",
		`{"header":{"key":"X-Kind","query":"arg"}}`:   "request",
		`{"header":{"key":"X-Kind","query":"small"}}`: "",
		`{"client_ip":["self"]}`:                      "request",
		`{"client_ip":["127.0.0.1"]}`:                 "request",
		`{"client_ip":["10.0.0.1"]}`:                  "",
		`{"query":"blue {"}`:                          "request",
		`{"query":"green"}`:                           "",
		`{"scriptVersion":"v1"}`:                      "request failed alarm",
		`{"scriptVersion":"v2"}`:                      "",
		`{"outcome":["ok"]},{"query":"blue"}`:         "request",
		`{"sampling_rate":1}`:                         "request failed alarm",
	} {
		f := open(t)
		id, _ := f.tail(`{"filters":[` + filters + `]}`)
		f.report("site", "v1", request, failed, alarm)
		f.report("other", "v1", request)
		tl := f.open[id]
		close(tl.events)
		var got []string
		for raw := range tl.events {
			got = append(got, kindOf(t, raw))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", filters, got, want)
		}
	}
}

// kindOf returns which of the events a message is. The message names script and version.
func kindOf(t *testing.T, raw []byte) string {
	t.Helper()
	var e struct {
		Outcome       string
		Event         map[string]any
		ScriptName    string
		ScriptVersion struct{ ID string }
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.ScriptName != "site" || e.ScriptVersion.ID != "v1" {
		t.Errorf("event: %s, %v", raw, err)
	}
	switch {
	case e.Outcome == "exception":
		return "failed"
	case e.Event["request"] != nil:
		return "request"
	}
	return "alarm"
}

func TestRefusedTails(t *testing.T) {
	t.Parallel()
	f := open(t)
	for _, tt := range []struct{ script, body string }{
		{"nowhere", `{"filters":[]}`},
		{"site", `{"filters":[{"sampling_rate":0}]}`},
		{"site", `{"filters":[{"sampling_rate":2}]}`},
		{"site", `{"filters":`},
	} {
		if result, apiErr := f.call(f.create, tt.script, "", tt.body); apiErr == nil {
			t.Errorf("%s %s: %v", tt.script, tt.body, result)
		}
	}
	if _, apiErr := f.call(f.get, "site", "", ""); apiErr == nil {
		t.Error("a script without a tail has one")
	}
	if f.listening.Load() {
		t.Error("the processes send events without a tail")
	}
}

// Processes send events only while there are tails: it slows each request.
func TestProcessesSendEventsForTails(t *testing.T) {
	t.Parallel()
	f := open(t)
	first, _ := f.tail("")
	second, _ := f.tail("")
	if !f.listening.Load() {
		t.Error("two tails: the processes send nothing")
	}
	for _, id := range []string{first, second} {
		if _, apiErr := f.call(f.delete, "site", id, ""); apiErr != nil {
			t.Error(apiErr)
		}
		if f.listening.Load() != (id == first) {
			t.Errorf("after the end of %s: listening is %v", id, f.listening.Load())
		}
	}
	if _, apiErr := f.call(f.delete, "site", first, ""); apiErr == nil {
		t.Error("a tail was deleted twice")
	}
}

func TestTailsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := open(t)
		f.tail("")
		time.Sleep(lifetime - time.Second)
		if !f.listening.Load() {
			t.Error("the tail ended early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if f.listening.Load() {
			t.Error("the tail has not expired")
		}
	})
}

// A client that reads nothing does not make the platform keep all events.
func TestEventsOfASlowClientAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // it notices a report that waits for ever
		f := open(t)
		id, _ := f.tail("")
		for range maxWaiting + 10 {
			f.report("site", "v1", alarm)
		}
		if got := len(f.open[id].events); got != maxWaiting {
			t.Errorf("%d events wait, want %d", got, maxWaiting)
		}
	})
}

// connect opens the WebSocket of a tail.
func (f *fixture) connect(path string) net.Conn {
	f.t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(Pattern, f.Connect)
	server := httptest.NewServer(mux)
	f.t.Cleanup(server.Close)
	dialer := ws.Dialer{Protocols: []string{protocol}}
	conn, _, shake, err := dialer.Dial(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http")+path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if shake.Protocol != protocol {
		f.t.Errorf("protocol %q", shake.Protocol)
	}
	return conn
}

// Wrangler does not mask its messages, and it pings.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	f := open(t)
	id, url := f.tail("")
	if want := "ws://127.0.0.1:1" + socketPath + id; url != want {
		t.Errorf("url %s, want %s", url, want)
	}
	conn := f.connect(socketPath + id)
	send := func(frame ws.Frame) {
		t.Helper()
		if err := ws.WriteFrame(conn, frame); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(code ws.OpCode) string {
		t.Helper()
		header, err := ws.ReadHeader(conn)
		if err != nil || header.OpCode != code {
			t.Fatalf("received %v, %v", header, err)
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		return string(payload)
	}
	send(ws.NewTextFrame([]byte(`{"debug":false}`)))
	send(ws.NewPingFrame([]byte("plain")))
	if got := receive(ws.OpPong); got != "plain" {
		t.Errorf("pong %q", got)
	}
	send(ws.MaskFrame(ws.NewPingFrame([]byte("masked"))))
	if got := receive(ws.OpPong); got != "masked" {
		t.Errorf("pong %q", got)
	}
	f.report("site", "v1", request)
	if kind := kindOf(t, []byte(receive(ws.OpText))); kind != "request" {
		t.Errorf("event: %s", kind)
	}
	f.remove(id)
	receive(ws.OpClose)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end of the tail: %v", err)
	}
}

func TestUnknownWebSocket(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/tails/0", http.NoBody)
	r.SetPathValue("tail", "0")
	if f.Connect(w, r); w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}
