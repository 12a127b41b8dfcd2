package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Push is the input of a pre-push hook, and where its output goes.
type Push struct {
	// Mode is what the hook does. The default is Check.
	Mode Mode
	// Remote and URL are the hook's arguments. Without a named remote both are the URL.
	// URL may be empty, because git knows it by the name.
	Remote, URL string
	// Lines is the hook's standard input.
	Lines io.Reader
	// Notices receives lines for the person who pushes (standard error).
	Notices io.Writer
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// PlanTimeout limits the comparison with the live site in mode Check, so that a push
	// does not wait for an unreachable network. The default is 5 seconds.
	PlanTimeout time.Duration
	// Stall ends an upload or a deploy without progress. The default is 2 minutes.
	Stall time.Duration
}

// Site is the site of a push, and the operations on it.
type Site struct {
	// Branch and Remote select the pushes that concern the site. For "",
	// [Repository.Target] finds the default.
	Branch, Remote string
	// Directory is the published folder, relative to the top of the repository and with
	// "/"; "" is the whole repository. Settings are other files that decide what is
	// published, such as kv-sync.toml. A push that changes neither needs no check and
	// no upload.
	Directory string
	Settings  []string
	// Check checks the commit's files without network. A *manifest.RefusedError blocks the
	// push, whichever of these functions returns it.
	Check func(ctx context.Context, commit string) error
	// Plan compares the commit with the live site and writes nothing. Plan, Upload and
	// Deploy are nil without credentials.
	Plan func(ctx context.Context, commit string) (*plan.Plan, error)
	// Upload uploads the commit's files before a deploy. Deploy makes the commit live.
	// Both print what they did, and call alive whenever they make progress.
	Upload, Deploy func(ctx context.Context, commit string, alive func()) error
	// Again is the command that deploys a commit, without the option for the commit.
	Again string
}

