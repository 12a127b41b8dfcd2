package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Permission is a permission of a token.
type Permission string

// The permissions; writing includes reading.
const (
	KVRead       Permission = "kv:read"
	KVWrite      Permission = "kv:write"
	WorkersRead  Permission = "workers:read"
	WorkersWrite Permission = "workers:write"
)

// Route is a route of the API: its pattern, its kind in logs and faults, the permission that
// it needs, and its handler.
type Route struct {
	Pattern string // method and path below /client/v4
	Kind    string
	Need    Permission // "" for any valid token
	Handler func(*Call) *Error
}

// On returns a route.
func On(pattern, kind string, need Permission, handler func(*Call) *Error) Route {
	return Route{Pattern: pattern, Kind: kind, Need: need, Handler: handler}
}

// Call is one request to the API. Its token and account are valid.
type Call struct {
	W       http.ResponseWriter
	R       *http.Request
	Account string // "" if the route has no account
	// Skips reports whether a fault skips the i-th key of a bulk request.
	Skips func(i int, key string) bool
}

// Reply sends a result.
func (c *Call) Reply(result any) *Error { return c.ReplyWith(result, nil) }

// ReplyUnless sends a result unless there is an error.
func (c *Call) ReplyUnless(apiErr *Error, result any) *Error {
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(result)
}

// ReplyWith sends a result with its result_info.
func (c *Call) ReplyWith(result, info any) *Error {
	WriteJSON(c.W, http.StatusOK, envelope{Success: true, Errors: []Message{}, Messages: []Message{}, Result: result,
		ResultInfo: info})
	return nil
}

// MaxJSON limits request bodies in JSON, except bulk writes.
const MaxJSON = 8 << 20

// Decode reads a JSON body.
func (c *Call) Decode(into any) *Error {
	body, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, MaxJSON))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return Failure(http.StatusBadRequest, 10026, "Could not parse the request body: %v", err)
	}
	return nil
}

// Bearer returns the token of a request, or "".
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
