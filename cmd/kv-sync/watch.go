package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/internal/watch"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

type watchCommand struct {
	flags
	folderArgument
	Port    int  `help:"The port of the API if no kv-sync dev runs (default: any)." placeholder:"PORT" default:"0"`
	Verbose bool `short:"v" help:"Also print what was chosen, and why."`
	Local   bool `hidden:"" help:"watch is always local."`
}

// Run shows the folder on the local platform until Ctrl-C.
func (c *watchCommand) Run(ctx context.Context, s streams) (err error) {
	values, err := c.into(c.values())
	if err != nil {
		return err
	}
	cache, _ := os.UserCacheDir() // the platform reports a missing folder
	w := &watching{
		console: term.New(s.out, s.err, s.getenv), said: map[string]bool{},
		at:      local.Options{CacheDir: cache, Project: ".", Addr: fmt.Sprintf("127.0.0.1:%d", c.Port), Log: s.err},
		options: values.Engine(),
		shared:  app.NewShared(), named: values.Typed(options.GroupSite),
	}
	w.in = app.Inputs{
		Shared: w.shared, CacheDir: cache, Getenv: withoutAccount(s.getenv), Log: w.console.Log(c.Verbose),
	}
	w.in.Give(values)
	w.in.Source = source.KindFolder
	w.options.KeepNone, w.options.AnyOrder, w.options.Release = true, true, true
	w.files = watch.New(watch.Options{Polling: func(err error) { w.console.Say("Note: %v", err) }})
	defer func() {
		err = errors.Join(err, w.files.Close(), w.platform.Close(ctx))
		w.shared.Close()
		w.console.Close()
	}()
	return w.run(ctx)
}

// developing are variables with Cloudflare's prefix that are not about an account.
var developing = []string{"CLOUDFLARE_ENV", "CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV", "CLOUDFLARE_INCLUDE_PROCESS_ENV"}

// withoutAccount removes Cloudflare's credentials from the environment, because watch deploys
// only to the local platform.
func withoutAccount(getenv func(string) string) func(string) string {
	return func(name string) string {
		if !slices.Contains(developing, name) && (strings.HasPrefix(name, "CLOUDFLARE_") || strings.HasPrefix(name, "CF_")) {
			return ""
		}
		return getenv(name)
	}
}

// watching deploys a folder to the local platform whenever it changes.
type watching struct {
	console  *term.Console
	in       app.Inputs
	options  plan.Options
	shared   *app.Shared
	at       local.Options
	platform *local.Platform
	files    *watch.Watcher
	named    string // the flags that select the site

	basis  []string // the watched paths
	found  string   // the site's folder, if no option names it
	shown  bool     // url was printed
	url    string
	said   map[string]bool // the printed notices
	failed bool            // the last deploy failed
}

// settle is how long no file may change before most files of a site are removed. A build that
// first clears its output folder has written it again after that time.
const settle = time.Second

// errGone means that there is no file to show. The site that is shown does not change.
var errGone = errors.New("the folder of the site is gone, or empty")

// run deploys after each change, until ctx ends.
func (w *watching) run(ctx context.Context) error {
	saved := watch.Batch{At: time.Now()}
	settled := false
	for ctx.Err() == nil {
		err := w.deploy(ctx, saved, settled)
		if w.platform == nil {
			return err // there is no platform to show the site on
		}
		var limit time.Duration
		if !settled && unsettled(err) {
			limit = settle
		} else if ctx.Err() == nil {
			w.report(err)
		}
		next, err := w.next(ctx, limit)
		switch {
		case err == nil:
			saved, settled = next, false
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			settled = true
		case ctx.Err() == nil:
			return err
		}
	}
	return nil
}

// next waits for a change, at most for limit; 0 means no limit.
func (w *watching) next(ctx context.Context, limit time.Duration) (watch.Batch, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return w.files.Next(ctx)
}

// unsettled reports whether a deploy failed because the site is still being written.
func unsettled(err error) bool {
	var stopped *guard.Error
	return errors.Is(err, errGone) || errors.Is(err, manifest.ErrChanged) ||
		errors.As(err, &stopped) && stopped.Guard == guard.Shrink
}

// report prints why a deploy failed, and that the next save tries again.
func (w *watching) report(err error) {
	if w.failed = err != nil; !w.failed {
		return
	}
	if errors.Is(err, errGone) {
		w.console.Say("There is no file to show; the site stays as it was until there is one.")
		return
	}
	of := app.Naming{Flags: w.named + " --local"}
	w.console.Failure(app.Explain(advice.Watch, of.OfSite(err)))
	w.console.Say("The site stays as it was; the next save tries again.")
}

// deploy deploys the folder to the local platform. saved are the changes. settled reports whether
// no file has changed for the time settle.
func (w *watching) deploy(ctx context.Context, saved watch.Batch, settled bool) error {
	if err := w.attach(ctx); err != nil {
		return err
	}
	began := time.Now()
	site, err := w.open(ctx)
	if err != nil {
		w.watch(app.BasisOf(w.in), began, w.basis, false)
		return err
	}
	defer site.Close() //nolint:errcheck // only read
	w.notices(notModelled(ctx, w.platform, site))
	w.watch(site.Basis(ctx), began, w.basis, false) // before any of its files is read
	res, err := w.publish(ctx, site, settled)
	var still []string
	if err != nil {
		still = w.basis
	}
	w.watch(site.Basis(ctx), began, still, decides(saved, site.Settings().Files))
	w.notices(site.Notices)
	if err != nil {
		return err
	}
	w.options.Repair = false
	w.notices(res.Plan.Notices)
	if !res.Plan.NoChange {
		w.console.Saved(res.Plan, time.Now(), time.Since(saved.At))
	} else if w.failed {
		w.console.Say("Fixed: the site is shown as it is now.")
	}
	w.address(ctx, site)
	return nil
}

