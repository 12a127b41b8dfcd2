package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/hooksite"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
)

type hookCommand struct {
	Install   hookInstallCommand   `cmd:"" help:"Make git check, upload or deploy each push."`
	Uninstall hookUninstallCommand `cmd:"" help:"Remove the hook."`
	Status    hookStatusCommand    `cmd:"" help:"Print what happens on a push."`
	Run       hookRunCommand       `cmd:"" hidden:"" help:"Run a hook. git calls this."`
}

// hookFlags are the settings of a hook.
type hookFlags struct {
	PrePush string `help:"check, upload or deploy a push (default: check)." placeholder:"MODE" enum:",check,upload,deploy" default:""`
	Name    string `help:"The site's name." placeholder:"NAME"`
	Dir     string `help:"The folder to publish." placeholder:"DIR"`
	Branch  string `help:"The branch that is deployed." placeholder:"NAME"`
	Remote  string `help:"The remote that the site is deployed from." placeholder:"NAME|URL"`
	EnvFile string `help:"A file with CLOUDFLARE_API_TOKEN that only its user can read." placeholder:"FILE"`
}

// settings returns the flags as settings.
func (f hookFlags) settings() hooks.Settings {
	return hooks.Settings{Mode: hooks.Mode(f.PrePush), Name: f.Name, Dir: f.Dir, Branch: f.Branch, Remote: f.Remote,
		EnvFile: f.EnvFile}
}

type hookInstallCommand struct {
	hookFlags
	PostReceive bool `help:"Install the hook of a server; the default in a bare repository."`
}

// Run installs the hooks that the flags name.
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
	if c.PrePush != "" || !c.PostReceive && !r.Bare {
		kinds = append(kinds, hooks.PrePushHook)
	}
	if c.PostReceive || c.PrePush == "" && r.Bare {
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
		if status.Script == "" {
			printOther(s, status)
			fmt.Fprintf(s.out, "Nothing was changed. Options belong behind \"kv-sync hook run\" there.\n")
			continue
		}
		printHook(ctx, s, r, status)
	}
	return nil
}

