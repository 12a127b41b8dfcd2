package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Received is what git tells a post-receive hook, and where to answer: git
// passes it on to the person who pushed.
type Received struct {
	Lines   io.Reader
	Notices io.Writer
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Stall is how long a deploy may stand still (default 2 min).
	Stall time.Duration
}

// PostReceive deploys what was pushed to the deployed branch: the commit that
// the branch has now, which is a newer one than git's line says where another
// push came meanwhile. Site's Branch says which that is, else the repository's
// HEAD does. Its Deploy is given the branch's full name.
//
// The push is done, whatever comes back. open is called once the push is known
// to have changed a branch.
func PostReceive(ctx context.Context, r *Repository, in Received, open func(context.Context, *Repository) (*Site, error)) error {
	if in.Getenv == nil {
		in.Getenv = os.Getenv
	}
	if in.Getenv("KV_SYNC_HOOK") == "off" {
		return nil
	}
	if in.Getenv("GIT_QUARANTINE_PATH") != "" {
		// Of a pre-receive hook any error would refuse the push.
		say(in.Notices, "nothing is deployed: git has not accepted the push yet; call this from the hook post-receive, not from pre-receive")
		return nil
	}
	updates, malformed := readUpdates(PostReceiveHook, in.Lines)
	if len(updates) == 0 {
		return malformed
	}
	site, err := open(ctx, r)
	if err != nil {
		return errors.Join(malformed, err)
	}
	branch, err := r.Deployed(ctx, site.Branch)
	if err != nil {
		return errors.Join(malformed, err)
	}
	ref := "refs/heads/" + branch
	at := slices.IndexFunc(updates, func(u update) bool { return u.remoteRef == ref })
	switch {
	case at < 0:
		return malformed
	case updates[at].deletes():
		say(in.Notices, "%s is deleted; what is live stays as it is", branch)
		return malformed
	case site.Deploy == nil:
		return errors.Join(malformed, fmt.Errorf("%s was not deployed: this hook has no CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID; give it a file with them: kv-sync hook install --env-file FILE", branch))
	}
	if _, err := r.git(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}"); err != nil {
		if ctx.Err() == nil {
			say(in.Notices, "%s is gone again; what is live stays as it is", branch)
		}
		return errors.Join(malformed, ctx.Err())
	}
	err = watched(ctx, cmp.Or(in.Stall, 2*time.Minute), func(ctx context.Context, alive func()) error { return site.Deploy(ctx, ref, alive) })
	return errors.Join(malformed, err)
}

// Deployed is the branch that a server deploys: the one that is named, else that
// of HEAD.
func (r *Repository) Deployed(ctx context.Context, branch string) (string, error) {
	if branch != "" {
		return branch, nil
	}
	name, err := r.git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err != nil {
		return "", errors.Join(ctx.Err(), errors.New("nobody says which branch is deployed: HEAD names none; choose it: kv-sync hook install --branch NAME"))
	}
	return name, nil
}
