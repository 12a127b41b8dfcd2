package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/term"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// nameFlags say which site is meant.
type nameFlags struct {
	Name    string `help:"The site's name, which is also its Worker's." placeholder:"NAME"`
	Project string `help:"A Dynamic Worker's project in place of a site: the one in projects/ID, or what lies here." placeholder:"ID"`
	Config  string `help:"The wrangler configuration to read." placeholder:"FILE"`
	Env     string `help:"The environment in it." placeholder:"E"`
}

// siteFlags are what every command about a site has.
type siteFlags struct {
	nameFlags
	Local   bool `help:"Use the local platform instead of Cloudflare. No account is needed."`
	JSON    bool `name:"json" help:"Print one JSON object on stdout, everything else on stderr."`
	Verbose bool `short:"v" help:"Say also what was chosen, and why."`
}

// sourceFlags say what to publish.
type sourceFlags struct {
	Commit string `help:"The revision to publish, from git and not from the work tree." placeholder:"REV"`
	Dir    string `help:"The folder to publish." placeholder:"DIR"`
	Source string `help:"Publish the commit or the folder; auto takes the commit where the folder and the Worker's code are tracked and clean." placeholder:"auto|commit|folder"`
}

// guardFlags let what a guard would stop go on.
type guardFlags struct {
	TakeOver    bool `group:"guards" help:"Replace a Worker that kv-sync did not deploy."`
	AllowShrink bool `group:"guards" help:"Publish even if that leaves no file, or less than half as many as are live."`
	AnyOrder    bool `group:"guards" help:"Publish a commit that is older than the live one, or nobody can tell."`
	Release     bool `group:"guards" help:"Publish a commit that a rollback holds back."`
	HideEdits   bool `group:"guards" help:"Switch the overlay off although visitors will miss edits made at run time."`
}

func (g guardFlags) options() kvsync.Options {
	return kvsync.Options{TakeOver: g.TakeOver, AllowShrink: g.AllowShrink, AnyOrder: g.AnyOrder, Release: g.Release, HideEdits: g.HideEdits}
}

// optionFlags are what may be decided for one deploy.
type optionFlags struct {
	guardFlags
	Repair bool `help:"Upload every file again, believing nothing of what is live."`
	Forget bool `help:"Keep nothing reachable that this deployment does not have: for a file that should never have been published."`
}

func (o optionFlags) options() kvsync.Options {
	opt := o.guardFlags.options()
	opt.Forget, opt.Repair = o.Forget, o.Repair
	return opt
}

// task is one command about a site.
type task struct {
	command string
	dry     bool
	site    siteFlags
	source  *sourceFlags // nil: no source is read
	// bare is the command line of the Rust kv-sync.
	bare bool
	// shared is what it has in common with other tasks; nil is nothing.
	shared *app.Shared
}

// session is what a task works with.
type session struct {
	console  *term.Console
	site     *app.Site
	platform *local.Platform // nil unless --local
	report   *app.Report     // what --json prints
	flags    siteFlags
	noticed  int // how many of the site's notices were printed
}

// on opens the site, does the work, and prints the report where one is wanted,
// whatever came out.
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

// run opens the site, does the work and reports on it.
func (t task) run(ctx context.Context, s streams, work func(*session) error) (*app.Report, error) {
	se := &session{console: term.New(s.out, s.err, s.getenv), report: app.NewReport(t.command, t.dry), flags: t.site}
	err := t.open(ctx, s, se)
	if err == nil {
		err = work(se)
	}
	se.notices()
	if t.site.JSON && se.report.URL == "" && se.site.Live().Version != "" && se.served() {
		se.report.URL = se.platform.URL(ctx, se.site.Name)
	}
	err = errors.Join(err, se.site.Close(), se.platform.Close(ctx))
	se.console.Close()
	if t.site.Project != "" {
		se.report.Site = "project/" + t.site.Project // also where there was no site in the end
	}
	se.report.Finish(se.site, err)
	return se.report, err
}

// open makes the session's site, and with --local the platform that it is on.
func (t task) open(ctx context.Context, s streams, se *session) (err error) {
	cache, _ := os.UserCacheDir() // without one nothing is cached
	in := app.Inputs{
		Name: t.site.Name, Project: t.site.Project, Shared: t.shared, Config: t.site.Config, Environment: t.site.Env, CacheDir: cache, Getenv: s.getenv,
		Log: se.console.Log(t.site.Verbose), DeployedOnly: t.source == nil, Bare: t.bare, BuildOutput: se.console.Through(),
		Progress: func(p kvsync.Progress) {
			if p.Plan != nil {
				allowFor(p.Plan)
				se.notices()
			}
			se.console.Progress(p)
		},
	}
	if t.source != nil {
		in.Directory, in.Source, in.Commit = t.source.Dir, t.source.Source, t.source.Commit
	}
	if t.site.Local {
		if se.platform, err = local.Attach(ctx, local.Options{CacheDir: cache, Project: ".", Log: s.err}); err != nil {
			return err
		}
		in.Token, in.AccountID, in.BaseURL = se.platform.Token, se.platform.Account, se.platform.API
	} else {
		limitMemory(s.getenv)
	}
	if se.site, err = app.Open(ctx, in); err != nil {
		return err
	}
	se.notices()
	return nil
}

// notices prints what there is to say of the site that was not said yet: of its
// configuration at once, of its code when that was bundled.
func (se *session) notices() {
	if se.site == nil {
		return
	}
	for _, n := range se.site.Notices[se.noticed:] {
		se.console.Say("Note: %s", n)
	}
	se.noticed = len(se.site.Notices)
}

// locate puts the local address in place of the one that the site would have
// under workers.dev.
func (se *session) locate(ctx context.Context, res *kvsync.Result) {
	if se.served() {
		res.URL = se.platform.URL(ctx, se.site.Name)
	}
}

// served reports whether the site has a local address. Where a project is
// reachable, its loader says.
func (se *session) served() bool { return se.platform != nil && se.site.Settings().Project == "" }

// again is another command about the same site, as it would be typed.
func (se *session) again(command string) string {
	line := "kv-sync " + command
	for _, f := range [][2]string{{"--name", se.flags.Name}, {"--project", se.flags.Project}, {"--config", se.flags.Config}, {"--env", se.flags.Env}} {
		line += typed(f[0], f[1])
	}
	if se.flags.Local {
		line += " --local"
	}
	return line
}

// typed are the flags as they would be typed again.
func (f sourceFlags) typed() string {
	return typed("--dir", f.Dir) + typed("--commit", f.Commit) + typed("--source", f.Source)
}

func (g guardFlags) typed() string {
	return given("--take-over", g.TakeOver) + given("--allow-shrink", g.AllowShrink) + given("--any-order", g.AnyOrder) +
		given("--release", g.Release) + given("--hide-edits", g.HideEdits)
}

func (o optionFlags) typed() string {
	return o.guardFlags.typed() + given("--repair", o.Repair) + given("--forget", o.Forget)
}

// given is a flag without a value, if it was given.
func given(flag string, yes bool) string {
	if !yes {
		return ""
	}
	return " " + flag
}

var plainWord = regexp.MustCompile(`^[\w./:@^~=-]+$`)

// typed is a flag with its value, in quotes where a shell would want them.
func typed(flag, value string) string {
	switch {
	case value == "":
		return ""
	case !plainWord.MatchString(value):
		value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	}
	return " " + flag + " " + value
}
