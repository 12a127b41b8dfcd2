package platform_test

import (
	"strings"
	"testing"
)

// A client shows which request the platform does not know.
func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	c := start(t)
	a := c.do("POST", "/vectorize/v2/indexes", "{}")
	want := "the local platform does not model POST /accounts/" + c.AccountID + "/vectorize/v2/indexes"
	if a.Status != 400 || a.code() != 7000 || !strings.Contains(a.Raw, want) {
		t.Errorf("got %d %s, want %s", a.Status, a.Raw, want)
	}
	for _, path := range []string{"/workers/subdomain/edge-preview", "/workers/scripts/site/subdomain/edge-preview"} {
		if a := c.do("GET", path, ""); a.Status != 400 || !strings.Contains(a.Raw, "run wrangler dev without --remote") {
			t.Errorf("%s: %d %s", path, a.Status, a.Raw)
		}
	}
}
