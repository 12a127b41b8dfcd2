package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

type hookRunCommand struct {
	hookFlags
	Hook   string `arg:"" enum:"pre-push,post-receive"`
	Remote string `arg:"" optional:"" name:"to"`
	URL    string `arg:"" optional:""`
}

// Run runs a hook. git writes the pushed refs to standard input.
func (c *hookRunCommand) Run(ctx context.Context, s streams) error {
	if term.IsTerminal(s.in) {
		return &app.UsageError{
			Err: fmt.Errorf("the hook %s reads git's lines from standard input, and this is a terminal", c.Hook),
			Fix: "to see what a push would change: kv-sync plan",
		}
	}
	limitMemory(s.getenv)
	// A closed standard error, as in "git push 2>&1 | head", must not stop the push. On a server
	// it must not stop the deploy, because the commit is already pushed.
	signal.Ignore(syscall.SIGPIPE)
	if c.Hook == string(hooks.PostReceiveHook) {
		// If the client pushes to a path on this machine, its terminal sends these signals to the
		// hook, too. The commit is already pushed, so the deploy continues.
		signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	}
	h := &hookRun{s: s, kind: hooks.Kind(c.Hook)}
	defer h.close()
	if err := h.configure(ctx, c.hookFlags); err != nil {
		if h.kind == hooks.PrePushHook && ctx.Err() == nil {
			fmt.Fprintln(s.err, "kv-sync: this push was not checked: "+term.Lines(err.Error()))
			return nil // the push continues
		}
		return err
	}
	r := h.r
	if h.kind == hooks.PostReceiveHook {
		got := hooks.Received{Lines: s.in, Notices: escaper{s.err}, Getenv: s.getenv}
		return hooks.PostReceive(ctx, r, got, h.received)
	}
	err := hooks.PrePush(ctx, r, hooks.Push{
		Mode: h.set.Mode, Remote: c.Remote, URL: c.URL, Lines: s.in, Notices: escaper{s.err}, Getenv: s.getenv,
	}, h.pushed)
	var refused *manifest.RefusedError
	if errors.As(err, &refused) {
		// Print the hook's own message: it names the branch and how to push anyway.
		fmt.Fprintln(s.err, term.Lines(err.Error()))
		return exit(hooks.Blocked)
	}
	return err
}

// escaper is a writer that escapes control characters.
type escaper struct{ io.Writer }

