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
	// what is the operation and the object, for errors.
	what string
	// needs is the permission that is missing if the call is refused.
	needs permission
	// body is the request's body; it may be empty.
	body payload
	// once is set for a switch. It is not sent again if the first request may have been
	// carried out.
	once bool
	// read reads a successful response, or is nil. An error means that the response is not
	// what the API documents; the call is then repeated. It may be called several times.
	read func(envelope) error
	// value, if not nil, receives the response's bytes: they are a value of KV, without an
	// envelope.
	value *[]byte

	// The outcome.
	method, path string
	answered     bool
	err          error
}

// envelope is the form of all responses but values.
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

// into reads an envelope's result, which ok checks: a member that encoding/json leaves at zero
// would otherwise look like a response.
func into[T any](result *T, ok func() bool) func(envelope) error {
	return func(e envelope) error {
		var zero T
		*result = zero
		if err := json.Unmarshal(e.Result, result); err != nil {
			return fmt.Errorf("its result has another form: %w", err)
		}
		if !ok() {
			return errors.New("its result is incomplete")
		}
		return nil
	}
}

// do makes a call with the method of the SDK that request calls.
func (a *Account) do(ctx context.Context, c *call, request func(...option.RequestOption) error) error {
	c.account = a
	// send gives the SDK an empty response, so it reads nothing itself.
	var unread []byte
	o := []option.RequestOption{option.WithMiddleware(c.send), option.WithResponseBodyInto(&unread)}
	if c.body.parts != nil {
		o = append(o, option.WithRequestBody(c.body.contentType, http.NoBody))
	}
	err := request(o...)
	switch {
	case c.answered: // also if ctx ended just afterwards, which the SDK reports first
		return nil
	case c.err != nil:
		err = c.err
	}
	return fmt.Errorf("%s: %w", c.what, err)
}

// send is the SDK's only middleware. It returns when the outcome is known.
func (c *call) send(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	c.err = c.sendWithRetries(req, next)
	if c.err != nil {
		return nil, c.err
	}
	c.answered = true
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// interpret returns nil for a successful response, else the error.
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

// segment escapes a name for one segment of a path, which the SDK does not do. It refuses names
// that would lead to another route.
func segment(kind, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%q cannot be the name of a %s", name, kind)
	}
	return url.PathEscape(name), nil
}

// unknown reports that a switch may have happened.
func unknown(err error) error { return fmt.Errorf("%w: %w", cloud.ErrUnknown, err) }
