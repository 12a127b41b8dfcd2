package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/hooksite"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

type hookRunCommand struct {
	hookFlags
	Hook   string `arg:"" enum:"pre-push,post-receive"`
	Remote string `arg:"" optional:"" name:"to"`
	URL    string `arg:"" optional:""`
}

// Run runs a hook. git writes the pushed refs to standard input.
func (c *hookRunCommand) Run(ctx context.Context, s streams) error {
	if term.IsTerminal(s.in) {
		return &app.UsageError{
			Err: fmt.Errorf("the hook %s reads git's lines from standard input, and this is a terminal", c.Hook),
			Fix: "to see what a push would change: kv-sync plan",
		}
	}
	limitMemory(s.getenv)
	// A closed standard error, as in "git push 2>&1 | head", must not stop the push. On a server
	// it must not stop the deploy, because the commit is already pushed.
	signal.Ignore(syscall.SIGPIPE)
	if c.Hook == string(hooks.PostReceiveHook) {
		// If the client pushes to a path on this machine, its terminal sends these signals to the
		// hook, too. The commit is already pushed, so the deploy continues.
		signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	}
	h := &hooksite.Hook{Kind: hooks.Kind(c.Hook), Err: s.err, Getenv: s.getenv, Planned: allowFor}
	defer h.Close()
	var err error
	if h.Repository, err = hooks.Find(ctx, ""); err == nil {
		err = h.Configure(ctx, c.settings())
	}
	if err != nil {
		if h.Kind == hooks.PrePushHook && ctx.Err() == nil {
			fmt.Fprintln(s.err, "kv-sync: this push was not checked: "+term.Lines(err.Error()))
			return nil // the push continues
		}
		return err
	}
	if h.Kind == hooks.PostReceiveHook {
		got := hooks.Received{Lines: s.in, Notices: escaper{s.err}, Getenv: s.getenv}
		return hooks.PostReceive(ctx, h.Repository, got, h.Received)
	}
	err = hooks.PrePush(ctx, h.Repository, hooks.Push{
		Mode: h.Settings.Mode, Remote: c.Remote, URL: c.URL, Lines: s.in, Notices: escaper{s.err}, Getenv: s.getenv,
	}, h.Pushed)
	var refused *manifest.RefusedError
	if errors.As(err, &refused) {
		// Print the hook's own message: it names the branch and how to push anyway.
		fmt.Fprintln(s.err, term.Lines(err.Error()))
		return exit(hooks.Blocked)
	}
	return err
}

// escaper is a writer that escapes control characters.
type escaper struct{ io.Writer }

// Write implements [io.Writer]. p must be complete lines.
func (e escaper) Write(p []byte) (int, error) {
	if _, err := io.WriteString(e.Writer, term.Lines(string(p))+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}
