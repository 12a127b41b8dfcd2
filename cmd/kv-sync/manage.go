package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// managing returns the task of a command that reads no files of the site.
func managing(command string, f siteFlags) task {
	t := taskOf(command, f)
	t.sourceless, t.dry = true, t.values.Is(options.DryRun)
	return t
}

type rollbackCommand struct {
	siteFlags
	Force bool `help:"Go back even to a version with an older value of a secret."`
}

// Run rolls back.
func (c *rollbackCommand) Run(ctx context.Context, s streams) error {
	t := managing("rollback", c.siteFlags)
	return t.on(ctx, s, func(se *session) error {
		to := kvsync.RollbackOptions{To: t.values.Text(options.To), DryRun: t.dry, Force: c.Force,
			AllowForgotten: t.values.Is(options.AllowForgotten)}
		res, err := se.site.Rollback(ctx, to)
		if err != nil {
			return err
		}
		se.locate(ctx, res)
		se.report.AddResult(res)
		se.console.Rollback(res, se.site.Stats(), t.dry)
		return nil
	})
}

type pruneCommand struct {
	siteFlags
	kvAssetsPruneFlags
}

// kvAssetsPruneFlags are for the layout kv-assets only.
type kvAssetsPruneFlags struct {
	Force      bool `help:"Layout kv-assets: prune even if the active Worker may not carry the newest index."`
	Unrecorded bool `help:"Layout kv-assets: also delete keys like those of the Rust kv-sync that no index named."`
}

// Run prunes.
func (c *pruneCommand) Run(ctx context.Context, s streams) error {
	t := managing("prune", c.siteFlags)
	return t.on(ctx, s, func(se *session) error {
		return se.prune(ctx, app.Prune{Force: c.Force, Unrecorded: c.Unrecorded, DryRun: t.dry})
	})
}

func (se *session) prune(ctx context.Context, o app.Prune) error {
	pruned, err := se.site.Prune(ctx, o)
	se.report.AddPruned(pruned)
	if err != nil {
		return err
	}
	if se.site.Layout().Compiled {
		se.console.KVAssetsPruned(pruned, o.DryRun)
	} else {
		se.console.Pruned(pruned, o.DryRun)
	}
	return nil
}

type historyCommand struct{ siteFlags }

// Run lists the deployments.
func (c *historyCommand) Run(ctx context.Context, s streams) error {
	return managing("history", c.siteFlags).on(ctx, s, func(se *session) error {
		list, err := se.site.History(ctx)
		if err != nil {
			return err
		}
		se.report.AddHistory(list)
		se.console.History(list, se.commandLine("rollback"))
		return nil
	})
}

type verifyCommand struct {
	siteFlags
	ReadData bool `help:"Also read and hash every blob that is retained."`
}

// Run verifies, and fails if something retained is not complete.
func (c *verifyCommand) Run(ctx context.Context, s streams) error {
	return managing("verify", c.siteFlags).on(ctx, s, func(se *session) error {
		v, err := se.site.Verify(ctx, c.ReadData)
		if err != nil {
			return err
		}
		se.report.Verify = v
		se.console.Verified(v, se.site.Stats().Duration)
		return se.site.CheckWhole(v)
	})
}
