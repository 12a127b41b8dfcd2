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

	"github.com/kv-sync/kv-sync/sync/cloud"
)

const jsonType = "application/json"

// call is one call of the API.
type call struct {
	account *Account
	// what names the operation and the object in errors.
	what string
	// needs is the permission that is missing if the call is refused.
	needs permission
	// body is the request's body; it may be empty.
	body payload
	// worker is set for an upload of a Worker.
	worker bool
	// once is set for a switch. A switch is not sent again if an earlier attempt may have been
	// carried out.
	once bool
	// read, if not nil, decodes a successful response. It may be called for several attempts.
	// An error means that the response does not have the documented form; the call is repeated.
	read func(envelope) error
	// value, if not nil, receives the bytes of the response. It is set for responses without an
	// envelope, such as a value of KV.
	value *[]byte

	// send sets these.
	method, path string
	answered     bool
	err          error
}

// envelope is the form of all responses, except for values of KV.
type envelope struct {
	Success    *bool           `json:"success"`
	Errors     []apiMessage    `json:"errors"`
	Result     json.RawMessage `json:"result"`
	ResultInfo json.RawMessage `json:"result_info"`
}

type apiMessage struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Chain   []apiMessage `json:"error_chain"`
}

// into returns a function that decodes an envelope's result. ok reports whether the result is
// complete: encoding/json leaves a missing member at its zero value, without an error.
func into[T any](result *T, ok func() bool) func(envelope) error {
	return func(e envelope) error {
		var zero T
		*result = zero
		if err := json.Unmarshal(e.Result, result); err != nil {
			return fmt.Errorf("its result does not have the documented form: %w", err)
		}
		if !ok() {
			return errors.New("its result is incomplete")
		}
		return nil
	}
}

// do makes a call. request calls the method of the SDK for the route.
func (a *Account) do(ctx context.Context, c *call, request func(...option.RequestOption) error) error {
	c.account = a
	// send reads the response and gives the SDK an empty one.
	var unread []byte
	o := []option.RequestOption{option.WithMiddleware(c.send), option.WithResponseBodyInto(&unread)}
	if c.body.parts != nil {
		o = append(o, option.WithRequestBody(c.body.contentType, http.NoBody))
	}
	err := request(o...)
	switch {
	case c.answered: // the SDK returns ctx's error if ctx ended after the response
		return nil
	case c.err != nil:
		err = c.err
	}
	return fmt.Errorf("%s: %w", c.what, err)
}

// send is the only middleware of the SDK. It returns after the last attempt.
func (c *call) send(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	c.err = c.sendWithRetries(req, next)
	if c.needs != "" && (c.err == nil || errors.Is(c.err, cloud.ErrNotFound)) {
		c.account.admitted.Store(true)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.answered = true
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// interpret returns nil for a successful response, and an error for any other one.
func (c *call) interpret(status int, header http.Header, body []byte) *APIError {
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
		fail.Err, fail.outcome = c.display(err), outcomeUnknown
		return fail
	}
	return nil
}

// payload is a request body in parts, so that modules and bulk bodies are not copied. The parts
// must not be changed until the call returns.
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

// segment escapes a name so that it is one segment of a path. The SDK does not do that. It
// refuses names that would change the route, such as "..".
func segment(kind, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%q cannot be the name of a %s", name, kind)
	}
	return url.PathEscape(name), nil
}

// unknown returns an error for a switch that may have been carried out.
func unknown(err error) error { return fmt.Errorf("%w: %w", cloud.ErrUnknown, err) }