// Write implements [io.Writer]. p must be complete lines.
func (e escaper) Write(p []byte) (int, error) {
	if _, err := io.WriteString(e.Writer, term.Lines(string(p))+"\n"); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hookRun is one call of a hook.
type hookRun struct {
	s      streams
	r      *hooks.Repository
	kind   hooks.Kind
	set    hooks.Settings
	opened []*app.Site
}

func (h *hookRun) close() {
	for _, site := range h.opened {
		_ = site.Close() // errors of the run are already reported
	}
}

// configure reads the repository and the settings of the hook. Flags, which a hook manager gives,
// override the installed settings.
func (h *hookRun) configure(ctx context.Context, f hookFlags) (err error) {
	if h.r, err = hooks.Find(ctx, ""); err != nil {
		return err
	}
	if h.set, err = h.r.Settings(ctx, h.kind); err != nil {
		return err
	}
	for to, flag := range map[*string]string{
		(*string)(&h.set.Mode): f.PrePush, &h.set.Name: f.Name, &h.set.Dir: f.Dir,
		&h.set.Branch: f.Branch, &h.set.Remote: f.Remote, &h.set.EnvFile: f.EnvFile,
	} {
		*to = cmp.Or(flag, *to)
	}
	if h.set.EnvFile == "" {
		return nil
	}
	vars, err := hooks.ReadEnv(h.set.EnvFile)
	if err != nil {
		if h.kind == hooks.PrePushHook {
			fmt.Fprintln(h.s.err, "kv-sync: "+term.Lines(err.Error()))
			return nil // the push is checked without credentials
		}
		return &app.UsageError{Err: err}
	}
	outer := h.s.getenv
	h.s.getenv = func(name string) string { return cmp.Or(vars[name], outer(name)) }
	return nil
}

// open opens the site of a commit, or of the work tree for "".
func (h *hookRun) open(ctx context.Context, commit string, with func(*app.Inputs)) (*app.Site, error) {
	in := app.Inputs{
		Root: cmp.Or(h.r.Top, h.r.GitDir), Name: h.set.Name, Directory: h.set.Dir, Commit: commit, Getenv: h.getenv,
		Offline: true, // a check needs no account; plan, upload and deploy run only if reachable found one
		Log:     term.New(h.s.err, h.s.err, h.s.getenv).Log(false),
	}
	if with != nil {
		with(&in)
	}
	site, err := app.Open(ctx, in)
	if err != nil {
		return nil, h.explain(err)
	}
	h.opened = append(h.opened, site)
	return site, nil
}

// getenv reads the environment. For GIT_DIR and GIT_WORK_TREE it returns those of the hook's
// repository.
func (h *hookRun) getenv(name string) string {
	switch name {
	case "GIT_DIR":
		if h.r.Top == "" {
			return "" // a bare repository: open passes its directory as the root
		}
		return h.r.GitDir
	case "GIT_WORK_TREE":
		return h.r.Top
	}
	return h.s.getenv(name)
}

// named returns the site's name from the hook's settings or variables, or "". Suggested commands
// contain it, because a person's shell may not have these variables.
func (h *hookRun) named() string { return cmp.Or(h.set.Name, h.s.getenv("KV_SYNC_NAME")) }

// typed returns the flags that select the same site and folder, for a command in a message.
func (h *hookRun) typed() string {
	v := options.Values{options.Name: h.named(), options.Directory: h.set.Dir}
	return v.Typed(word, options.GroupSite, options.GroupSource)
}

// pushed returns the site that a pre-push hook checks. Its settings are those of the work tree, or of
// HEAD if git is not in one. Its functions that need an account are set only if the settings name
// one and have credentials.
func (h *hookRun) pushed(ctx context.Context, r *hooks.Repository) (*hooks.Site, error) {
	commit := ""
	if r.Top == "" {
		commit = "HEAD"
	}
	site, err := h.open(ctx, commit, nil)
	if err != nil {
		return nil, err
	}
	set := site.Settings()
	out := &hooks.Site{
		Branch: cmp.Or(h.set.Branch, set.Branch), Remote: cmp.Or(h.set.Remote, set.Remote),
		Again: "kv-sync deploy" + h.typed(),
	}
	prefix, err := filepath.Rel(cmp.Or(r.Top, r.GitDir), set.Root)
	if err != nil {
		return nil, fmt.Errorf("find the project in its repository: %w", err)
	}
	out.Directory = filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(set.Directory)))
	if out.Directory == "." {
		out.Directory = ""
	}
	for _, f := range append(set.Files[:len(set.Files):len(set.Files)], config.ProjectFile) {
		out.Settings = append(out.Settings, filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(f))))
	}
	out.Check = h.check
	if reachable(set) {
		out.Plan, out.Upload, out.Deploy = h.plan, h.upload, h.deploy
	}
	return out, nil
}

