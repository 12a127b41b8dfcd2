package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	"github.com/kv-sync/kv-sync/internal/daemon/metrics"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// service is a daemon with its handlers and, after listen, its open addresses.
type service struct {
	cfg     *daemon.Config
	daemon  *daemon.Daemon
	mounts  []mount
	log     *slog.Logger
	servers *servers
}

// newService makes the daemon and its handlers. It opens nothing.
func newService(cfg *daemon.Config, environ []string, log *slog.Logger) (*service, error) {
	counts := metrics.New(versionText(), cfg.Names()...)
	d := daemon.New(cfg, daemon.Options{Environ: environ, Log: log, Observer: counts})
	mounts, err := mountsOf(cfg, d, counts, log)
	if err != nil {
		return nil, err
	}
	return &service{cfg: cfg, daemon: d, mounts: mounts, log: log}, nil
}

// check returns the error with which open would fail, or nil. It changes nothing, and may be called
// while a daemon uses the same state folder. Then it does not check whether addresses are free,
// because that daemon uses them.
func (s *service) check(ctx context.Context) error {
	if err := s.daemon.Check(); err != nil || s.daemon.Running() {
		return err
	}
	servers, err := listen(ctx, s.mounts, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return servers.close(ctx)
}

// open locks the state folder and opens the addresses, or does neither.
func (s *service) open(ctx context.Context) (err error) {
	if err = s.daemon.Open(); err != nil {
		return err
	}
	if s.servers, err = listen(ctx, s.mounts, s.log); err != nil {
		return errors.Join(err, s.daemon.Close())
	}
	return nil
}

// close undoes open.
func (s *service) close(ctx context.Context) error {
	return errors.Join(s.servers.close(context.WithoutCancel(ctx)), s.daemon.Close())
}

// mountsOf returns the handlers for which the configuration has an address.
func mountsOf(cfg *daemon.Config, d *daemon.Daemon, counts *metrics.Metrics, log *slog.Logger) ([]mount, error) {
	var out []mount
	if at := cfg.Listen.Webhooks; at != "" {
		h, err := webhook.New(webhook.Options{
			Hooks: hooksOf(cfg), Deliveries: d.Deliveries(), Observe: counts.Delivered, Log: log,
			Accept: func(_ context.Context, p webhook.Push) (known bool, err error) {
				return d.Pushed(p.Of, p.Branch()), nil
			},
		})
		if err != nil {
			return nil, err
		}
		out = append(out, mount{"webhooks", at, h, time.Minute})
	}
	if at := cfg.Listen.Admin; at != "" {
		h, err := admin.New(admin.Options{
			Sites: d, User: cfg.Admin.User, Password: cfg.Admin.Password, Hosts: cfg.Admin.Hosts, Log: log,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, mount{"the admin page", at, h, time.Hour}) // a rollback waits for a build
	}
	if at := cfg.Listen.Metrics; at != "" {
		out = append(out, mount{"metrics", at, counts.Handler(d, d.Healthy, cfg.LongestBuild()), time.Minute})
	}
	return out, nil
}

// hooksOf returns the webhooks. Each forge with a secret has one that accepts pushes for
// every site. Each site with its own secret has one per forge that accepts only pushes to
// its repository.
func hooksOf(cfg *daemon.Config) []webhook.Hook {
	var out []webhook.Hook
	for _, name := range webhook.ForgeNames() {
		forge := webhook.Forge(name)
		if w, ok := cfg.Webhook[name]; ok {
			out = append(out, webhook.Hook{Path: "/" + name, Forge: forge, Secrets: daemon.Reveal(w.Secrets)})
		}
		for i := range cfg.Sites {
			if s := &cfg.Sites[i]; len(s.Secrets) > 0 {
				out = append(out, webhook.Hook{
					Path: "/" + name + "/" + s.Name, Forge: forge, Secrets: daemon.Reveal(s.Secrets),
					Remotes: []string{s.Remote.String()},
				})
			}
		}
	}
	return out
}

// mount is a handler with its own address.
type mount struct {
	name, address string
	handler       http.Handler
	// timeout limits a request and its response.
	timeout time.Duration
}

// servers are the daemon's listeners. Each serves its own handler only.
type servers struct {
	list []*http.Server
	open []net.Listener
	done sync.WaitGroup
	mu   sync.Mutex
	err  error
}

// listen opens all addresses or none.
func listen(ctx context.Context, mounts []mount, log *slog.Logger) (*servers, error) {
	s := &servers{}
	for _, m := range mounts {
		if m.address == "" {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", m.address)
		if err != nil {
			for _, l := range s.open {
				_ = l.Close()
			}
			return nil, fmt.Errorf("listen for %s: %w; set another address under [listen]", m.name, err)
		}
		log.Info("listening", "for", m.name, "address", l.Addr().String())
		s.open = append(s.open, l)
		s.list = append(s.list, &http.Server{
			Handler: m.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: m.timeout, WriteTimeout: m.timeout,
			IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		})
	}
	return s, nil
}

// serve starts the servers, which run until close. It calls failed if a listener fails.
func (s *servers) serve(failed func()) {
	for i, server := range s.list {
		s.done.Go(func() {
			if err := server.Serve(s.open[i]); !errors.Is(err, http.ErrServerClosed) {
				s.mu.Lock()
				s.err = errors.Join(s.err, err)
				s.mu.Unlock()
				failed()
			}
		})
	}
}

// close stops the servers. Running requests have five seconds to end.
func (s *servers) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, server := range s.list {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	for _, l := range s.open { // also closes listeners of servers that were never started
		_ = l.Close()
	}
	s.done.Wait()
	return s.err
}
