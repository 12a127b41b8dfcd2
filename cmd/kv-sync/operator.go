package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// operator runs the daemon with one configuration after another.
type operator struct {
	command *daemonCommand
	// environ is this process's environment at its start. Later it has no secrets.
	environ []string
	getenv  func(string) string
	log     *slog.Logger
}

func newOperator(c *daemonCommand, s streams) *operator {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	known := map[string]string{}
	environ := os.Environ()
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		known[name] = value
	}
	return &operator{
		command: c, environ: environ, getenv: func(name string) string { return known[name] },
		log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level})),
	}
}

// load reads the configuration file, and the files of secrets that it names.
func (o *operator) load() (*daemon.Config, error) {
	return daemon.LoadConfig(o.command.file(), o.getenv, webhook.ForgeNames())
}

// check returns the error with which start would refuse a configuration, or nil.
func (o *operator) check(ctx context.Context, cfg *daemon.Config) error {
	s, err := newService(cfg, o.environ, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return s.check(ctx)
}

// start opens everything that the daemon needs.
func (o *operator) start(ctx context.Context, cfg *daemon.Config) (*service, error) {
	hideCredentials(o.environ, cfg.SecretValues(o.getenv))
	for _, w := range cfg.Warnings {
		o.log.Warn("configuration", "problem", w.String())
	}
	s, err := newService(cfg, o.environ, o.log)
	if err != nil {
		return nil, err
	}
	return s, s.open(ctx)
}

// serve runs the daemon until ctx ends, a listener fails, or another configuration replaces it. It
// returns the service to run next, or nil.
func (o *operator) serve(ctx context.Context, s *service, hangups <-chan os.Signal) (*service, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	s.servers.serve(stop)
	notify(o.getenv, "READY=1")
	o.log.Info("ready", "sites", len(s.cfg.Sites), "state", s.cfg.State)
	var next *daemon.Config
	var watch sync.WaitGroup
	watch.Go(func() {
		defer stop()
		next = o.awaitReload(running, hangups)
	})
	s.daemon.Run(running)
	watch.Wait()
	err := s.close(ctx)
	if next == nil || ctx.Err() != nil {
		return nil, err
	}
	after, err := o.start(ctx, next)
	if err != nil {
		o.log.Error("the new configuration cannot be used; the former one stays", "error", err)
		after, err = o.start(ctx, s.cfg)
	}
	if err != nil {
		return nil, err
	}
	return after, nil
}

// awaitReload waits for a SIGHUP after which the configuration can be used, and returns that
// configuration. It returns nil when ctx ends.
func (o *operator) awaitReload(ctx context.Context, hangups <-chan os.Signal) *daemon.Config {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
		}
		o.log.Info("reading the configuration again")
		cfg, err := o.load()
		if err == nil {
			var s *service
			if s, err = newService(cfg, o.environ, slog.New(slog.DiscardHandler)); err == nil {
				err = s.daemon.Check()
			}
		}
		if err == nil {
			return cfg
		}
		o.log.Error("the configuration cannot be used; the running one stays", "error", err)
	}
}

// hangups returns a channel that has a value after a SIGHUP, unless the process was
// started with SIGHUP ignored (nohup). A SIGPIPE has no effect: a log that nobody reads
// any more does not end the daemon. Child processes have the default action for both.
func hangups() (<-chan os.Signal, func()) {
	hup, pipe := make(chan os.Signal, 1), make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hup, syscall.SIGHUP)
	}
	signal.Notify(pipe, syscall.SIGPIPE)
	return hup, func() {
		signal.Stop(hup)
		signal.Stop(pipe)
	}
}
