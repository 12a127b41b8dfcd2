package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Push is what git tells a pre-push hook, and where to answer.
type Push struct {
	// Remote and URL are the hook's arguments. Without a named remote both are
	// the URL.
	Remote, URL string
	// Lines is the hook's standard input.
	Lines io.Reader
	// Notices is where lines for people go, standard error.
	Notices io.Writer
	// PlanTimeout bounds the look at the live site (default 5 s): a push does
	// not wait for a network that does not answer.
	PlanTimeout time.Duration
}

// Site is what a push is checked for.
type Site struct {
	// Branch is the branch that is deployed. "": the remote's default branch as
	// this clone knows it, else main and master.
	Branch string
	// Directory is what is published, relative to the top of the repository and
	// with "/"; "" is the whole. Settings are files beside it that decide what is
	// published, e.g. kv-sync.toml. A push that changes neither passes unread.
	Directory string
	Settings  []string
	// Check lists the commit's files, on this machine alone. Its
	// *kvsync.RefusedError blocks the push.
	Check func(ctx context.Context, commit string) error
	// Plan compares the commit with the live site and writes nothing. It is nil
	// where there are no credentials.
	Plan func(ctx context.Context, commit string) (*kvsync.Plan, error)
}

// PrePush judges a push. It returns an error, and so blocks the push, if the
// deployed branch would get a file that must not be published, or if git's
// lines make no sense; everything else is a notice. It writes nothing, and a
// push that touches no asset needs neither the network nor a file of the site.
//
// open is called once the push is known to update a branch.
func PrePush(ctx context.Context, r *Repository, p Push, open func(context.Context, *Repository) (*Site, error)) error {
	updates, err := readUpdates(p.Lines)
	if err != nil {
		return err
	}
	if os.Getenv("KV_SYNC_HOOK") == "off" || !anyBranch(updates) {
		return nil
	}
	site, err := open(ctx, r)
	if err != nil {
		return p.unjudged(ctx, err)
	}
	branches := r.deployed(ctx, site.Branch, p.Remote)
	for _, u := range updates {
		if u.deletes() || !branches[u.remoteRef] {
			continue
		}
		if err := p.judge(ctx, r, site, u); err != nil {
			return err
		}
	}
	return nil
}

func anyBranch(updates []update) bool {
	for _, u := range updates {
		if !u.deletes() && len(u.remoteRef) > len("refs/heads/") && u.remoteRef[:len("refs/heads/")] == "refs/heads/" {
			return true
		}
	}
	return false
}

// judge looks at one update. What blocks is decided on this machine; the live
// site only adds what the push will do there.
func (p Push) judge(ctx context.Context, r *Repository, site *Site, u update) error {
	if !u.creates() && r.sameSite(ctx, site, u.remote, u.local) {
		return nil
	}
	err := site.Check(ctx, u.local)
	var refused *kvsync.RefusedError
	if errors.As(err, &refused) {
		return fmt.Errorf("push of %s to %s: %w\nMend that, or push without this check: git push --no-verify", u.localRef, p.Remote, refused)
	}
	if err != nil {
		return p.unjudged(ctx, err)
	}
	if site.Plan == nil {
		p.say("%s can be published; without CLOUDFLARE_API_TOKEN the live site was not looked at", u.localRef)
		return nil
	}
	planCtx, cancel := context.WithTimeout(ctx, cmp.Or(p.PlanTimeout, 5*time.Second))
	defer cancel()
	plan, err := site.Plan(planCtx, u.local)
	switch {
	case errors.As(err, &refused): // the live site's rules may say more than the commit alone
		return fmt.Errorf("push of %s to %s: %w", u.localRef, p.Remote, refused)
	case err != nil && ctx.Err() == nil && planCtx.Err() != nil:
		p.say("%s can be published; the live site was not looked at: no answer in time", u.localRef)
	case err != nil:
		return p.unjudged(ctx, err)
	case plan.NoChange:
		p.say("%s changes nothing on the live site", u.localRef)
	default:
		p.say("%s adds %d, changes %d and removes %d of the live site's files (%d to upload)",
			u.localRef, len(plan.Added), len(plan.Changed), len(plan.Removed), plan.Blobs)
	}
	return nil
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

func (p Push) say(format string, args ...any) {
	fmt.Fprintf(p.Notices, "kv-sync: "+format+"\n", args...)
}

// deployed is the set of refs on the remote whose pushes are judged.
func (r *Repository) deployed(ctx context.Context, branch, remote string) map[string]bool {
	if branch != "" {
		return map[string]bool{"refs/heads/" + branch: true}
	}
	prefix := "refs/remotes/" + remote + "/"
	if head, err := r.git(ctx, "symbolic-ref", "--quiet", prefix+"HEAD"); err == nil && len(head) > len(prefix) {
		return map[string]bool{"refs/heads/" + head[len(prefix):]: true}
	}
	return map[string]bool{"refs/heads/main": true, "refs/heads/master": true}
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
