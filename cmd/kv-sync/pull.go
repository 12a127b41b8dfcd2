package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
)

type pullCommand struct {
	siteFlags
	Resolved      []string `help:"A conflict that you have merged, as pull prints it." placeholder:"/PATH@WRITE"`
	SaveConflicts string   `help:"Write the run-time side of conflicts into this folder." placeholder:"DIR"`
}

// Run brings run-time edits into git.
func (c *pullCommand) Run(ctx context.Context, s streams) error {
	t := taskOf("pull", c.siteFlags)
	t.dry = t.values.Is(options.DryRun)
	into := t.values.Text(options.Into)
	t.sourceless = into != "" // the published folder may not exist, because its build did not run here
	return t.on(ctx, s, func(se *session) error {
		pulled, err := se.site.Pull(ctx, app.PullOptions{
			Branch: t.values.Text(options.Branch), Into: into,
			Resolved: c.Resolved, SaveConflicts: c.SaveConflicts, DryRun: t.dry,
		})
		if pulled.Done() {
			se.report.Pull = pulled
			se.console.Pulled(pulled, t.dry)
		}
		return err
	})
}
