package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/cloudflare/cloudflare-go/v7/option"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

const jsonType = "application/json"

// call is one call of the API: what its request says not about itself.
type call struct {
	account *Account
	// what names operation and object, for errors.
	what string
	// needs is the permission that a refusal is put down to.
	needs permission
	// body is what is sent; empty for none.
	body payload
	// once is set for a call that switches. It is never sent again while the
	// first one may have been carried out.
	once bool
	// read takes what the caller wants out of a successful answer. An error
	// means that the answer is not what the API promises; the call is then
	// repeated. It may be called more than once. Nil wants nothing.
	read func(envelope) error
	// value, if not nil, receives the answer's bytes as they are: it is a
	// value of KV and no envelope.
	value *[]byte

	// What became of it.
	method, path string
	answered     bool
	err          error
}

// envelope is what all answers but values come in.
type envelope struct {
	Success    *bool           `json:"success"`
	Errors     []complaint     `json:"errors"`
	Result     json.RawMessage `json:"result"`
	ResultInfo json.RawMessage `json:"result_info"`
}

type complaint struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Chain   []complaint `json:"error_chain"`
}

// into reads an envelope's result, whose members must be as ok wants them:
// whatever encoding/json leaves at zero would pass for an answer otherwise.
func into[T any](result *T, ok func() bool) func(envelope) error {
	return func(e envelope) error {
		var zero T
		*result = zero
		if err := json.Unmarshal(e.Result, result); err != nil {
			return fmt.Errorf("its result has another shape: %w", err)
		}
		if !ok() {
			return errors.New("its result lacks what was asked for")
		}
		return nil
	}
}

// do makes a call with the SDK's method that request invokes.
func (a *Account) do(ctx context.Context, c *call, request func(...option.RequestOption) error) error {
	c.account = a
	// The SDK's own reading is bypassed: send leaves it an empty answer.
	var unread []byte
	o := []option.RequestOption{option.WithMiddleware(c.send), option.WithResponseBodyInto(&unread)}
	if c.body.parts != nil {
		o = append(o, option.WithRequestBody(c.body.contentType, http.NoBody))
	}
	err := request(o...)
	switch {
	case c.answered: // even if ctx ended just afterwards, which the SDK puts first
		return nil
	case c.err != nil:
		err = c.err
	}
	return fmt.Errorf("%s: %w", c.what, err)
}

// send is the SDK's only middleware. It returns when the call is decided.
func (c *call) send(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	c.err = c.persist(req, next)
	if c.err != nil {
		return nil, c.err
	}
	c.answered = true
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// understand turns a whole answer into nil or into an error that says why not.
func (c *call) understand(status int, header http.Header, body []byte) *APIError {
	ok := status >= 200 && status < 300
	if ok && c.value != nil {
		*c.value = body
		return nil
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || e.Success == nil {
		e = envelope{}
	}
	if !ok || e.Success == nil || !*e.Success {
		return c.refusal(status, header, body, e)
	}
	if c.read == nil {
		return nil
	}
	if err := c.read(e); err != nil {
		fail := c.refusal(status, header, nil, e)
		fail.Err, fail.fate = c.harmless(err), lostFate
		return fail
	}
	return nil
}

// payload is a request body in pieces, so that modules and bulk bodies are sent
// from where they lie. Nobody may write to the parts until the call returns.
type payload struct {
	contentType string
	parts       [][]byte
}

func (p payload) size() (n int64) {
	for _, part := range p.parts {
		n += int64(len(part))
	}
	return n
}

func (p payload) open() io.Reader {
	readers := make([]io.Reader, len(p.parts))
	for i, part := range p.parts {
		readers[i] = bytes.NewReader(part)
	}
	return io.MultiReader(readers...)
}

// segment escapes a name for use as one segment of a path, which the SDK does
// not. Names that a path would swallow are refused: they would reach another route.
func segment(kind, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%q cannot be the name of a %s", name, kind)
	}
	return url.PathEscape(name), nil
}

// unknown says of a switch that it may have happened.
func unknown(err error) error { return fmt.Errorf("%w: %w", kvsync.ErrUnknown, err) }