// attach finds the running platform, or starts one in this process. The platform may be another
// one than before.
func (w *watching) attach(ctx context.Context) error {
	if w.platform != nil && w.platform.Mine() {
		return nil
	}
	p, err := local.Attach(ctx, w.at)
	if err != nil {
		return err
	}
	if w.platform == nil || w.platform.API != p.API {
		p.Follow(ctx, w.at.Log)
	}
	w.platform = p
	w.in.Token, w.in.AccountID, w.in.BaseURL = p.Token, p.Account, p.API
	w.in.Local = true
	return nil
}

// open opens the site. If the folder was found by its index.html, it stays the site's folder while
// a build clears it. If the whole project is the site's folder, this choice is checked at each
// change, like at a deploy, because a new file may show that only a part of the project is the
// site.
func (w *watching) open(ctx context.Context) (*app.Site, error) {
	site, err := app.Open(ctx, w.in)
	if err == nil && folderOf(site) != "" && site.Settings().Where("directory") != config.Found {
		return site, nil
	}
	if w.found != "" && !w.whole() && (err != nil || folderOf(site) != w.found) {
		in := w.in
		in.Directory = w.found
		if again, err := app.Open(ctx, in); err == nil {
			return again, site.Close()
		}
	}
	if err == nil {
		w.found = folderOf(site)
	}
	return site, err
}

// whole reports whether the found folder is the whole project, and has its index.html.
func (w *watching) whole() bool {
	project, err := filepath.Abs(".")
	if err != nil || w.found != project {
		return false
	}
	_, err = os.Stat(filepath.Join(project, "index.html"))
	return err == nil
}

// folderOf returns the folder of a site's files, or "".
func folderOf(site *app.Site) string {
	set := site.Settings()
	if set.Directory == "" || filepath.IsAbs(set.Directory) {
		return set.Directory
	}
	return filepath.Join(set.Root, filepath.FromSlash(set.Directory))
}

// publish deploys the site. If the folder has settled, it may remove most files of the site, which
// is normal while a person works on it, but not all files.
func (w *watching) publish(ctx context.Context, site *app.Site, settled bool) (*kvsync.Result, error) {
	if site.Layout().Compiled {
		return nil, &app.UsageError{
			Err: errors.New("in the layout kv-assets a build compiles the files' index into the Worker, and watch runs none"),
			Fix: "run kv-sync deploy --local after each build",
		}
	}
	if folder := folderOf(site); folder != "" {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return nil, errGone
		}
	}
	options := w.options
	res, err := site.Deploy(ctx, options)
	var stopped *guard.Error
	if !settled || !errors.As(err, &stopped) || stopped.Guard != guard.Shrink {
		return res, err
	}
	if empty, lerr := empty(ctx, site); empty || lerr != nil {
		return nil, errors.Join(errGone, lerr)
	}
	options.AllowShrink = true
	return site.Deploy(ctx, options)
}

// empty reports whether a site has no file.
func empty(ctx context.Context, site *app.Site) (bool, error) {
	src, err := site.Source(ctx)
	if err != nil {
		return false, err
	}
	list, err := src.Files(ctx, nil)
	return err == nil && len(list.Files) == 0, err
}

// watch watches the paths of the basis and those in still: after a failure the basis is incomplete,
// so still has the earlier paths. It also reports changes since began, because files may have been
// read before they were watched. reread reports whether the ignored folders may have changed.
func (w *watching) watch(b app.Basis, began time.Time, still []string, reread bool) {
	paths := slices.Concat(b.Paths, still)
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if reread || !slices.Equal(paths, w.basis) {
		w.basis = paths
		w.files.Over(watch.Set{Paths: paths, Skip: b.Skip}, began)
	}
}

// decides reports whether a saved file may change which folders are ignored: an ignore file or a
// configuration file.
func decides(saved watch.Batch, configuration []string) bool {
	return saved.More || slices.ContainsFunc(saved.Paths, func(path string) bool {
		named := func(file string) bool { return filepath.Base(filepath.FromSlash(file)) == filepath.Base(path) }
		return slices.ContainsFunc(rules.DecidingFiles, named) || slices.ContainsFunc(configuration, named)
	})
}

// notices prints new notices.
func (w *watching) notices(list []manifest.Problem) {
	for _, n := range advice.Watch.Problems(list) {
		if text := n.String(); !w.said[text] {
			w.said[text] = true
			w.console.Say("Note: %s", text)
		}
	}
}

// address prints the site's address if it is new. A project has none, because its loader decides
// about its address.
func (w *watching) address(ctx context.Context, site *app.Site) {
	url := ""
	if site.Settings().Project == "" {
		url = w.platform.URL(ctx, site.Name)
	}
	if w.shown && url == w.url {
		return
	}
	w.shown, w.url = true, url
	if url != "" {
		w.console.Address(url)
	}
	w.console.Say("Watching until Ctrl-C.")
}
