package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// onSite runs the mode, unless the step has an error. It sets the outputs, and returns the report
// and the text of the job summary.
func (s step) onSite(ctx context.Context, c *console, err error) (*app.Report, string) {
	t := &turn{rep: s.report(), err: err}
	t.rep.Finish(nil, err)
	if err == nil {
		t = s.on(ctx, c)
	}
	c.enter("")
	if t.err == nil {
		t.err = publish(c, t.rep, func() (string, error) { return planJSON(t.rep.Plan) })
		t.rep.Error = app.Explain(advice.Workflow, t.err)
	}
	c.fault(t)
	c.notices(t)
	if t.err == nil {
		c.say("%s", headline(t.rep))
	}
	return t.rep, summary(t.rep)
}

// turn is the run of the mode for one site or project, and its outcome.
type turn struct {
	workspace string
	// folder is the folder of the site's configuration, in the workspace.
	folder string
	// files are the files that have problems, relative to the workspace.
	files map[string]bool
	site  *app.Site // nil if it could not be opened
	rep   *app.Report
	// notices are the engine's notices. The site has the notices about the configuration.
	notices []string
	err     error
	// subject names the turn in messages if there are several.
	subject string
}

// on runs the mode for one site or project.
func (s step) on(ctx context.Context, c *console) *turn {
	in := s.site(c)
	t := &turn{
		workspace: s.job.workspace, folder: path.Join(filepath.ToSlash(s.workingDirectory()), in.Folder(ctx)),
		files: map[string]bool{}, rep: s.report(),
	}
	c.enter(site.StagePlan)
	if t.site, t.err = app.Open(ctx, in); t.err == nil {
		t.err = s.act(ctx, c, t.site, t.rep)
	}
	_ = t.site.Close() // everything is confirmed already, or t.err has the error
	t.notices = slices.Clone(t.rep.Notices)
	if t.site != nil {
		t.locate(t.site.Notices, "")
	}
	if t.site != nil {
		t.err = app.Naming{Flags: " " + named(t.site.Name)}.OfSite(t.err)
	}
	t.rep.Finish(t.site, t.err)
	if t.rep.Error != nil {
		t.locate(t.rep.Error.Problems, t.published())
	}
	return t
}

// workingDirectory returns the project's folder, relative to the workspace.
func (s step) workingDirectory() string { return s.text(options.WorkingDirectory) }

// root returns the path of the project's folder.
func (s step) root() string {
	return filepath.Join(s.job.workspace, filepath.FromSlash(s.workingDirectory()))
}

// checkRoot refuses a working directory that is not in the workspace.
func (s step) checkRoot() error {
	dir := s.workingDirectory()
	if dir == "" {
		return nil
	}
	refuse := func(reason string) error {
		return &app.UsageError{Err: fmt.Errorf("input working-directory is %.80q, and %s", dir, reason),
			Fix: "name a folder of the workspace, relative to it"}
	}
	if !filepath.IsLocal(filepath.FromSlash(dir)) {
		return refuse("that leads out of the workspace")
	}
	top, err := filepath.EvalSymlinks(s.job.workspace)
	if err != nil {
		return err
	}
	root, err := filepath.EvalSymlinks(s.root())
	if err != nil {
		return refuse("there is no such folder")
	}
	if rel, err := filepath.Rel(top, root); err != nil || !filepath.IsLocal(rel) {
		return refuse("a symlink leads out of the workspace")
	}
	return nil
}

// site returns the inputs of the site to open. Empty inputs get their value from the environment.
func (s step) site(c *console) app.Inputs {
	in := app.Inputs{
		Root: s.root(), Boundary: s.job.workspace, Waivers: s.byCommit, Actor: s.job.actor,
		// In these modes the folder may be missing: its build may not have run.
		DeployedOnly: s.mode == modeRollback || s.mode == modePrune || s.text(options.Into) != "",
		CacheDir:     s.cache, Getenv: s.job.getenv, Log: c.logger(), Progress: c.progress, Shared: s.shared,
		Mistakes: s.wrong,
	}
	in.Give(s.values)
	// With source "auto" no commit is named, because then the commit would be deployed even if a
	// build changed the folder.
	if in.Source == source.KindCommit {
		in.Commit = s.job.sha
	}
	return in
}

