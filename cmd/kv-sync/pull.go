package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/app"
)

type pullCommand struct {
	siteFlags
	Dir           string   `help:"The folder that is published, if it is not the configured one." placeholder:"DIR"`
	Into          string   `help:"The folder in git that edits go into, where a build makes the one that is published." placeholder:"DIR"`
	Branch        string   `help:"Commit on this branch, which is made if need be, and leave the work tree alone." placeholder:"NAME"`
	Resolved      []string `help:"A conflict that you have merged, as pull names it: what git has of this pathname is what is meant." placeholder:"/PATH@WRITE"`
	SaveConflicts string   `help:"Write the run-time side of conflicts into this folder." placeholder:"DIR"`
	DryRun        bool     `help:"Only list what would be pulled."`
}

// Run brings run-time edits into git.
func (c *pullCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "pull", dry: c.DryRun, site: c.siteFlags, source: &sourceFlags{Dir: c.Dir}}
	if c.Into != "" {
		t.source = nil // the build that makes the published folder need not have run
	}
	return t.on(ctx, s, func(se *session) error {
		pulled, err := se.site.Pull(ctx, app.PullOptions{
			Branch: c.Branch, Into: c.Into, Resolved: c.Resolved, SaveConflicts: c.SaveConflicts, DryRun: c.DryRun,
		})
		if pulled.Done() {
			se.report.Pull = pulled
			se.console.Pulled(pulled, c.DryRun)
		}
		return err
	})
}
