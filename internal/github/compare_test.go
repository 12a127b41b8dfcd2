package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/github"
)

const token = "ghs_a-token-that-must-not-be-shown"

var (
	older = strings.Repeat("a", 40)
	newer = strings.Repeat("b", 40)
)

func TestCompare(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   github.Status
		lost   bool // ErrNotFound
	}{
		"ahead":                               {200, `{"status":"ahead","ahead_by":1,"files":[]}`, github.Ahead, false},
		"behind":                              {200, `{"status":"behind"}`, github.Behind, false},
		"identical":                           {200, `{"status":"identical"}`, github.Identical, false},
		"diverged":                            {200, `{"status":"diverged"}`, github.Diverged, false},
		"unknown status":                      {200, `{"status":"sideways"}`, "", false},
		"no status":                           {200, `{}`, "", false},
		"no JSON":                             {200, `<html>`, "", false},
		"not found":                           {404, `{"message":"Not Found"}`, "", true},
		"bad token":                           {401, `{"message":"Bad credentials"}`, "", false},
		"failing":                             {502, ``, "", false},
		"a failure that looks like an answer": {500, `{"status":"ahead"}`, "", false},
		"refused, with what looks like one":   {403, `{"status":"ahead"}`, "", false},
		"leads away":                          {302, ``, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if want := "/api/v3/repos/ada/tides/compare/" + older + "..." + newer; r.URL.Path != want {
					t.Errorf("asked %s, want %s", r.URL.Path, want)
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
			got, err := c.Compare(t.Context(), older, newer)
			if got != tt.want || (err == nil) != (tt.want != "") || errors.Is(err, github.ErrNotFound) != tt.lost {
				t.Errorf("got %q, %v", got, err)
			}
			if text := fmt.Sprintf("%v %+v %#v %v", err, c, c, *c); strings.Contains(text, token) {
				t.Errorf("the token is shown: %s", text)
			}
		})
	}
	if elsewhere > 0 {
		t.Error("the token was carried to another host")
	}
}

func TestNewRefuses(t *testing.T) {
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

func TestCompareRefusesWhatIsNoCommit(t *testing.T) {
	c, err := github.New("http://127.0.0.1:1", "ada/tides", token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compare(t.Context(), "main", "../../user"); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("got %v", err)
	}
}
