package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// projectsReport is the output of --projects with --json.
type projectsReport struct {
	Command  string        `json:"command"`
	Requests int64         `json:"requests"`
	Projects []*app.Report `json:"projects"`
	Error    *app.Failure  `json:"error,omitempty"`
}

// onProjects calls work for each project. If one fails, the others continue.
func (t task) onProjects(ctx context.Context, s streams, work func(*session) error) (err error) {
	report := projectsReport{Command: t.command, Projects: []*app.Report{}}
	text := s.out
	if t.site.JSON {
		text = s.err
		defer func() {
			report.Error = app.Explain(advice.Terminal, err)
			err = errors.Join(err, printJSON(s.out, report))
			if err != nil {
				err = &reportedError{err}
			}
		}()
	}
	if t.values.Text(options.Project) != "" || t.values.Text(options.Name) != "" ||
		t.values.Text(options.Config) != "" || t.values.Text(options.Directory) != "" {
		return &app.UsageError{Err: errors.New("--projects takes the settings of each project from its own folder"),
			Fix: "leave out --project, --name, --config and --dir"}
	}
	ids, err := app.Projects(ctx, app.Inputs{Commit: t.values.Text(options.Commit)})
	if err != nil {
		return err
	}
	if t.site.Local { // all projects share one platform
		cache, _ := os.UserCacheDir() // "" caches nothing
		platform, err := local.Attach(ctx, local.Options{CacheDir: cache, Project: ".", Log: s.err})
		if err != nil {
			return err
		}
		defer func() { _ = platform.Close(context.WithoutCancel(ctx)) }()
	}
	shared := app.NewShared()
	defer shared.Close()
	shared.Expect(ids)
	t.shared = shared
	report.Projects, err = t.each(ctx, s, text, ids, work)
	for _, r := range report.Projects {
		report.Requests += r.Requests
	}
	return err
}

// each calls work for several projects at a time, and prints their output in the order of the
// projects.
func (t task) each(
	ctx context.Context, s streams, text io.Writer, ids []string, work func(*session) error,
) ([]*app.Report, error) {
	type outcome struct {
		text   bytes.Buffer
		report *app.Report
	}
	var reports []*app.Report
	var failed, same int
	var printErr error
	err := app.EachProject(ids, func(id string) (o *outcome, err error) {
		o = &outcome{}
		mine := t
		mine.values = t.values.With(options.Project, id)
		to := streams{out: &o.text, err: &o.text, getenv: s.getenv}
		o.report, err = mine.run(ctx, to, work)
		rest, held := o.report.LeaveHeld(err)
		switch {
		case held:
			fmt.Fprintf(to.out, "Note: %s\n", o.report.Notices[len(o.report.Notices)-1])
		case err != nil:
			term.New(to.out, to.err, s.getenv).Failure(app.Explain(advice.Terminal, err))
		}
		return o, rest
	}, func(id string, o *outcome, err error) {
		if unchanged := err == nil && o.report.NoChange && len(o.report.Notices) == 0; !unchanged || t.site.Verbose {
			fmt.Fprintf(text, "%s:\n", id)
			if _, err := o.text.WriteTo(text); err != nil && printErr == nil {
				printErr = err
			}
		}
		reports = append(reports, o.report)
		switch {
		case err != nil:
			failed++
		case o.report.NoChange:
			same++
		}
	})
	fmt.Fprintf(text, "\n%s: %d changed, %d unchanged, %d failed.\n",
		humanize.Count(len(ids), "project"), len(ids)-same-failed, same, failed)
	return reports, cmp.Or(err, printErr)
}
