package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/term"
)

type hookCommand struct {
	Install   hookInstallCommand   `cmd:"" help:"Have git check every push from this repository, or upload or deploy it; in a bare repository deploy what it receives."`
	Uninstall hookUninstallCommand `cmd:"" help:"Take the hook out again."`
	Status    hookStatusCommand    `cmd:"" help:"Say what git does with a push."`
	Run       hookRunCommand       `cmd:"" hidden:"" help:"What git calls."`
}

// hookFlags are what a hook can be told.
type hookFlags struct {
	PrePush string `help:"What to do with a push of the deployed branch: check it, upload its files ahead of a deploy elsewhere, or deploy it (default: check)." placeholder:"check|upload|deploy" enum:",check,upload,deploy" default:""`
	Name    string `help:"The site's name." placeholder:"NAME"`
	Dir     string `help:"The folder to publish." placeholder:"DIR"`
	Branch  string `help:"The branch that is deployed." placeholder:"NAME"`
	Remote  string `help:"The remote that it is deployed from." placeholder:"NAME|URL"`
	EnvFile string `help:"A file with CLOUDFLARE_API_TOKEN and others for the hook, which only its user can read." placeholder:"FILE"`
}

type hookInstallCommand struct {
	hookFlags
	PostReceive bool `help:"Install the hook of a server that is pushed to; so it is in a bare repository."`
}

// Run installs the hooks that are asked for.
func (c *hookInstallCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	set := hooks.Settings{Name: c.Name, Branch: c.Branch, Remote: c.Remote}
	if c.Dir != "" {
		if set.Dir, err = within(r, c.Dir); err != nil {
			return err
		}
	}
	if c.EnvFile != "" {
		if set.EnvFile, err = r.EnvFile(c.EnvFile); err != nil {
			return &app.UsageError{Err: err}
		}
	}
	var kinds []hooks.Kind
	if c.PrePush != "" || !c.PostReceive && r.Top != "" {
		kinds = append(kinds, hooks.PrePushHook)
	}
	if c.PostReceive || c.PrePush == "" && r.Top == "" {
		kinds = append(kinds, hooks.PostReceiveHook)
	}
	for _, k := range kinds {
		if set.Mode = ""; k == hooks.PrePushHook {
			set.Mode = hooks.Mode(c.PrePush)
		}
		status, err := hooks.Install(ctx, r, k, hooks.Options{Settings: set})
		if err != nil {
			return err
		}
		printHook(ctx, s, r, status)
	}
	return nil
}

