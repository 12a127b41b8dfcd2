package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/github"
)

const token = "ghs_a-token-that-must-not-be-shown"

var (
	older = strings.Repeat("a", 40)
	newer = strings.Repeat("b", 40)
)

func TestCompare(t *testing.T) {
	var otherRequests int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { otherRequests++ }))
	defer other.Close()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   github.Status
		// notFound says that the error is ErrNotFound.
		notFound bool
	}{
		"ahead":              {200, `{"status":"ahead","ahead_by":1,"files":[]}`, github.Ahead, false},
		"behind":             {200, `{"status":"behind"}`, github.Behind, false},
		"identical":          {200, `{"status":"identical"}`, github.Identical, false},
		"diverged":           {200, `{"status":"diverged"}`, github.Diverged, false},
		"unknown status":     {200, `{"status":"sideways"}`, "", false},
		"no status":          {200, `{}`, "", false},
		"not JSON":           {200, `<html>`, "", false},
		"not found":          {404, `{"message":"Not Found"}`, "", true},
		"bad token":          {401, `{"message":"Bad credentials"}`, "", false},
		"502":                {502, ``, "", false},
		"500 with a status":  {500, `{"status":"ahead"}`, "", false},
		"403 with a status":  {403, `{"status":"ahead"}`, "", false},
		"redirect elsewhere": {302, ``, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if want := "/api/v3/repos/ada/tides/compare/" + older + "..." + newer; r.URL.Path != want {
					t.Errorf("the request was for %s, want %s", r.URL.Path, want)
				}
				if got := r.Header.Get("Authorization"); got != "Bearer "+token {
					t.Errorf("Authorization is %q", got)
				}
				w.Header().Set("Location", other.URL)
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			c, err := github.New(server.URL+"/api/v3", "ada/tides", token)
			if err != nil {
				t.Fatal(err)
			}
			c.SetWait(func(context.Context, time.Duration) error { return nil })
			got, err := c.Compare(t.Context(), older, newer)
			if got != tt.want || (err == nil) != (tt.want != "") || errors.Is(err, github.ErrNotFound) != tt.notFound {
				t.Errorf("got %q, %v", got, err)
			}
			if text := fmt.Sprintf("%v %+v %#v %v", err, c, c, *c); strings.Contains(text, token) {
				t.Errorf("the token is shown: %s", text)
			}
		})
	}
	if otherRequests > 0 {
		t.Error("the token was sent to another host")
	}
}

func TestNewErrors(t *testing.T) {
	for _, tt := range []struct{ api, repository, token string }{
		{"http://github.example.com/api", "ada/tides", token},
		{"ftp://127.0.0.1", "ada/tides", token},
		{"https://user:pass@api.github.com", "ada/tides", token},
		{"::", "ada/tides", token},
		{"", "ada", token},
		{"", "ada/..", token},
		{"", "ada/tides/../../user", token},
		{"", "ada/tides?x", token},
		{"", "ada/tides", "two\nlines"},
		{"", "ada/tides", ""},
	} {
		_, err := github.New(tt.api, tt.repository, tt.token)
		if err == nil {
			t.Errorf("New(%q, %q) was accepted", tt.api, tt.repository)
		} else if strings.Contains(err.Error(), token) {
			t.Errorf("the token is shown: %v", err)
		}
	}
}

func TestCompareInvalidIDs(t *testing.T) {
	c, err := github.New("http://127.0.0.1:1", "ada/tides", token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compare(t.Context(), "main", "../../user"); err == nil ||
		!strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("got %v", err)
	}
}

// After a temporary error, the client repeats the request after the time in Retry-After. After
// a permanent error it does not.
func TestRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		retryAfter string
		failures   int
		requests   int
		longest    time.Duration
	}{
		"one 502":         {status: 502, failures: 1, requests: 2, longest: 500 * time.Millisecond},
		"rate limit":      {status: 429, retryAfter: "7", failures: 2, requests: 3, longest: 7 * time.Second},
		"long rate limit": {status: 403, retryAfter: "3600", failures: 1, requests: 2, longest: 15 * time.Second},
		"500 forever":     {status: 500, failures: 100, requests: github.Attempts, longest: 15 * time.Second},
		"bad token":       {status: 401, failures: 100, requests: 1},
		"forbidden":       {status: 403, failures: 100, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests++; requests <= tt.failures {
					if tt.retryAfter != "" {
						w.Header().Set("Retry-After", tt.retryAfter)
					}
					w.WriteHeader(tt.status)
					return
				}
				fmt.Fprint(w, `{"status":"ahead"}`)
			}))
			defer server.Close()
			c, err := github.New(server.URL, "ada/tides", token)
			if err != nil {
				t.Fatal(err)
			}
			var longest time.Duration
			c.SetWait(func(_ context.Context, d time.Duration) error { longest = max(longest, d); return nil })
			got, err := c.Compare(t.Context(), older, newer)
			if (got == github.Ahead) != (tt.failures < tt.requests) || (err == nil) != (got == github.Ahead) {
				t.Errorf("got %q, %v", got, err)
			}
			if requests != tt.requests || longest != tt.longest {
				t.Errorf("%d requests, longest wait %s; want %d and %s", requests, longest, tt.requests, tt.longest)
			}
		})
	}
}

// The client does not repeat a request after its context was cancelled.
func TestCancelledRetry(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(502)
	}))
	defer server.Close()
	c, err := github.New(server.URL, "ada/tides", token)
	if err != nil {
		t.Fatal(err)
	}
	c.SetWait(func(context.Context, time.Duration) error { return context.Canceled })
	if _, err := c.Compare(t.Context(), older, newer); !errors.Is(err, context.Canceled) || requests != 1 {
		t.Errorf("%d requests: %v", requests, err)
	}
}

func TestHas(t *testing.T) {
	for status, want := range map[int]struct{ has, fails bool }{
		200: {has: true}, 404: {}, 422: {}, 401: {fails: true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/repos/ada/tides/git/commits/"+older {
				t.Errorf("the request was for %s", r.URL.Path)
			}
			w.WriteHeader(status)
		}))
		c, err := github.New(server.URL, "ada/tides", token)
		if err != nil {
			t.Fatal(err)
		}
		has, err := c.Has(t.Context(), older)
		if has != want.has || (err != nil) != want.fails {
			t.Errorf("%d: got %t, %v", status, has, err)
		}
		server.Close()
	}
}
