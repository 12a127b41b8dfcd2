package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/term"
)

type daemonCommand struct {
	Config  string `help:"The configuration (default: kv-sync-daemon.toml, /etc/kv-sync/daemon.toml)." placeholder:"FILE"`
	Check   bool   `help:"Only check the configuration, and list the sites."`
	Verbose bool   `short:"v" help:"Also log what was chosen, and why."`
}

// Run deploys sites when their branches change, until Ctrl-C or SIGTERM. SIGHUP reads the
// configuration again.
func (c *daemonCommand) Run(ctx context.Context, s streams) error {
	if err := build.Conceal(); err != nil { // builds must not read the secrets in its environment
		return err
	}
	hangups, ignore := hangups()
	defer ignore()
	o := newOperator(c, s)
	cfg, err := o.load()
	if err != nil {
		return &app.UsageError{Err: err}
	}
	if c.Check {
		if err := o.check(ctx, cfg); err != nil {
			return &app.UsageError{Err: err}
		}
		printSites(s, cfg)
		return nil
	}
	stopping := make(chan struct{})
	context.AfterFunc(ctx, func() { // running deploys may take a while to end
		notify(s.getenv, "STOPPING=1")
		close(stopping)
	})
	running, err := o.start(ctx, cfg)
	if err != nil {
		return &app.UsageError{Err: err}
	}
	for running != nil {
		running, err = o.serve(ctx, running, hangups)
	}
	if ctx.Err() != nil {
		<-stopping
	}
	o.log.Info("stopped")
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
	for _, w := range cfg.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", term.Visible(w.String()))
	}
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
