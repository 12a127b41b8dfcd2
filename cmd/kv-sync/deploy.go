package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
)

type deployCommand struct {
	siteFlags
	folderArgument
}

// Run deploys, or with --dry-run plans.
func (c *deployCommand) Run(ctx context.Context, s streams) error {
	t, err := publishing("deploy", c.siteFlags, c.folderArgument)
	if err != nil {
		return err
	}
	t.dry = t.values.Is(options.DryRun)
	work := func(se *session) error {
		if t.dry {
			return se.plan(ctx)
		}
		res, err := se.site.Deploy(ctx, t.values.Engine())
		if err != nil {
			return err
		}
		se.locate(ctx, res)
		se.report.AddResult(res)
		se.console.Result(res, se.site.Stats(), se.commandLine("rollback"))
		return nil
	}
	if t.values.Is(options.Projects) {
		return t.onProjects(ctx, s, work)
	}
	return t.on(ctx, s, func(se *session) error {
		if err := work(se); err != nil || t.dry {
			return err
		}
		return se.serve(ctx, s)
	})
}

// serve keeps the local platform of this process running at a terminal, so that a person can see
// the deployed site. Without a terminal the command ends, and kv-sync dev serves the site later.
func (se *session) serve(ctx context.Context, s streams) error {
	if se.platform == nil || !se.platform.Mine() {
		return nil
	}
	if se.flags.JSON || !term.IsTerminal(s.out) || !term.IsTerminal(s.in) {
		se.console.Say("The local platform ends with this command; kv-sync dev serves what was deployed.")
		return nil
	}
	se.console.Say("Serving until Ctrl-C. (kv-sync dev keeps it running while you deploy again.)")
	<-ctx.Done()
	return nil
}

type planCommand struct {
	siteFlags
	folderArgument
}

// Run shows what deploy would do.
func (c *planCommand) Run(ctx context.Context, s streams) error {
	t, err := publishing("plan", c.siteFlags, c.folderArgument)
	if err != nil {
		return err
	}
	t.dry = true
	work := func(se *session) error { return se.plan(ctx) }
	if t.values.Is(options.Projects) {
		return t.onProjects(ctx, s, work)
	}
	return t.on(ctx, s, work)
}

func (se *session) plan(ctx context.Context) error {
	p, err := se.site.Plan(ctx, se.values.Engine())
	if p != nil {
		se.report.AddPlan(p)
		se.notices()
		se.console.Plan(p)
	}
	if err != nil {
		return err
	}
	if !p.NoChange {
		deploy := se.commandLine("deploy", options.GroupSource, options.GroupGuards, options.GroupOnce)
		se.console.Say("Nothing was sent. To do it: %s", deploy)
	}
	return nil
}
