package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/term"
)

type deployCommand struct {
	siteFlags
	sourceFlags
	optionFlags
	projectsFlag
	DryRun bool `help:"Only show the plan; send nothing."`
}

// Run deploys, or with --dry-run plans.
func (c *deployCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "deploy", dry: c.DryRun, site: c.siteFlags, source: &c.sourceFlags}
	work := func(se *session) error {
		if c.DryRun {
			return se.plan(ctx, c.sourceFlags, c.optionFlags)
		}
		res, err := se.site.Deploy(ctx, c.options())
		if err != nil {
			return err
		}
		se.locate(ctx, res)
		se.report.AddResult(res)
		se.console.Result(res, se.site.Stats(), se.again("rollback"))
		return nil
	}
	if c.Projects {
		return t.onProjects(ctx, s, work)
	}
	return t.on(ctx, s, func(se *session) error {
		if err := work(se); err != nil || c.DryRun {
			return err
		}
		return se.serve(ctx, s)
	})
}

// serve keeps the local platform of this process running where somebody sits at
// a terminal: what was deployed is to be looked at. Elsewhere the command ends,
// and what was deployed waits for kv-sync dev.
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
	sourceFlags
	optionFlags
	projectsFlag
}

// Run shows what deploy would do.
func (c *planCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "plan", dry: true, site: c.siteFlags, source: &c.sourceFlags}
	work := func(se *session) error { return se.plan(ctx, c.sourceFlags, c.optionFlags) }
	if c.Projects {
		return t.onProjects(ctx, s, work)
	}
	return t.on(ctx, s, work)
}

func (se *session) plan(ctx context.Context, from sourceFlags, o optionFlags) error {
	p, err := se.site.Plan(ctx, o.options())
	if err != nil {
		return err
	}
	se.report.AddPlan(p)
	se.notices()
	se.console.Plan(p)
	if !p.NoChange {
		se.console.Say("Nothing was sent. To do it: %s", se.again("deploy")+from.typed()+o.typed())
	}
	return nil
}