// within returns a folder relative to the root of the repository, where git runs hooks.
func within(r *hooks.Repository, dir string) (string, error) {
	if r.Top == "" {
		return filepath.ToSlash(dir), nil // a folder of the commit
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	rel, err := filepath.Rel(r.Top, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", &app.UsageError{Err: fmt.Errorf("--dir %s is outside the repository", dir), Fix: "name a folder in it"}
	}
	return filepath.ToSlash(rel), nil
}

type hookUninstallCommand struct{}

// Run removes the hooks.
func (c *hookUninstallCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	changed := false
	for _, k := range []hooks.Kind{hooks.PrePushHook, hooks.PostReceiveHook} {
		status, err := hooks.Uninstall(ctx, r, k)
		if err != nil {
			return err
		}
		changed = changed || status.Removed || status.RunFrom != ""
		printRemoved(s, status)
	}
	if !changed {
		fmt.Fprintf(s.out, "Nothing was installed: kv-sync does nothing for pushes from or to this repository.\n")
	}
	return nil
}

// printRemoved prints what was removed, and what still runs kv-sync.
func printRemoved(s streams, status *hooks.Status) {
	what := "Switched the hook off"
	if len(status.RemovedScripts) > 0 {
		what = "Removed " + term.Visible(strings.Join(status.RemovedScripts, " and "))
	}
	direction := map[hooks.Kind]string{hooks.PrePushHook: "from", hooks.PostReceiveHook: "to"}[status.Kind]
	switch {
	case status.RunFrom != "" && status.Removed:
		fmt.Fprintf(s.out, "%s.\n", what)
	case status.Removed:
		fmt.Fprintf(s.out, "%s: kv-sync does nothing for pushes %s this repository any more.\n", what, direction)
	}
	if status.Restored {
		fmt.Fprintf(s.out, "The hook that was there before is back.\n")
	}
	if status.RunFrom != "" {
		fmt.Fprintf(s.out, "A push still runs kv-sync, because %s does: remove it there.\n", term.Visible(status.RunFrom))
	}
}

type hookStatusCommand struct{}

// Run prints which hooks are installed.
func (c *hookStatusCommand) Run(ctx context.Context, s streams) error {
	r, err := repository(ctx)
	if err != nil {
		return err
	}
	usual := hooks.PrePushHook
	if r.Bare {
		usual = hooks.PostReceiveHook
	}
	for _, k := range []hooks.Kind{hooks.PrePushHook, hooks.PostReceiveHook} {
		status, err := hooks.StatusOf(ctx, r, k)
		if err != nil {
			return err
		}
		switch {
		case status.Installed:
			printHook(ctx, s, r, status)
		case status.RunFrom != "":
			printOther(s, status)
		case k == usual || status.Settings.Mode != "":
			printMissing(s, status)
		}
	}
	return nil
}

// printOther prints what another tool does with kv-sync.
func printOther(s streams, status *hooks.Status) {
	fmt.Fprintf(s.out, "Run by %s: %s\n", cmp.Or(status.Manager, "your own hook"), term.Visible(status.RunFrom))
}

// printMissing prints why a push does not run kv-sync, and what install would do.
func printMissing(s streams, status *hooks.Status) {
	state := "Not installed."
	switch {
	case status.Script != "" && status.Settings.Mode != "":
		state = fmt.Sprintf("Not run: %s is not executable.", term.Visible(status.Script))
	case status.Other && status.Settings.Mode != "":
		state = fmt.Sprintf("Not installed any more: %s has replaced %s.",
			cmp.Or(status.Manager, "something else"), term.Visible(status.Path))
	case status.Settings.Mode != "":
		state = fmt.Sprintf("Not installed any more: %s is gone.", term.Visible(status.Path))
	}
	fmt.Fprintln(s.out, state)
	if status.Chained != "" && (status.Script == "" || status.Settings.Mode != "") {
		fmt.Fprintf(s.out, "The hook from before kv-sync does not run: %s\n", term.Visible(status.Chained))
	}
	if status.Unused != "" {
		fmt.Fprintf(s.out, "Nothing runs kv-sync's script: %s\n", term.Visible(status.Unused))
	}
	switch {
	case status.Refused != nil:
		fmt.Fprintf(s.out, "kv-sync hook install refuses: %s\n", term.Visible(status.Refused.Error()))
	case status.Other && status.Manager != "":
		fmt.Fprintf(s.out, "kv-sync hook install keeps the hook of %s: %s\n", status.Manager, term.Visible(status.Path))
	case status.Other:
		fmt.Fprintf(s.out, "kv-sync hook install keeps the hook that is there: %s\n", term.Visible(status.Path))
	default:
		fmt.Fprintf(s.out, "kv-sync hook install puts it at %s\n", term.Visible(status.Path))
	}
}

// printHook prints what a hook does, and for which pushes.
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
		does = "this kv-sync does not know the mode, and checks"
	}
	fmt.Fprintf(s.out, "Installed: %s\n", term.Visible(status.Script))
	if status.Script != status.Path {
		fmt.Fprintf(s.out, "Run by:    %s, before its own hooks: %s\n", status.Manager, term.Visible(status.Path))
	}
	fmt.Fprintf(s.out, "Mode:      %s (%s)\n", term.Visible(string(set.Mode)), does)
	printAccount(s, set)
	if branch, remote, err := pushesOf(ctx, s, r, status); err != nil {
		fmt.Fprintf(s.out, "Branch:    not known: %s\n", indented(err))
	} else {
		fmt.Fprintf(s.out, "Branch:    %s\n", term.Visible(branch))
		if status.Kind == hooks.PrePushHook {
			shown := cmp.Or(hooks.Shown(remote), "not known: name it with kv-sync hook install --remote")
			fmt.Fprintf(s.out, "Remote:    %s\n", term.Visible(shown))
		} else if others, err := r.Instead(ctx, branch); err == nil && len(others) > 0 {
			fmt.Fprintf(s.out, "           It does not exist here, so no push is deployed. To deploy %s, install again\n"+
				"           with --branch %s\n", term.Visible(others[0]), options.Quote(others[0]))
		}
	}
	switch {
	case status.Skipped:
		fmt.Fprintf(s.out, "The hook that was there does not run, because it is not executable: %s\n",
			term.Visible(status.Chained))
	case status.Chained != "":
		fmt.Fprintf(s.out, "The hook that was there runs first: %s\n", term.Visible(status.Chained))
	}
	if status.RunFrom != "" {
		fmt.Fprintf(s.out, "Each push runs kv-sync twice: %s runs it, too. Remove it there, or run kv-sync hook uninstall.\n",
			term.Visible(status.RunFrom))
	}
	if status.Shared {
		fmt.Fprintf(s.out, "It is outside of the repository, and does nothing in others unless it is installed there.\n")
	}
}

// printAccount prints the site and the file with the token, and warns if a hook that sends has no token.
func printAccount(s streams, set hooks.Settings) {
	if set.Name != "" {
		fmt.Fprintf(s.out, "Site:      %s\n", term.Visible(set.Name))
	}
	if set.EnvFile != "" {
		fmt.Fprintf(s.out, "Token:     from %s\n", term.Visible(set.EnvFile))
		return
	}
	token := cmp.Or(s.getenv("CLOUDFLARE_API_TOKEN"), s.getenv("CF_API_TOKEN"), s.getenv("CLOUDFLARE_API_KEY"))
	if token == "" && (set.Mode == hooks.Upload || set.Mode == hooks.Deploy) {
		fmt.Fprintf(s.out, "Token:     CLOUDFLARE_API_TOKEN is not set here. Set it where git runs, or install\n"+
			"           again with --env-file FILE\n")
	}
}

// indented returns the text of an error, whose lines are indented below the first one.
func indented(err error) string {
	return strings.ReplaceAll(term.Lines(term.Explained{Err: err}.Error()), "\n", "\n           ")
}

// pushesOf returns the branch and the remote whose pushes the hook handles.
func pushesOf(
	ctx context.Context, s streams, r *hooks.Repository, status *hooks.Status,
) (branch, remote string, err error) {
	h := &hooksite.Hook{Repository: r, Kind: status.Kind, Settings: status.Settings, Err: s.err, Getenv: s.getenv}
	defer h.Close()
	if status.Kind == hooks.PostReceiveHook {
		site, err := h.Received(ctx, r)
		if err != nil {
			return "", "", err
		}
		branch, err := r.Deployed(ctx, site.Branch)
		return branch, "", err
	}
	site, err := h.Pushed(ctx, r)
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
	if errors.Is(err, hooks.ErrNoRepository) {
		return nil, &app.UsageError{Err: err, Fix: "run this in a git repository"}
	}
	return r, err // git's message, for example about another owner, has its own fix
}