// act calls the engine for the mode, and adds the result to the report.
func (s step) act(ctx context.Context, c *console, site *app.Site, rep *app.Report) error {
	var (
		res    *kvsync.Result
		plan   *plan.Plan
		pruned *layout.Pruned
		err    error
	)
	switch {
	case s.mode == modeRollback:
		res, err = site.Rollback(ctx, kvsync.RollbackOptions{To: s.text(options.To), DryRun: rep.DryRun,
			AllowForgotten: s.options.AllowForgotten})
		if err == nil && res.Hold != "" && !rep.DryRun {
			c.say("%s", heldText(res.Hold))
		}
	case s.mode == modePrune:
		pruned, err = site.Prune(ctx, app.Prune{DryRun: rep.DryRun})
	case s.mode == modePull:
		return s.pull(ctx, c, site, rep)
	case rep.DryRun:
		if plan, err = site.Plan(ctx, s.options); plan != nil { // also if a guard stops it
			c.plan(plan)
		}
	default:
		res, err = site.Deploy(ctx, s.options)
	}
	rep.AddResult(res)
	rep.AddPlan(plan)
	rep.AddPruned(pruned)
	return err
}

// ofCommit names the commit of a deployment, if it has one.
func ofCommit(commit string) string {
	if commit == "" {
		return ""
	}
	return " of commit " + planview.Commit(commit)
}

// heldText says what a rollback holds back. This is a commit, or a deployment if the live deployment
// has the same commit.
func heldText(hold string) string {
	if strings.Contains(hold, "-") {
		return "Deployment " + hold + " is held back: the same build is refused until the input release names its commit."
	}
	return "Commit " + planview.Commit(hold) + " is held back: it is refused until a newer one changes the site, or the " +
		"input release names it."
}

// headline returns the outcome of the run in one sentence.
func headline(r *app.Report) string {
	switch {
	case r.Pull != nil:
		return r.Site + ": " + pullHeadline(r)
	case r.Command == modePrune && r.DryRun:
		return fmt.Sprintf("%s: %d keys would be deleted.", r.Site, r.Prune.Deleted)
	case r.Command == modePrune:
		return fmt.Sprintf("%s: %d keys were deleted.", r.Site, r.Pruned)
	case r.Command == modeRollback && r.DryRun:
		return fmt.Sprintf("%s would go back to deployment %s.", r.Site, r.Deployment)
	case r.NoChange:
		return fmt.Sprintf("%s: nothing to do, %s.", r.Site, live(r))
	case r.Command == modeRollback:
		return fmt.Sprintf("%s is back at deployment %s%s. %s", r.Site, r.Deployment, ofCommit(r.Commit), address(r))
	case r.DryRun:
		return fmt.Sprintf("%s: a plan; nothing was written.", r.Site)
	case r.Deployment == "":
		return fmt.Sprintf("%s: %s.", r.Site, live(r))
	case r.URL == "":
		return fmt.Sprintf("%s is live as deployment %s.", r.Site, r.Deployment)
	}
	return fmt.Sprintf("%s is live as deployment %s. %s", r.Site, r.Deployment, address(r))
}

// address returns the address of the site, and whether it may have been switched off since.
func address(r *app.Report) string {
	if r.Unchecked {
		return r.URL + " (last known address)"
	}
	return r.URL
}

// live says what is live. The pathname layout has no deployments.
func live(r *app.Report) string {
	if r.Deployment == "" {
		return "these files are live"
	}
	return fmt.Sprintf("deployment %s is live", r.Deployment)
}
