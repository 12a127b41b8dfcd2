package github

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Only redirects within the API are followed: not to another host or port, and not from
// https to http.
func TestRedirectsStayAtTheAPI(t *testing.T) {
	t.Parallel()
	request := func(address string) *http.Request { return httptest.NewRequest(http.MethodGet, address, nil) }
	const api = "https://api.example/repos/a/b"
	for address, want := range map[string]bool{
		"https://api.example/repositories/7": true, "http://api.example/repositories/7": false,
		"https://api.example:8443/x": false, "https://evil.example/x": false, "https://api.example.evil.example/x": false,
	} {
		if err := sameHost(request(address), []*http.Request{request(api)}); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Each redirect is compared with the first request.
	if sameHost(request("http://api.example/x"), []*http.Request{request(api), request("http://api.example/y")}) == nil {
		t.Error("a redirect within http was followed, though the API is https")
	}
}
