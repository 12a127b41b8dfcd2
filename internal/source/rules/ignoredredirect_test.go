package rules

import (
	"strings"
	"testing"
)

// A rule that Cloudflare ignores is left out, and the plan says so.
func TestIgnoredRedirectIsNoticed(t *testing.T) {
	t.Parallel()
	l := NewListing()
	l.Configure([]byte("/a /b\n/* /index.html 200\n"), nil, "")
	got, err := l.Finish()
	if err != nil || len(got.Redirects) != 1 || len(got.Notices) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := got.Notices[0]; n.Line != 2 || !strings.Contains(n.Reason, "Cloudflare ignores") {
		t.Errorf("%v", n)
	}
}
