package github

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The client follows redirects within the API only. It follows none to another host or port,
// and none from https to http.
func TestRedirects(t *testing.T) {
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
	// sameHost compares with the first request, not with the last.
	if sameHost(request("http://api.example/x"), []*http.Request{request(api), request("http://api.example/y")}) == nil {
		t.Error("a redirect from http to http was followed, though the first request was https")
	}
}
