package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// task is one command about a site.
type task struct {
	command string
	dry     bool
	site    siteFlags
	values  options.Values
	// sourceless reports whether the command reads no files of the site.
	sourceless bool
	// bare is the command line of the Rust kv-sync.
	bare bool
	// shared are the resources that the task shares with other tasks, or nil.
	shared *app.Shared
}

// taskOf returns the task of a command with these flags.
func taskOf(command string, f siteFlags) task {
	return task{command: command, site: f, values: f.values()}
}

// session is a running task.
type session struct {
	console  *term.Console
	site     *app.Site
	platform *local.Platform // nil unless --local
	report   *app.Report     // what --json prints
	flags    siteFlags
	values   options.Values
	// sourceless reports whether the command reads no files of the site.
	sourceless bool
	noticed    int // how many of the site's notices were printed
}

// on opens the site and calls work. With --json it prints the report, also after a failure.
func (t task) on(ctx context.Context, s streams, work func(*session) error) error {
	to := s
	if t.site.JSON {
		to.out = s.err
	}
	report, err := t.run(ctx, to, work)
	if t.site.JSON {
		if perr := printJSON(s.out, report); perr != nil {
			return errors.Join(err, perr)
		}
		if err != nil {
			return &reportedError{err}
		}
	}
	return err
}

// run opens the site, calls work and returns the report.
func (t task) run(ctx context.Context, s streams, work func(*session) error) (*app.Report, error) {
	se := &session{console: term.New(s.out, s.err, s.getenv), report: app.NewReport(advice.Terminal, t.command, t.dry),
		flags: t.site, values: t.values, sourceless: t.sourceless}
	se.console.Suggest(se.naming().Flags)
	if t.site.Verbose {
		se.console.ListAll()
	}
	err := t.open(ctx, s, se)
	if err == nil {
		err = work(se)
	}
	err = se.naming().OfSite(err)
	se.notices()
	if t.site.JSON && se.report.URL == "" && se.site.Live().Version != "" && se.served() {
		se.report.URL = se.platform.URL(ctx, se.site.Name)
	}
	err = errors.Join(err, se.site.Close(), se.platform.Close(ctx))
	se.console.Close()
	if id := t.values.Text(options.Project); id != "" {
		se.report.Site = "project/" + id // also if the site could not be opened
	}
	se.report.Finish(se.site, err)
	return se.report, err
}

// open opens the site, and with --local attaches to the local platform.
func (t task) open(ctx context.Context, s streams, se *session) (err error) {
	cache, _ := os.UserCacheDir() // "" caches nothing
	in := app.Inputs{
		Shared: t.shared, CacheDir: cache, Getenv: s.getenv, Log: se.console.Log(t.site.Verbose),
		DeployedOnly: t.sourceless, HeadOfBare: t.command == "pull", Bare: t.bare, BuildOutput: se.console.Through(),
		Progress: func(p site.Progress) {
			if p.Plan != nil {
				allowFor(p.Plan)
				se.notices()
			}
			se.console.Progress(p)
		},
	}
	in.Give(t.values)
	if t.site.Local {
		se.platform, err = local.Attach(ctx, local.Options{CacheDir: cache, Project: ".", Log: s.err, Hold: true})
		if err != nil {
			return err
		}
		in.Token, in.AccountID, in.BaseURL = se.platform.Token, se.platform.Account, se.platform.API
		in.Local = true
	} else {
		limitMemory(s.getenv)
	}
	if se.site, err = app.Open(ctx, in); err != nil {
		return err
	}
	if s.getenv("CI") == "" && !t.sourceless { // a job builds what it deploys
		se.console.Builds(se.site.Settings().ToolCommand())
	}
	if se.platform != nil && !t.sourceless {
		se.site.Notices = append(se.site.Notices, notModelled(ctx, se.platform, se.site)...)
	}
	se.notices()
	return nil
}

// notModelled returns notices of the bindings of the site that the local platform does not
// implement completely.
func notModelled(ctx context.Context, p *local.Platform, site *app.Site) []manifest.Problem {
	return p.Notices(ctx, site.Name, site.Settings().Worker.Bindings)
}

// notices prints the new notices of the site. Opening the site gives notices about its
// configuration, and bundling gives notices about its code.
func (se *session) notices() {
	if se.site == nil {
		return
	}
	list := advice.CompleteAll(advice.Terminal.Problems(se.site.Notices[se.noticed:]), se.naming().Flags)
	se.noticed = len(se.site.Notices)
	if !se.flags.Verbose {
		list = se.brief(list)
	}
	for _, n := range list {
		se.console.Say("Note: %s", n)
	}
}

// brief shortens notices that every command would repeat. If more than two are about lines of one
// file, it keeps the first and adds the number of the others. For a command that publishes nothing,
// it keeps none of them.
func (se *session) brief(list []manifest.Problem) (short []manifest.Problem) {
	left := map[string]int{} // notices about lines, by file
	for _, n := range list {
		if n.Line > 0 {
			left[n.Path]++
		}
	}
	for _, n := range list {
		switch count := left[n.Path]; {
		case n.Line == 0:
			short = append(short, n)
		case se.sourceless || count == 0:
		case count <= 2:
			short = append(short, n)
		default:
			more := fmt.Sprintf("%d more notes; -v prints them", count-1)
			short = append(short, n, manifest.Problem{Path: n.Path, Reason: more})
			left[n.Path] = 0
		}
	}
	return short
}

// locate replaces the site's address under workers.dev with the local one.
func (se *session) locate(ctx context.Context, res *kvsync.Result) {
	if se.served() {
		res.URL, res.Unchecked = se.platform.URL(ctx, se.site.Name), false
	}
}

// served reports whether the site has a local address. A project has none, because its loader
// decides about its address.
func (se *session) served() bool { return se.platform != nil && se.site.Settings().Project == "" }

// commandLine returns another command for the same site, as a user would type it.
func (se *session) commandLine(command string, more ...options.Group) string {
	return "kv-sync " + command + se.naming().Flags + se.values.Typed(more...)
}

// naming returns how a user names the site.
func (se *session) naming() app.Naming {
	n := app.Naming{Flags: se.values.Typed(options.GroupSite)}
	if se.flags.Local {
		n.Flags += " --local"
		n.Platform, _ = filepath.Abs(".") // "" is not shown
	}
	return n
}
