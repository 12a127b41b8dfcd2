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
	// maxResponse limits a response: a page of 1,000 keys has at most 2 MB, and a version's
	// bindings have less than 1 MB.
	maxResponse = 32 << 20
	// maxErrorBody limits the bytes that are read of a failed response.
	maxErrorBody = 64 << 10
	// maxBuffered is the largest number of bytes in the system's buffers after the last byte of a
	// body was written. At the end of a body, the limit of the stall timer is extended by the time
	// in which a connection with minRate bytes a second sends them.
	maxBuffered = 4 << 20
	minRate     = 64 << 10
	// slowest is the rate in bytes a second below which a transfer is no answer: an attempt ends
	// when what was transferred would have taken less time at this rate, beside the time that the
	// run may go on without an answer.
	slowest = 512
)

// NewTransport returns a connection pool. Several Accounts may share it. It uses HTTP/1.1, so
// each request has its own connection: parallel writes do not share a flow-control window, and
// cancelling a stalled write does not affect the others.
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

// attempt sends the request once and reads the whole response. It returns nil for success. When
// it returns, the transport no longer reads the payload, so the caller may reuse its memory.
func (c *call) attempt(req *http.Request, next option.MiddlewareNext, patience time.Duration) *APIError {
	a := c.account
	ctx, cancel := context.WithCancelCause(req.Context())
	stall := min(a.stall, max(patience, time.Millisecond))
	timer := newStallTimer(stall, patience, cancel)
	defer timer.stop()

	var dialing, connected atomic.Bool
	req = req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true); timer.touch(0) },
	}))
	up := &uploads{payload: c.body, timer: timer, count: &a.count.bytesUp}
	req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, c.body.size()
	if req.ContentLength > 0 {
		req.Body = up.start()
		// net/http calls GetBody only if it has sent nothing.
		req.GetBody = func() (io.ReadCloser, error) { return up.start(), nil }
	}
	a.authorize(req)
	a.count.requests.Add(1)

	res, err := c.exchange(req, next, timer)
	cancel(nil)
	up.wait()
	if err == nil {
		fail := c.interpret(res.status, res.header, res.body)
		if fail == nil || fail.enveloped { // otherwise the response may be from a proxy with another clock
			a.clock.observe(res.header, res.received)
		}
		return fail
	}
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err = fmt.Errorf("%w for %s", errStalled, stall.Round(time.Millisecond))
	}
	// If a connection was requested but never opened, nothing was sent. In all other cases the
	// request may have been sent.
	return c.noResponse(err, !dialing.Load() || connected.Load())
}

// response is a whole response, and when its header was received.
type response struct {
	status   int
	header   http.Header
	body     []byte
	received time.Time
}

func (c *call) exchange(req *http.Request, next option.MiddlewareNext, timer *stallTimer) (out response, err error) {
	res, err := next(req)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	out = response{status: res.StatusCode, header: res.Header, received: time.Now()}
	timer.touch(0)
	c.account.pace.observe(res.Header)
	limit := int64(maxResponse)
	switch {
	case res.StatusCode < 200 || res.StatusCode > 299:
		out.body, _ = io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // a part of the body is enough
		return out, nil
	case c.value != nil:
		limit = manifest.MaxValueBytes
	}
	out.body, err = readWhole(res, limit, timer)
	return out, err
}

// errTooLarge is not retried: the next response would have the same size.
var errTooLarge = errors.New("the response is larger than the API allows")

func readWhole(res *http.Response, limit int64, timer *stallTimer) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	// ReadFrom grows a Buffer with less than MinRead free bytes, even to find the end of the body.
	buf := bytes.NewBuffer(make([]byte, 0, max(res.ContentLength, 0)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(&progressReader{res.Body, timer}, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buf.Bytes(), err
}

// progressReader restarts the stall timer whenever bytes of a response arrive.
type progressReader struct {
	io.Reader
	timer *stallTimer
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.timer.touch(n)
	}
	return n, err
}

var errStalled = errors.New("no byte was transferred")

// stallTimer cancels an attempt that transfers no byte within the limit, or that is slower than
// the slowest rate. It does not limit the whole attempt otherwise: an upload of 100 MB over a slow
// connection may take long.
type stallTimer struct {
	limit time.Duration
	timer *time.Timer
	end   time.Time    // when an attempt ends that has transferred nothing
	moved atomic.Int64 // transferred bytes
}

func newStallTimer(limit, patience time.Duration, cancel context.CancelCauseFunc) *stallTimer {
	return &stallTimer{
		limit: limit, end: time.Now().Add(patience),
		timer: time.AfterFunc(limit, func() { cancel(errStalled) }),
	}
}

// touch restarts the timer after n transferred bytes.
func (t *stallTimer) touch(n int) {
	moved := t.moved.Add(int64(n))
	t.timer.Reset(min(t.limit, time.Until(t.end)+time.Duration(moved)*(time.Second/slowest)))
}

func (t *stallTimer) extend(more time.Duration) { t.timer.Reset(t.limit + more) }
func (t *stallTimer) stop()                     { t.timer.Stop() }

// uploads are the readers of one attempt's payload. There is more than one if net/http repeats
// the request on another connection.
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

// wait returns when the transport has closed all readers of the payload. The transport may do
// that after it has returned the response.
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
		u.uploads.timer.touch(n)
	} else {
		buffered := min(u.uploads.payload.size(), maxBuffered)
		u.uploads.timer.extend(time.Duration(buffered) * time.Second / minRate)
	}
	return n, err
}

func (u *upload) Close() error {
	if !u.closed.Swap(true) {
		u.uploads.open.Done()
	}
	return nil
}
