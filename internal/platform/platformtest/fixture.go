// Package platformtest gives tests a local platform of their own.
package platformtest

import (
	"context"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// Fixture is a platform that listens on loopback for the length of a test.
type Fixture struct {
	// BaseURL is the API's base, with /client/v4.
	BaseURL string
	// Token is a token with every permission.
	Token string
	// AccountID is an account with nothing in it.
	AccountID string
	// Server is the platform, to look into it or to break it.
	Server *platform.Server
}

// Option changes what the platform is opened with.
type Option func(*platform.Options)

// Start opens a platform in a temporary folder and closes it when the test ends.
func Start(t testing.TB, options ...Option) *Fixture {
	t.Helper()
	with := platform.Options{Log: t.Output()}
	for _, option := range options {
		option(&with)
	}
	server, err := platform.Open(with)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Errorf("close the platform: %v", err)
		}
	})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	return &Fixture{
		BaseURL:   server.URL(),
		Token:     "test-token-with-every-permission",
		AccountID: "0123456789abcdef0123456789abcdef",
		Server:    server,
	}
}

// SiteURL returns where a script is served, without a slash at the end.
func (f *Fixture) SiteURL(script string) string { return f.Server.SiteURL(script) }
