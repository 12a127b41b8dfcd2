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
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/planview"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Push is what git tells a pre-push hook, and where to answer.
type Push struct {
	// Mode is what to do with the push; "" is Check.
	Mode Mode
	// Remote and URL are the hook's arguments. Without a named remote both are
	// the URL. The URL may be left out: git knows it by the name.
	Remote, URL string
	// Lines is the hook's standard input.
	Lines io.Reader
	// Notices is where lines for people go, standard error.
	Notices io.Writer
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// PlanTimeout bounds the look at the live site in mode Check (default 5 s): a
	// push does not wait for a network that does not answer.
	PlanTimeout time.Duration
	// Stall is how long an upload or a deploy may stand still (default 2 min).
	Stall time.Duration
}

// Site is what a push is for.
type Site struct {
	// Branch and Remote say which pushes are meant; "" leaves it to
	// [Repository.Target].
	Branch, Remote string
	// Directory is what is published, relative to the top of the repository and
	// with "/"; "" is the whole. Settings are files beside it that decide what is
	// published, e.g. kv-sync.toml. A push that changes neither has no file to
	// check or to upload.
	Directory string
	Settings  []string
	// Check lists the commit's files, on this machine alone. Its
	// *kvsync.RefusedError blocks the push, as those of the others do.
	Check func(ctx context.Context, commit string) error
	// Plan compares the commit with the live site and writes nothing. This and
	// the next two are nil where there are no credentials.
	Plan func(ctx context.Context, commit string) (*kvsync.Plan, error)
	// Upload sends the commit's files ahead, Deploy makes it live; both tell
	// the person what they did. They call alive for each sign of life.
	Upload, Deploy func(ctx context.Context, commit string, alive func()) error
	// Again is the command that deploys a commit, without the commit.
	Again string
}

