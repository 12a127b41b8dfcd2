// Package hooksite opens the sites that git hooks check, upload and deploy, and prints what is done
// with them. Package hooks decides which pushes and which commits that are.
package hooksite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Hook is one call of a hook in a repository. Close it after use.
type Hook struct {
	Repository *hooks.Repository
	Kind       hooks.Kind
	Settings   hooks.Settings
	Err        io.Writer // for all output
	Getenv     func(string) string
	// Planned is called with the plan of a run that sends something. It may be nil.
	Planned func(*plan.Plan)

	opened []*app.Site
}

// Close closes the sites that the hook has opened.
func (h *Hook) Close() {
	for _, site := range h.opened {
		_ = site.Close() // errors of the run are already reported
	}
}

// Configure reads the settings of the hook. Those in given, which a hook manager passes as flags,
// override the installed ones.
func (h *Hook) Configure(ctx context.Context, given hooks.Settings) error {
	installed, err := h.Repository.Settings(ctx, h.Kind)
	if err != nil {
		return err
	}
	h.Settings = given
	h.Settings.Default(installed)
	if h.Settings.EnvFile == "" {
		return nil
	}
	vars, err := hooks.ReadEnv(h.Settings.EnvFile)
	if err != nil {
		if h.Kind == hooks.PrePushHook {
			fmt.Fprintln(h.Err, "kv-sync: "+term.Lines(err.Error()))
			return nil // the push is checked without credentials
		}
		return &app.UsageError{Err: err}
	}
	outer := h.Getenv
	h.Getenv = func(name string) string { return cmp.Or(vars[name], outer(name)) }
	return nil
}

// getenv reads the environment. For GIT_DIR and GIT_WORK_TREE it returns those of the hook's
// repository.
func (h *Hook) getenv(name string) string {
	switch name {
	case "GIT_DIR":
		if h.Repository.Top == "" {
			return "" // a bare repository: open passes its directory as the root
		}
		return h.Repository.GitDir
	case "GIT_WORK_TREE":
		return h.Repository.Top
	}
	return h.Getenv(name)
}

// named returns the site's name from the hook's settings or variables, or "". Suggested commands
// contain it, because a person's shell may not have these variables.
func (h *Hook) named() string { return cmp.Or(h.Settings.Name, h.Getenv("KV_SYNC_NAME")) }

// typed returns the flags that select the same site and folder, for a command in a message.
func (h *Hook) typed() string {
	v := options.Values{options.Name: h.named(), options.Directory: h.Settings.Dir}
	return v.Typed(options.GroupSite, options.GroupSource)
}

// explain adds the fix to an error that a pre-push hook prints as a notice. Other errors end the
// command, which adds the fix itself.
func (h *Hook) explain(err error) error {
	if err == nil || h.Kind == hooks.PostReceiveHook || errors.Is(err, context.Canceled) {
		return err
	}
	return term.Explained{Err: err}
}
