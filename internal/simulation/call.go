package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Call is a request, or an act of another tool, that waits to be carried out.
type Call struct {
	// Kind and Object say what it is: "kv.values.get" and a key, say.
	Kind, Object string
	// Number counts the calls of its process that were carried out, from 1.
	Number int

	process *Process
	request *model.Request // nil for an act
	act     func() string
	trace   *httptrace.ClientTrace
	answer  chan answer
	due     time.Time // it is not carried out before
	lost    bool      // it is never carried out
	paused  bool      // its process is paused
	again   bool      // it is carried out as it is
}

type answer struct {
	reply *model.Reply
	err   error
}

var (
	errDead   = errors.New("the process is dead")
	errBroken = io.ErrUnexpectedEOF
	errDial   = errors.New("connection refused")
)

const base = "/client/v4/accounts/" + accountID + "/"

// RoundTrip implements [http.RoundTripper]: it waits for the request's turn.
func (p *Process) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	r := &model.Request{By: p.Name, Method: req.Method, Path: strings.TrimPrefix(req.URL.EscapedPath(), base),
		Query: req.URL.Query(), Type: req.Header.Get("Content-Type"), Body: body}
	c := &Call{process: p, request: r, trace: httptrace.ContextClientTrace(req.Context()), answer: make(chan answer, 1)}
	var args []string
	c.Kind, args = r.Kind()
	c.Object = objectOf(c.Kind, args, r)
	a, err := p.wait(req.Context(), c)
	if err != nil {
		return nil, err
	}
	header := a.Header.Clone()
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return &http.Response{StatusCode: a.Status, Header: header, Body: io.NopCloser(bytes.NewReader(a.Body)),
		ContentLength: int64(len(a.Body)), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	b := bytes.NewBuffer(make([]byte, 0, max(0, req.ContentLength)+bytes.MinRead))
	_, err := b.ReadFrom(req.Body)
	return b.Bytes(), err
}

// objectOf says what a call is about: its key or version, or the first key of a bulk call.
func objectOf(kind string, args []string, r *model.Request) string {
	switch {
	case kind == "kv.keys.list":
		return r.Query.Get("prefix") + " " + r.Query.Get("cursor")
	case strings.HasPrefix(kind, "kv.bulk."):
		return firstKey(r.Body)
	case len(args) > 0:
		return args[len(args)-1]
	}
	return ""
}

func firstKey(body []byte) string {
	_, rest, found := bytes.Cut(body, []byte(`"key":"`))
	if !found {
		_, rest, _ = bytes.Cut(body, []byte(`"`))
	}
	key, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(key)
}

// wait parks a call until it is answered, its context ends, or its process is dead.
func (p *Process) wait(ctx context.Context, c *Call) (*model.Reply, error) {
	if p.isDead() {
		return nil, errDead
	}
	p.world.park(c)
	ended := ctx.Done()
	for {
		select {
		case a := <-c.answer:
			return a.reply, a.err
		case <-p.killed:
			p.world.take(c)
			return nil, errDead
		case <-ended:
			if p.world.isPaused(c) {
				ended = nil
				continue
			}
			p.world.take(c)
			return nil, context.Cause(ctx)
		}
	}
}

// Act carries out what another tool does, in its turn. f returns the result, for the history.
func (p *Process) Act(kind, object string, f func() string) {
	c := &Call{Kind: kind, Object: object, process: p, act: f, answer: make(chan answer, 1)}
	_, _ = p.wait(p.ctx, c) // a dead process does not wait
}

func (w *World) isPaused(c *Call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.paused
}