// PrePush judges a push, and in the modes Upload and Deploy does what they say.
// It returns an error, and so blocks the push, if the deployed branch would get
// a file that must not be published, or if the person gave up waiting.
// Everything else is a notice, git's own lines included where they make no
// sense: what cannot be judged is not kv-sync's to stop.
//
// A push that touches no asset needs in the modes Check and Upload neither the
// network nor a file of the site. open is called once the push is known to
// change a branch.
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
			return id // "" makes no sense of the update
		}
		if u, ok := fromPreCommit(p.Getenv, resolve); ok {
			updates = []update{u}
			p.Remote, p.URL = cmp.Or(p.Remote, p.Getenv("PRE_COMMIT_REMOTE_NAME")), cmp.Or(p.URL, p.Getenv("PRE_COMMIT_REMOTE_URL"))
		}
	}
	if len(updates) == 0 {
		return ctx.Err()
	}
	site, err := open(ctx, r)
	if err != nil {
		return p.unjudged(ctx, err)
	}
	target, err := r.Target(ctx, site.Branch, site.Remote)
	if err != nil {
		return p.unjudged(ctx, err)
	}
	updates = slices.DeleteFunc(updates, func(u update) bool { return !target.has(u.remoteRef) })
	if len(updates) == 0 || !r.pushedTo(ctx, target, p.Remote, p.URL) {
		if len(updates) > 0 && target.Remote == "" {
			p.say(`this push was not looked at: nothing says which remote the site is deployed from; write remote = "…" into kv-sync.toml`)
		}
		return ctx.Err()
	}
	seen := map[string]bool{}
	for _, u := range updates {
		switch {
		case u.deletes():
			p.say("%s is deleted on %s; what is live stays as it is", u.remoteRef, Shown(p.Remote))
		case !seen[u.local]: // one commit may go to two branches
			seen[u.local] = true
			if err := p.judge(ctx, r, site, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge looks at one update.
func (p Push) judge(ctx context.Context, r *Repository, site *Site, u update) error {
	if p.Mode != Deploy && !u.creates() && r.sameSite(ctx, site, u.remote, u.local) {
		return nil
	}
	switch {
	case p.Mode == Upload && site.Upload != nil:
		return p.act(ctx, site, u, action{do: site.Upload, undone: "its files were not uploaded ahead"})
	case p.Mode == Deploy && site.Deploy != nil:
		again := site.Again + " --commit " + u.local[:12]
		return p.act(ctx, site, u, action{do: site.Deploy, undone: "the site was not deployed", again: again})
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
		p.say("%s can be published; %s the site was not deployed; to deploy it: %s --commit %s", u.localRef, missing, site.Again, u.local[:12])
	default:
		p.say("%s can be published; %s the live site was not looked at", u.localRef, missing)
	}
	return nil
}

// plan compares the commit with the live site. Where that does not answer, this
// machine alone judges.
func (p Push) plan(ctx context.Context, site *Site, u update) error {
	planCtx, cancel := context.WithTimeout(ctx, cmp.Or(p.PlanTimeout, 5*time.Second))
	defer cancel()
	plan, err := site.Plan(planCtx, u.local)
	var refused *kvsync.RefusedError
	var guard *kvsync.GuardError
	switch {
	case err == nil && plan.NoChange:
		p.say("%s changes nothing on the live site", u.localRef)
	case err == nil:
		v := planview.Of(advice.Terminal, plan, "kv-sync deploy --forget")
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
			p.say("%s can be published, but as things are its deploy will be refused: %v", u.localRef, guard)
			return nil
		}
		if planCtx.Err() != nil {
			err = errors.New("no answer in time")
		}
		p.say("%s can be published; the live site was not looked at: %v", u.localRef, err)
	}
	return nil
}

// action is an upload or a deploy of a pushed commit.
type action struct {
	do func(ctx context.Context, commit string, alive func()) error
	// undone says what a failure leaves undone, again is the command that does it, or "".
	undone, again string
}

// act uploads or deploys. Where that fails this machine alone judges whether the
// push may go on.
func (p Push) act(ctx context.Context, site *Site, u update, a action) error {
	err := watched(ctx, cmp.Or(p.Stall, 2*time.Minute), func(ctx context.Context, alive func()) error {
		return a.do(ctx, u.local, alive)
	})
	if err == nil {
		return nil
	}
	var refused *kvsync.RefusedError
	if errors.As(err, &refused) || ctx.Err() != nil {
		return p.blocked(ctx, u, err)
	}
	if err := site.Check(ctx, u.local); err != nil && (errors.As(err, &refused) || ctx.Err() != nil) {
		return p.blocked(ctx, u, err)
	}
	if errors.Is(err, kvsync.ErrUnknown) {
		a.undone = "it could not be determined whether the site was deployed"
	}
	p.say("%s: %v", a.undone, err)
	var guard *kvsync.GuardError
	switch {
	case errors.As(err, &guard) && a.again != "":
		p.say("the push goes on; to deploy it, with the flag that is named above: %s", a.again)
	case a.again != "":
		p.say("the push goes on; to deploy it: %s", a.again)
	}
	return nil
}

// blocked stops the push for a file that must not be published, and for a
// person who gave up. Any other error lets it pass.
func (p Push) blocked(ctx context.Context, u update, err error) error {
	var refused *kvsync.RefusedError
	if ctx.Err() == nil && errors.As(err, &refused) {
		return fmt.Errorf("push of %s to %s: %w\nMend that, or push without this check: git push --no-verify", u.localRef, Shown(p.Remote), refused)
	}
	return p.unjudged(ctx, err)
}

// unjudged tells what kept the push from being checked, and lets it pass,
// unless the person gave up waiting.
func (p Push) unjudged(ctx context.Context, err error) error {
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

// sameSite reports whether two commits hold the same site. A commit that this
// clone does not have is not the same.
func (r *Repository) sameSite(ctx context.Context, site *Site, before, after string) bool {
	args := []string{"diff-tree", "-r", "--quiet", before, after}
	if site.Directory != "" && site.Directory != "." {
		args = append(args, "--", ":(top,literal)"+filepath.ToSlash(site.Directory))
		for _, s := range site.Settings {
			args = append(args, ":(top,literal)"+filepath.ToSlash(s))
		}
	}
	_, err := r.git(ctx, args...)
	return err == nil
}
