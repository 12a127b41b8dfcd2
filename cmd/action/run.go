package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// run is the Action: from the environment to the exit code.
func run(ctx context.Context, getenv func(string) string, w io.Writer) int {
	a := githubactions.New(githubactions.WithGetenv(getenv), githubactions.WithWriter(w))
	c := newConsole(a, w, secrets(a))
	// HOME is a folder of the runner's, where files of root's would stay behind.
	cache, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		c.annotate(levelError, "", 0, "kv-sync", fmt.Sprintf("make a folder for the cache: %v; TMPDIR names where", err))
		return app.KindUnexpected.Code()
	}
	defer os.RemoveAll(cache)
	c.say("kv-sync %s", version)
	site, rep, err := work(ctx, a, c, cache)
	defer func() { _ = site.Close() }() // everything was confirmed, or failed and was told
	c.enter("")
	if err == nil {
		err = publish(c, rep)
	}
	c.notices(site, rep)
	rep.Finish(site, err)
	c.outcome(site, rep, err)
	if err := summarize(a, c, rep); err != nil {
		c.annotate(levelWarning, "", 0, "kv-sync", err.Error())
	}
	if rep.Error != nil {
		return rep.Error.Code
	}
	return 0
}

// work does what the mode says. The report is never nil; the site is where the
// run failed before there was one.
func work(ctx context.Context, a *githubactions.Action, c *console, cache string) (*app.Site, *app.Report, error) {
	in, inputErr := readInputs(a)
	rep := app.NewReport(in.mode, in.dryRun || in.mode == modePlan)
	j, jobErr := readJob(a.Getenv)
	for _, err := range []error{j.allow(in), jobErr, inputErr} { // trust comes first
		if err != nil {
			return nil, rep, err
		}
	}
	c.enter(kvsync.StagePlan)
	site, err := app.Open(ctx, in.site(j, cache, c.logger(), c.progress))
	if err != nil {
		return nil, rep, err
	}
	return site, rep, act(ctx, c, site, in, rep)
}

// act calls the engine and reports what it did.
func act(ctx context.Context, c *console, site *app.Site, in inputs, rep *app.Report) error {
	var (
		res    *kvsync.Result
		plan   *kvsync.Plan
		pruned *kvsync.Pruned
		err    error
	)
	switch {
	case in.mode == modeRollback:
		res, err = site.Rollback(ctx, kvsync.RollbackOptions{To: in.to, DryRun: rep.DryRun})
	case in.mode == modePrune:
		pruned, err = site.Prune(ctx, rep.DryRun)
	case rep.DryRun:
		if plan, err = site.Plan(ctx, kvsync.Options{}); err == nil {
			c.plan(plan)
		}
	default:
		res, err = site.Deploy(ctx, kvsync.Options{})
	}
	rep.AddResult(res)
	rep.AddPlan(plan)
	if rep.Prune = pruned; pruned != nil && !rep.DryRun {
		rep.Pruned = pruned.Deleted
	}
	return err
}

// notices annotates what is worth saying and stops nothing.
func (c *console) notices(site *app.Site, rep *app.Report) {
	if site != nil {
		for _, n := range site.Notices {
			c.annotate(levelNotice, fileOf(site, n), n.Line, "kv-sync: "+n.Path, reason(n))
		}
	}
	for _, n := range rep.Notices {
		c.annotate(levelNotice, "", 0, "kv-sync", n)
	}
}

// outcome says how the run ended; every file at fault is annotated.
func (c *console) outcome(site *app.Site, rep *app.Report, err error) {
	f := rep.Error
	if f == nil {
		c.say("%s", headline(rep))
		return
	}
	// A source's paths begin at the published folder, a configuration's at the
	// repository.
	var refused *kvsync.RefusedError
	inSite := site != nil && errors.As(err, &refused)
	for i := range f.Problems {
		p := &f.Problems[i]
		file := fileOf(site, *p)
		if inSite {
			if dir := site.Settings().Directory; !path.IsAbs(dir) {
				p.Path = path.Join(dir, p.Path)
			}
			file = p.Path
		}
		if i < annotations {
			c.annotate(levelError, file, p.Line, "kv-sync: "+p.Path, reason(*p))
		} else {
			c.say("refused: %s: %s", p.Path, reason(*p))
		}
	}
	text := f.Message
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	if f.Kind == app.KindGuard && strings.Contains(f.Fix, "--") {
		text += " (a flag of the kv-sync command, to be given once by hand)"
	}
	c.annotate(levelError, "", 0, "kv-sync "+rep.Command, text)
}

// annotations is how many files at fault become annotations; GitHub shows ten
// of a step. All of them are in the log.
const annotations = 50

// fileOf is the file of the repository that a problem names, or "": settings
// may come from inputs and the environment.
func fileOf(site *app.Site, p kvsync.Problem) string {
	if !filepath.IsLocal(filepath.FromSlash(p.Path)) {
		return ""
	}
	root := os.Getenv("GITHUB_WORKSPACE")
	if site != nil {
		root = site.Settings().Root
	}
	if st, err := os.Stat(filepath.Join(root, filepath.FromSlash(p.Path))); err != nil || !st.Mode().IsRegular() {
		return ""
	}
	return p.Path
}

func reason(p kvsync.Problem) string {
	if p.Fix == "" {
		return p.Reason
	}
	return p.Reason + "; " + p.Fix
}

// headline is the run's outcome in one sentence.
func headline(r *app.Report) string {
	switch {
	case r.Command == modePrune && r.DryRun:
		return fmt.Sprintf("%s: %d keys would be deleted.", r.Site, r.Prune.Deleted)
	case r.Command == modePrune:
		return fmt.Sprintf("%s: %d keys were deleted.", r.Site, r.Pruned)
	case r.Command == modeRollback && r.DryRun:
		return fmt.Sprintf("%s would go back to deployment %s.", r.Site, r.Deployment)
	case r.NoChange:
		return fmt.Sprintf("%s: nothing to do, deployment %s is live.", r.Site, r.Deployment)
	case r.Command == modeRollback:
		return fmt.Sprintf("%s is back at deployment %s.", r.Site, r.Deployment)
	case r.DryRun:
		return fmt.Sprintf("%s: a plan; nothing was written.", r.Site)
	}
	return fmt.Sprintf("%s is live as deployment %s. %s", r.Site, r.Deployment, r.URL)
}