// received returns the site that a post-receive hook deploys. Its settings are read from HEAD,
// because pushers cannot change which branch HEAD names.
func (h *hookRun) received(ctx context.Context, _ *hooks.Repository) (*hooks.Site, error) {
	out := &hooks.Site{Branch: h.set.Branch, Again: "kv-sync deploy" + h.typed()}
	if h.s.getenv("CLOUDFLARE_API_TOKEN") != "" && h.s.getenv("CLOUDFLARE_ACCOUNT_ID") != "" {
		out.Deploy = h.deploy
	}
	site, err := h.open(ctx, "HEAD", nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil { // otherwise the deploy of the pushed commit reports the error
		out.Branch = cmp.Or(out.Branch, site.Settings().Branch)
		if reachable(site.Settings()) {
			out.Deploy = h.deploy
		}
	}
	return out, nil
}

// reachable reports whether the settings name an account and have credentials for it.
func reachable(set *config.Settings) bool {
	return set.Account != "" && (set.Token != "" || set.APIKey != "")
}

func (h *hookRun) check(ctx context.Context, commit string) error {
	site, err := h.open(ctx, commit, nil)
	if err != nil {
		return err
	}
	return h.explain(site.Check(ctx))
}

// plan does not retry connections, so that a push does not wait for an unreachable network.
func (h *hookRun) plan(ctx context.Context, commit string) (*plan.Plan, error) {
	planCtx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	shared := app.NewShared()
	defer shared.Close()
	shared.Transport = dialOnce{shared.Transport, giveUp}
	site, err := h.open(planCtx, commit, func(in *app.Inputs) { in.Shared, in.Log = shared, nil })
	if err != nil {
		return nil, err
	}
	p, err := site.Plan(planCtx, plan.Options{})
	if err != nil && ctx.Err() == nil && planCtx.Err() != nil {
		return nil, context.Cause(planCtx)
	}
	return p, h.explain(err)
}

// dialOnce is a transport that calls giveUp at the first connection that cannot be opened.
type dialOnce struct {
	http.RoundTripper
	giveUp context.CancelCauseFunc
}

// RoundTrip implements [http.RoundTripper].
func (d dialOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := d.RoundTripper.RoundTrip(req)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		d.giveUp(fmt.Errorf("%s cannot be reached: %w", req.URL.Host, dial.Err))
	}
	return res, err
}

func (h *hookRun) upload(ctx context.Context, commit string, alive func()) error {
	return h.act(ctx, commit, alive, func(site *app.Site, console *term.Console) error {
		done, err := site.UploadAhead(ctx, plan.Options{})
		switch {
		case err != nil:
			return err
		case done.Receipt:
			console.Say("Uploaded ahead: %s. The deploy of this commit only switches.", humanize.Count(done.Uploaded, "file"))
		default:
			console.Say("Nothing was uploaded ahead: the deploy sends these files with its own requests.")
		}
		return nil
	})
}

func (h *hookRun) deploy(ctx context.Context, commit string, alive func()) error {
	return h.act(ctx, commit, alive, func(site *app.Site, console *term.Console) error {
		res, err := site.Deploy(ctx, plan.Options{})
		if err == nil {
			name := options.Values{options.Name: h.named()}
			console.Result(res, site.Stats(), "kv-sync rollback"+name.Typed(word, options.GroupSite))
		}
		return err
	})
}

// act opens the site of a commit and calls work. It prints to standard error. It calls alive
// whenever the run makes progress: see [hooks.Site].
func (h *hookRun) act(
	ctx context.Context, commit string, alive func(), work func(*app.Site, *term.Console) error,
) error {
	console := term.New(h.s.err, h.s.err, h.s.getenv)
	defer console.Close()
	shared := app.NewShared()
	defer shared.Close()
	shared.Transport = progressTransport{shared.Transport, alive}
	site, err := h.open(ctx, commit, func(in *app.Inputs) {
		in.Shared = shared
		in.Progress = func(p site.Progress) {
			alive()
			if p.Plan != nil {
				allowFor(p.Plan)
			}
			console.Progress(p)
		}
	})
	if err != nil {
		return err
	}
	printed := 0
	note := func() {
		for _, n := range advice.Terminal.Problems(site.Notices[printed:]) {
			console.Say("Note: %s", n)
		}
		printed = len(site.Notices)
	}
	note() // prints the notices about the configuration; those about the code follow
	err = work(site, console)
	note()
	return h.explain(err)
}

// progressTransport is a transport that calls alive when it sends a part of a request, and for
// every response.
type progressTransport struct {
	http.RoundTripper
	alive func()
}

// RoundTrip implements [http.RoundTripper].
func (t progressTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = progressBody{req.Body, t.alive}
	}
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil {
		t.alive()
	}
	return res, err
}

// progressBody is a request body that calls alive at every read.
type progressBody struct {
	io.ReadCloser
	alive func()
}

// Read implements [io.Reader].
func (b progressBody) Read(p []byte) (int, error) {
	b.alive()
	return b.ReadCloser.Read(p)
}

// explain adds the fix to an error that a pre-push hook prints as a notice. Other errors end the
// command, which adds the fix itself.
func (h *hookRun) explain(err error) error {
	if err == nil || h.kind == hooks.PostReceiveHook || errors.Is(err, context.Canceled) {
		return err
	}
	return explained{err}
}
