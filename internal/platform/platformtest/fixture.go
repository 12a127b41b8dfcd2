// Package platformtest gives tests a local platform of their own.
package platformtest

import (
	"context"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// API has the settings of a client of a platform.
type API struct {
	// BaseURL is the API's base, with /client/v4.
	BaseURL string
	// Token is a token with every permission.
	Token string
	// AccountID is an empty account.
	AccountID string
}

// Fixture is a platform that listens on loopback for the duration of a test.
type Fixture struct {
	API
	// Server is the platform, to inspect it or to make its requests fail.
	Server *platform.Server
}

// AccountID is the account of every fixture.
const AccountID = "0123456789abcdef0123456789abcdef"

// Option changes the options of the platform.
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
	return &Fixture{Server: server, API: API{
		BaseURL:   server.URL(),
		Token:     "test-token-with-every-permission",
		AccountID: AccountID,
	}}
}

// SiteURL returns the address of a script, without a slash at the end.
func (f *Fixture) SiteURL(script string) string { return f.Server.SiteURL(script) }
