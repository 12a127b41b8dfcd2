package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	// maxAnswer limits a response: a page of 1,000 keys has at most 2 MB, and a version's
	// bindings have less than 1 MB.
	maxAnswer = 32 << 20
	// maxFailure limits what is read of a failed response.
	maxFailure = 64 << 10
	// inFlight bytes may still be in the system's buffers when the last byte is written. A
	// slow connection gets time to send them before it counts as stalled.
	inFlight     = 4 << 20
	slowestBytes = 64 << 10 // a second
)

// NewTransport returns a connection pool, which several Accounts may share. It uses HTTP/1.1:
// each bulk write has a connection, not a share of one flow-control window, and cancelling a
// stalled one does not affect others.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
		Protocols:           &http1,
	}
}

// attempt sends the request once and reads the whole response, so that a connection that
// breaks in between is a failed attempt. When it returns, nothing reads the payload any more.
func (c *call) attempt(req *http.Request, next option.MiddlewareNext) *APIError {
	a := c.account
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := newStallTimer(a.stall, cancel)
	defer timer.stop()

	var dialing, connected atomic.Bool
	req = req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true); timer.touch() },
	}))
	up := &uploads{payload: c.body, timer: timer, count: &a.count.bytesUp}
	req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, c.body.size()
	if req.ContentLength > 0 {
		req.Body = up.start()
		// net/http calls it if it knows that nothing was sent.
		req.GetBody = func() (io.ReadCloser, error) { return up.start(), nil }
	}
	a.authorize(req)
	a.count.requests.Add(1)

	status, header, body, err := c.exchange(req, next, timer)
	cancel(nil)
	up.wait()
	if err == nil {
		return c.interpret(status, header, body)
	}
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err = fmt.Errorf("%w for %s", errStalled, a.stall)
	}
	// It is certain that nothing was sent only if a connection was requested and never opened.
	return c.noAnswer(err, !dialing.Load() || connected.Load())
}

func (c *call) exchange(
	req *http.Request, next option.MiddlewareNext, timer *stallTimer,
) (int, http.Header, []byte, error) {
	res, err := next(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	timer.touch()
	c.account.pace.observe(res.Header)
	limit := int64(maxAnswer)
	switch {
	case res.StatusCode < 200 || res.StatusCode > 299:
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxFailure)) // the status says enough
		return res.StatusCode, res.Header, body, nil
	case c.value != nil:
		limit = manifest.MaxValueBytes
	}
	body, err := readWhole(res, limit, timer)
	return res.StatusCode, res.Header, body, err
}

// errTooLarge is not retried: the next response would have the same size.
var errTooLarge = errors.New("the response is larger than the API allows")

func readWhole(res *http.Response, limit int64, timer *stallTimer) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	// Without room for one more read, Buffer would grow at the end.
	buf := bytes.NewBuffer(make([]byte, 0, max(res.ContentLength, 0)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(&progressReader{res.Body, timer}, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buf.Bytes(), err
}

// progressReader restarts the stall timer with each byte of a response.
type progressReader struct {
	io.Reader
	timer *stallTimer
}

func (h *progressReader) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.timer.touch()
	}
	return n, err
}

var errStalled = errors.New("no byte was transferred")

// stallTimer cancels an attempt that transfers no byte for a time. An upload of 100 MB over a
// slow connection has no fixed limit.
type stallTimer struct {
	patience time.Duration
	timer    *time.Timer
}

func newStallTimer(patience time.Duration, cancel context.CancelCauseFunc) *stallTimer {
	return &stallTimer{patience, time.AfterFunc(patience, func() { cancel(errStalled) })}
}

func (l *stallTimer) touch()                    { l.timer.Reset(l.patience) }
func (l *stallTimer) extend(more time.Duration) { l.timer.Reset(l.patience + more) }
func (l *stallTimer) stop()                     { l.timer.Stop() }

// uploads are the readers of one attempt's payload. There are several if net/http moves the
// request to another connection.
type uploads struct {
	payload payload
	timer   *stallTimer
	count   *atomic.Int64
	open    sync.WaitGroup
}

func (u *uploads) start() io.ReadCloser {
	u.open.Add(1)
	return &upload{Reader: u.payload.open(), uploads: u}
}

// wait returns when the transport has closed all readers of the payload. It may do so after
// it returned, and the caller reuses the memory.
func (u *uploads) wait() { u.open.Wait() }

// upload is a payload that is sent over one connection.
type upload struct {
	io.Reader
	uploads *uploads
	closed  atomic.Bool
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	u.uploads.count.Add(int64(n))
	if err == nil {
		u.uploads.timer.touch()
	} else {
		sent := min(u.uploads.payload.size(), inFlight)
		u.uploads.timer.extend(time.Duration(sent) * time.Second / slowestBytes)
	}
	return n, err
}

func (u *upload) Close() error {
	if !u.closed.Swap(true) {
		u.uploads.open.Done()
	}
	return nil
}
