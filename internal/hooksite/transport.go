package hooksite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// dialOnce is a transport that calls giveUp at the first connection that cannot be opened.
type dialOnce struct {
	http.RoundTripper
	giveUp context.CancelCauseFunc
}

// RoundTrip implements [http.RoundTripper].
func (d dialOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := d.RoundTripper.RoundTrip(req)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		d.giveUp(fmt.Errorf("%s cannot be reached: %w", req.URL.Host, dial.Err))
	}
	return res, err
}

// progressTransport is a transport that calls alive when it sends a part of a request, and for
// every response.
type progressTransport struct {
	http.RoundTripper
	alive func()
}

// RoundTrip implements [http.RoundTripper].
func (t progressTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = progressBody{req.Body, t.alive}
	}
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil {
		t.alive()
	}
	return res, err
}

// progressBody is a request body that calls alive at every read.
type progressBody struct {
	io.ReadCloser
	alive func()
}

// Read implements [io.Reader].
func (b progressBody) Read(p []byte) (int, error) {
	b.alive()
	return b.ReadCloser.Read(p)
}
