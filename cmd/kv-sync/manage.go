package main

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

type rollbackCommand struct {
	siteFlags
	To     string `help:"The deployment, version or commit to go back to, or 7 characters of it; the one before if not given." placeholder:"ID|COMMIT"`
	Force  bool   `help:"Go back even to a version with an older value of a secret."`
	DryRun bool   `help:"Only say where it would go."`
}

// Run rolls back.
func (c *rollbackCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "rollback", dry: c.DryRun, site: c.siteFlags}
	return t.on(ctx, s, func(se *session) error {
		res, err := se.site.Rollback(ctx, kvsync.RollbackOptions{To: c.To, DryRun: c.DryRun, Force: c.Force})
		if err != nil {
			return err
		}
		se.locate(ctx, res)
		se.report.AddResult(res)
		se.console.Rollback(res, se.site.Stats(), c.DryRun)
		return nil
	})
}

type pruneCommand struct {
	siteFlags
	kvAssetsPruneFlags
	DryRun bool `help:"Only list what would be deleted."`
}

// kvAssetsPruneFlags are for the layout kv-assets alone.
type kvAssetsPruneFlags struct {
	Force      bool `help:"Layout kv-assets: prune although the active Worker does not carry the newest index, or nobody can tell."`
	Unrecorded bool `help:"Layout kv-assets: delete, too, what looks like a file of the Rust kv-sync and no index of ours ever named."`
}

// Run prunes.
func (c *pruneCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "prune", dry: c.DryRun, site: c.siteFlags}
	return t.on(ctx, s, func(se *session) error {
		return se.prune(ctx, app.Prune{Force: c.Force, Unrecorded: c.Unrecorded, DryRun: c.DryRun})
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
	return task{command: "history", site: c.siteFlags}.on(ctx, s, func(se *session) error {
		list, err := se.site.History(ctx)
		if err != nil {
			return err
		}
		se.report.AddHistory(list)
		se.console.History(list, se.again("rollback"))
		return nil
	})
}

type verifyCommand struct {
	siteFlags
	ReadData bool `help:"Also read every blob that is retained, and hash it."`
}

// Run verifies, and fails if something that is retained is not whole.
func (c *verifyCommand) Run(ctx context.Context, s streams) error {
	return task{command: "verify", site: c.siteFlags}.on(ctx, s, func(se *session) error {
		v, err := se.site.Verify(ctx, c.ReadData)
		if err != nil {
			return err
		}
		se.report.Verify = v
		se.console.Verified(v, se.site.Stats().Duration)
		if v.Whole() {
			return nil
		}
		fix := "kv-sync deploy --repair uploads every file of what it deploys again; roll back to no deployment that is listed as missing something"
		if !v.Overlay.Whole() {
			fix += "; what was written at run time has no other copy: write it again, or delete it there"
		}
		return &kvsync.GuardError{Guard: kvsync.GuardMissing,
			Text: fmt.Sprintf("%s is not whole: visitors, or a rollback, would miss what is listed", se.site.Name), Fix: fix}
	})
}