// PrePush checks a push of the deployed branch, and uploads or deploys it according to
// the mode. It returns an error, which blocks the push, if the commit has a file that
// must not be published, or after a cancellation. Any other problem, such as malformed
// lines, is a notice.
//
// In the modes Check and Upload, a push that changes no asset uses neither the network
// nor the site's files. open is called only if the push changes a branch.
func PrePush(ctx context.Context, r *Repository, p Push, open func(context.Context, *Repository) (*Site, error)) error {
	if p.Getenv == nil {
		p.Getenv = os.Getenv
	}
	if p.Getenv("KV_SYNC_HOOK") == "off" {
		return nil
	}
	updates, err := readUpdates(PrePushHook, p.Lines)
	if err != nil {
		p.say("%v", err)
	} else if len(updates) == 0 {
		resolve := func(revision string) string {
			id, _ := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
			return id // "" makes the update invalid
		}
		if u, ok := fromPreCommit(p.Getenv, resolve); ok {
			updates = []update{u}
			p.Remote = cmp.Or(p.Remote, p.Getenv("PRE_COMMIT_REMOTE_NAME"))
			p.URL = cmp.Or(p.URL, p.Getenv("PRE_COMMIT_REMOTE_URL"))
		}
	}
	if len(updates) == 0 {
		return ctx.Err()
	}
	site, err := open(ctx, r)
	if err != nil {
		return p.unchecked(ctx, err)
	}
	target, err := r.Target(ctx, site.Branch, site.Remote)
	if err != nil {
		return p.unchecked(ctx, err)
	}
	updates = slices.DeleteFunc(updates, func(u update) bool { return !target.has(u.remoteRef) })
	if len(updates) == 0 || !r.pushedTo(ctx, target, p.Remote, p.URL) {
		if len(updates) > 0 && target.Remote == "" {
			p.say(`this push was not checked: the remote that the site is deployed from is unknown; ` +
				`write remote = "…" to kv-sync.toml`)
		}
		return ctx.Err()
	}
	if (p.Mode == Upload || p.Mode == Deploy) && r.unclear(ctx, target, updates) {
		p.say(`it is not known whether %s is deployed, so this push is only checked; write branch = "…" to kv-sync.toml`,
			strings.Join(target.Branches, " or "))
		p.Mode = Check
	}
	seen := map[string]bool{}
	for _, u := range updates {
		switch {
		case u.deletes():
			p.say("%s is deleted on %s; what is live stays as it is", u.remoteRef, Shown(p.Remote))
		case !seen[u.local]: // one commit may go to two branches
			seen[u.local] = true
			if err := p.checkUpdate(ctx, r, site, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkUpdate handles one update according to the mode.
func (p Push) checkUpdate(ctx context.Context, r *Repository, site *Site, u update) error {
	if p.Mode != Deploy && !u.creates() && r.sameSite(ctx, site, u.remote, u.local) {
		return nil
	}
	switch {
	case p.Mode == Upload && site.Upload != nil:
		return p.act(ctx, site, u, action{do: site.Upload, failed: "its files were not uploaded ahead"})
	case p.Mode == Deploy && site.Deploy != nil:
		return p.act(ctx, site, u, action{site.Deploy, "the site was not deployed", site.Again + " --commit " + u.local[:12]})
	case site.Plan != nil:
		return p.plan(ctx, site, u)
	}
	if err := site.Check(ctx, u.local); err != nil {
		return p.blocked(ctx, u, err)
	}
	const missing = "without CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID"
	switch p.Mode {
	case Upload:
		p.say("%s can be published; %s its files were not uploaded ahead", u.localRef, missing)
	case Deploy:
		p.say("%s can be published; %s the site was not deployed; to deploy it: %s --commit %s",
			u.localRef, missing, site.Again, u.local[:12])
	default:
		p.say("%s can be published; %s it was not compared with the live site", u.localRef, missing)
	}
	return nil
}

// plan compares the commit with the live site. After a failure, only the local check can
// block the push.
func (p Push) plan(ctx context.Context, site *Site, u update) error {
	planCtx, cancel := context.WithTimeout(ctx, cmp.Or(p.PlanTimeout, 5*time.Second))
	defer cancel()
	plan, err := site.Plan(planCtx, u.local)
	var refused *manifest.RefusedError
	var guard *guard.Error
	switch {
	case err == nil && plan.NoChange:
		p.say("%s changes nothing on the live site", u.localRef)
	case err == nil:
		v := planview.Reader{Place: advice.Terminal, Forget: "kv-sync deploy --forget"}.View(plan)
		p.say("%s: %s", u.localRef, v.Summary())
		if v.Retires {
			p.say("%s", v.Notes[0])
		}
	case errors.As(err, &refused), ctx.Err() != nil:
		return p.blocked(ctx, u, err)
	default:
		if err := site.Check(ctx, u.local); err != nil {
			return p.blocked(ctx, u, err)
		}
		if errors.As(err, &guard) {
			p.say("%s can be published, but its deploy would be refused now: %v", u.localRef, guard)
			return nil
		}
		if planCtx.Err() != nil {
			err = errors.New("no answer in time")
		}
		p.say("%s can be published; it was not compared with the live site: %v", u.localRef, err)
	}
	return nil
}

// action is an upload or a deploy. failed is the notice if it fails, again the command
// that repeats it, or "".
type action struct {
	do            func(ctx context.Context, commit string, alive func()) error
	failed, again string
}

// act uploads or deploys. After a failure, only the local check can block the push.
func (p Push) act(ctx context.Context, site *Site, u update, a action) error {
	do := func(ctx context.Context, alive func()) error { return a.do(ctx, u.local, alive) }
	err := withStallLimit(ctx, cmp.Or(p.Stall, 2*time.Minute), do)
	if err == nil {
		return nil
	}
	var refused *manifest.RefusedError
	if errors.As(err, &refused) || ctx.Err() != nil {
		return p.blocked(ctx, u, err)
	}
	if err := site.Check(ctx, u.local); err != nil && (errors.As(err, &refused) || ctx.Err() != nil) {
		return p.blocked(ctx, u, err)
	}
	if errors.Is(err, cloud.ErrUnknown) {
		a.failed = "it is unknown whether the site was deployed"
	}
	p.say("%s: %v", a.failed, err)
	var guard *guard.Error
	switch {
	case errors.As(err, &guard) && a.again != "":
		p.say("the push continues; to deploy it, with the flag above: %s", a.again)
	case a.again != "":
		p.say("the push continues; to deploy it: %s", a.again)
	}
	return nil
}

// blocked returns the error that blocks the push, for a file that must not be published
// or a cancellation. Any other error becomes a notice.
func (p Push) blocked(ctx context.Context, u update, err error) error {
	var refused *manifest.RefusedError
	if ctx.Err() == nil && errors.As(err, &refused) {
		return fmt.Errorf("push of %s to %s: %w\nFix that, or push without this check: git push --no-verify",
			u.localRef, Shown(p.Remote), refused)
	}
	return p.unchecked(ctx, err)
}

// unchecked reports why the push was not checked. It blocks the push only after a
// cancellation.
func (p Push) unchecked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.say("this push was not checked: %v", err)
	return nil
}

func (p Push) say(format string, args ...any) { say(p.Notices, format, args...) }

func say(to io.Writer, format string, args ...any) {
	fmt.Fprintln(to, "kv-sync: "+fmt.Sprintf(format, args...))
}

// sameSite reports whether two commits have the same site. A commit that the clone
// does not have is different, and so is one whose site is behind a symlink.
func (r *Repository) sameSite(ctx context.Context, site *Site, before, after string) bool {
	args := []string{"diff-tree", "-r", "--quiet", before, after}
	part := site.Directory != "" && site.Directory != "."
	if part {
		args = append(args, "--", ":(top,literal)"+filepath.ToSlash(site.Directory))
		for _, s := range site.Settings {
			args = append(args, ":(top,literal)"+filepath.ToSlash(s))
		}
	}
	_, err := r.git(ctx, args...)
	return err == nil && (!part || !r.linked(ctx, after, filepath.ToSlash(site.Directory)))
}

// linked reports whether a folder of a commit is a symlink, or is below one. It is true if git
// cannot list the folder.
func (r *Repository) linked(ctx context.Context, commit, folder string) bool {
	args := []string{"ls-tree", "--full-tree", commit}
	for i, c := range folder + "/" {
		if c == '/' {
			args = append(args, folder[:i])
		}
	}
	list, err := r.git(ctx, args...)
	return err != nil || strings.Contains("\n"+list, "\n120000 ")
}