// within is a folder relative to the top of the repository: there git runs
// hooks, wherever this was typed.
func within(r *hooks.Repository, dir string) (string, error) {
	if r.Top == "" {
		return filepath.ToSlash(dir), nil // of a commit
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	rel, err := filepath.Rel(r.Top, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", &app.UsageError{Err: fmt.Errorf("--dir %s lies outside the repository", dir), Fix: "name a folder in it"}
	}
	return filepath.ToSlash(rel), nil
}

type hookUninstallCommand struct{}

// Run takes the hooks out.
func (c *hookUninstallCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	removed := false
	for _, k := range []hooks.Kind{hooks.PrePushHook, hooks.PostReceiveHook} {
		status, err := hooks.Uninstall(ctx, r, k)
		if err != nil {
			return err
		}
		if !status.Removed {
			continue
		}
		removed = true
		fmt.Fprintf(s.out, "Removed %s: kv-sync does nothing for pushes %s this repository any more.\n",
			term.Visible(status.Path), map[hooks.Kind]string{hooks.PrePushHook: "from", hooks.PostReceiveHook: "to"}[k])
		if status.Other {
			fmt.Fprintf(s.out, "The hook that was there before is back.\n")
		}
	}
	if !removed {
		fmt.Fprintf(s.out, "Nothing was installed: kv-sync does nothing for pushes from or to this repository.\n")
	}
	return nil
}

type hookStatusCommand struct{}

// Run says what is installed.
func (c *hookStatusCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	usual := hooks.PrePushHook
	if r.Top == "" {
		usual = hooks.PostReceiveHook
	}
	for _, k := range []hooks.Kind{hooks.PrePushHook, hooks.PostReceiveHook} {
		status, err := hooks.StatusOf(ctx, r, k)
		switch {
		case err != nil:
			return err
		case status.Installed:
			printHook(ctx, s, r, status)
		case k != usual:
		case status.Other && status.Chained != "":
			fmt.Fprintf(s.out, "Not installed any more: something else has replaced %s; the hook from before is %s\n", term.Visible(status.Path), term.Visible(status.Chained))
			fmt.Fprintf(s.out, "Delete the one that is not needed, then run kv-sync hook install again.\n")
		case status.Other:
			fmt.Fprintf(s.out, "Not installed. There is another hook, which kv-sync hook install would keep: %s\n", term.Visible(status.Path))
		default:
			fmt.Fprintf(s.out, "Not installed. kv-sync hook install puts it at %s\n", term.Visible(status.Path))
		}
	}
	return nil
}

// printHook says what a hook does, and for which pushes.
func printHook(ctx context.Context, s streams, r *hooks.Repository, status *hooks.Status) {
	set := status.Settings
	does := map[hooks.Mode]string{
		hooks.Check:  "a push is checked, and nothing is sent",
		hooks.Upload: "the files of a push are uploaded ahead of its deploy",
		hooks.Deploy: "a push is deployed before it leaves",
	}[set.Mode]
	if status.Kind == hooks.PostReceiveHook {
		does = "what is received is deployed"
	}
	if does == "" {
		does = "this kv-sync does not know it, and checks"
	}
	fmt.Fprintf(s.out, "Installed: %s\n", term.Visible(status.Path))
	fmt.Fprintf(s.out, "Mode:      %s (%s)\n", term.Visible(string(set.Mode)), does)
	if branch, remote, err := meant(ctx, s, r, status); err != nil {
		fmt.Fprintf(s.out, "Branch:    not known: %s\n", indented(err))
	} else {
		fmt.Fprintf(s.out, "Branch:    %s\n", term.Visible(branch))
		if status.Kind == hooks.PrePushHook {
			fmt.Fprintf(s.out, "Remote:    %s\n", term.Visible(cmp.Or(hooks.Shown(remote), "not known: name it with kv-sync hook install --remote")))
		}
	}
	if status.Chained != "" {
		fmt.Fprintf(s.out, "The hook that was there runs first: %s\n", term.Visible(status.Chained))
	}
	if status.Shared {
		fmt.Fprintf(s.out, "It lies outside of the repository; in others it does nothing unless it is installed there.\n")
	}
}

// indented is an error in all its lines, below a word that stands before it.
func indented(err error) string {
	return strings.ReplaceAll(term.Lines(told{err}.Error()), "\n", "\n           ")
}

// meant are the branch and the remote whose pushes the hook looks at.
func meant(ctx context.Context, s streams, r *hooks.Repository, status *hooks.Status) (branch, remote string, err error) {
	h := &hookRun{s: s, r: r, kind: status.Kind, set: status.Settings}
	defer h.close()
	if status.Kind == hooks.PostReceiveHook {
		site, err := h.received(ctx, r)
		if err != nil {
			return "", "", err
		}
		branch, err := r.Deployed(ctx, site.Branch)
		return branch, "", err
	}
	site, err := h.pushed(ctx, r)
	if err != nil {
		return "", "", err
	}
	target, err := r.Target(ctx, site.Branch, site.Remote)
	if err != nil {
		return "", "", err
	}
	return strings.Join(slices.Compact(target.Branches), " or "), target.Remote, nil
}

func repository(ctx context.Context) (*hooks.Repository, error) {
	r, err := hooks.Find(ctx, "")
	if err != nil && ctx.Err() == nil {
		return nil, &app.UsageError{Err: err, Fix: "run this in a git repository"}
	}
	return r, err
}

// told is an error in the words and with the way out that people get elsewhere.
type told struct{ error }

func (t told) Error() string {
	f := app.Explain(t.error)
	text := f.Message
	for _, p := range f.Problems {
		text += "\n  " + p.String()
	}
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return text
}

func (t told) Unwrap() error { return t.error }
