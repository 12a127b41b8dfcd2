package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/term"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

type hookCommand struct {
	Install   hookInstallCommand   `cmd:"" help:"Check every push from this repository."`
	Uninstall hookUninstallCommand `cmd:"" help:"Take the check out again."`
	Status    hookStatusCommand    `cmd:"" help:"Say whether pushes are checked."`
	Run       hookRunCommand       `cmd:"" hidden:"" help:"What git calls."`
}

type hookInstallCommand struct {
	Name string `help:"The site's name." placeholder:"NAME"`
	Dir  string `help:"The folder to publish." placeholder:"DIR"`
}

// Run installs the hook.
func (c *hookInstallCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	var args []string
	if c.Name != "" {
		args = append(args, "--name", c.Name)
	}
	if c.Dir != "" {
		// Git runs hooks at the top of the work tree, wherever this was typed.
		abs, err := filepath.Abs(c.Dir)
		if err != nil {
			return fmt.Errorf("find %s: %w", c.Dir, err)
		}
		rel, err := filepath.Rel(r.Top, abs)
		if err != nil || !filepath.IsLocal(rel) {
			return &app.UsageError{Err: fmt.Errorf("--dir %s lies outside the repository", c.Dir), Fix: "name a folder in it"}
		}
		args = append(args, "--dir", filepath.ToSlash(rel))
	}
	status, err := hooks.Install(ctx, r, hooks.Options{Args: args})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Installed %s: a push that would publish a file that must not be published is stopped.\n", term.Visible(status.Path))
	printChained(s, status)
	return nil
}

func printChained(s streams, status *hooks.Status) {
	if status.Chained != "" {
		fmt.Fprintf(s.out, "The hook that was there runs first: %s\n", term.Visible(status.Chained))
	}
}

type hookUninstallCommand struct{}

// Run takes the hook out.
func (c *hookUninstallCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	status, err := hooks.Uninstall(ctx, r)
	if err != nil {
		return err
	}
	if !status.Removed {
		fmt.Fprintf(s.out, "Nothing was installed: pushes from this repository are not checked.\n")
		return nil
	}
	fmt.Fprintf(s.out, "Pushes from this repository are not checked any more.\n")
	if status.Other {
		fmt.Fprintf(s.out, "The hook that was there before is back: %s\n", term.Visible(status.Path))
	}
	return nil
}

type hookStatusCommand struct{}

// Run says whether the hook is installed.
func (c *hookStatusCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	status, err := hooks.StatusOf(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case status.Installed:
		fmt.Fprintf(s.out, "Installed: %s\n", term.Visible(status.Path))
		printChained(s, status)
	case status.Other:
		fmt.Fprintf(s.out, "Not installed. There is another hook, which kv-sync hook install would keep: %s\n", term.Visible(status.Path))
	default:
		fmt.Fprintf(s.out, "Not installed. kv-sync hook install checks every push.\n")
	}
	return nil
}

func repository(ctx context.Context) (*hooks.Repository, error) {
	r, err := hooks.Find(ctx, "")
	if err != nil && ctx.Err() == nil {
		return nil, &app.UsageError{Err: err, Fix: "run this in a git repository"}
	}
	return r, err
}

type hookRunCommand struct {
	Name   string `hidden:""`
	Dir    string `hidden:""`
	Hook   string `arg:"" enum:"pre-push"`
	Remote string `arg:""`
	URL    string `arg:"" optional:""`
}

// Run judges a push: git's lines come on standard input.
func (c *hookRunCommand) Run(ctx context.Context, s streams) error {
	limitMemory(s.getenv)
	r, err := hooks.Find(ctx, "")
	if err != nil {
		return err
	}
	var closers []*app.Site
	defer func() {
		for _, site := range closers {
			_ = site.Close() // only read from
		}
	}()
	open := func(ctx context.Context, commit string) (*app.Site, error) {
		site, err := app.Open(ctx, app.Inputs{
			Root: r.Top, Name: c.Name, Directory: c.Dir, Commit: commit, Getenv: s.getenv,
			Log: term.New(s.err, s.err, s.getenv).Log(false),
		})
		if err == nil {
			closers = append(closers, site)
		}
		return site, err
	}
	err = hooks.PrePush(ctx, r, hooks.Push{Remote: c.Remote, URL: c.URL, Lines: s.in, Notices: s.err},
		func(ctx context.Context, r *hooks.Repository) (*hooks.Site, error) { return pushed(ctx, r, open) })
	var refused *kvsync.RefusedError
	if errors.As(err, &refused) {
		// The hook's own words name the branch, and the way around.
		fmt.Fprintln(s.err, term.Lines(err.Error()))
		return exit(app.KindRefused.Code())
	}
	return err
}

// pushed is the site that a push is checked for.
func pushed(ctx context.Context, r *hooks.Repository, open func(context.Context, string) (*app.Site, error)) (*hooks.Site, error) {
	site, err := open(ctx, "")
	if err != nil {
		return nil, err
	}
	set := site.Settings()
	prefix, err := filepath.Rel(r.Top, set.Root)
	if err != nil {
		return nil, fmt.Errorf("find the project in its repository: %w", err)
	}
	out := &hooks.Site{Branch: set.Branch, Directory: filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(set.Directory)))}
	if out.Directory == "." {
		out.Directory = ""
	}
	for _, f := range append(set.Files[:len(set.Files):len(set.Files)], "kv-sync.toml") {
		out.Settings = append(out.Settings, filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(f))))
	}
	out.Check = func(ctx context.Context, commit string) error {
		site, err := open(ctx, commit)
		if err != nil {
			return err
		}
		src, err := site.Source(ctx)
		if err != nil {
			return err
		}
		_, err = src.Files(ctx, nil)
		return err
	}
	if set.Token != "" && set.Account != "" {
		out.Plan = func(ctx context.Context, commit string) (*kvsync.Plan, error) {
			site, err := open(ctx, commit)
			if err != nil {
				return nil, err
			}
			return site.Plan(ctx, kvsync.Options{})
		}
	}
	return out, nil
}
