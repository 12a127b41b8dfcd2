package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	"github.com/kv-sync/kv-sync/internal/daemon/metrics"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
	"github.com/kv-sync/kv-sync/internal/term"
)

type daemonCommand struct {
	Config  string `help:"The configuration (default: kv-sync-daemon.toml, /etc/kv-sync/daemon.toml)." placeholder:"FILE"`
	Check   bool   `help:"Only check the configuration, and list the sites."`
	Verbose bool   `short:"v" help:"Log also what was chosen, and why."`
}

// Run deploys sites when their branches change, until Ctrl-C or SIGTERM.
func (c *daemonCommand) Run(ctx context.Context, s streams) error {
	if err := build.Conceal(); err != nil { // builds must not read the secrets in its environment
		return err
	}
	cfg, err := daemon.LoadConfig(c.file(), s.getenv, webhook.ForgeNames())
	if err != nil {
		return &app.UsageError{Err: err}
	}
	if c.Check {
		printSites(s, cfg)
		return nil
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
	environ := os.Environ()
	hideCredentials(environ, cfg.SecretValues(s.getenv))
	counts := metrics.New(versionText(), cfg.Names()...)
	d, err := daemon.Open(cfg, daemon.Options{Environ: environ, Log: log, Observer: counts})
	if err != nil {
		return &app.UsageError{Err: err}
	}
	defer d.Close()
	mounts, err := mountsOf(cfg, d, counts, log)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	servers, err := listen(ctx, mounts, log)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	servers.serve(stop)
	notify(s.getenv, "READY=1")
	log.Info("ready", "sites", len(cfg.Sites), "state", cfg.State)
	notified := make(chan struct{})
	context.AfterFunc(ctx, func() { // running deploys may take a while to end
		notify(s.getenv, "STOPPING=1")
		close(notified)
	})
	d.Run(ctx) // until the context ends
	<-notified
	err = servers.close(context.WithoutCancel(ctx))
	log.Info("stopped")
	return err
}

// file returns the path of the configuration file: the one of --config, else the first default path that exists.
func (c *daemonCommand) file() string {
	if c.Config != "" {
		return c.Config
	}
	for _, name := range daemon.ConfigFiles {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
	return daemon.ConfigFiles[0]
}

// printSites lists the sites with their branches and builds.
func printSites(s streams, cfg *daemon.Config) {
	for i := range cfg.Sites {
		site := &cfg.Sites[i]
		what := ""
		if site.Project != "" {
			what = " (project " + site.Project + ")"
		}
		fmt.Fprintf(s.out, "%s%s: branch %s of %s\n",
			site.Name, what, cmp.Or(site.Branch, "HEAD"), term.Visible(site.Remote.String()))
		switch b := site.Build; {
		case b.Own:
			fmt.Fprintln(s.out, "  builds with the command that the repository configures")
		case b.Line != "":
			fmt.Fprintf(s.out, "  builds: %s\n", term.Visible(b.Line))
		}
	}
}

// hideCredentials removes Cloudflare's credentials, and every variable that holds a
// secret of the daemon, from this process's environment, so that no child inherits them.
func hideCredentials(environ, secrets []string) {
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "CLOUDFLARE_") || strings.HasPrefix(name, "CF_") ||
			slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(value, s) }) {
			_ = os.Unsetenv(name)
		}
	}
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
	log  *slog.Logger
	list []*http.Server
	open []net.Listener
	done sync.WaitGroup
	mu   sync.Mutex
	err  error
}

// listen opens all addresses or none.
func listen(ctx context.Context, mounts []mount, log *slog.Logger) (*servers, error) {
	s := &servers{log: log}
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
	s.done.Wait()
	return s.err
}

// notify reports the state of this process to systemd, if systemd started it.
func notify(getenv func(string) string, state string) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return // systemd then reports that the start takes too long
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}
