package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Received is the input of a post-receive hook, and where its output goes: git sends
// it to the person who pushed.
type Received struct {
	Lines   io.Reader
	Notices io.Writer
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Stall ends a deploy without progress. The default is 2 minutes.
	Stall time.Duration
}

// PostReceive deploys the current head of the deployed branch, if the push changed it.
// If another push followed, that head is newer than the commit in git's line. The branch
// is Site.Branch, or that of the repository's HEAD. Site.Deploy gets its full ref name.
//
// An error does not undo the push. open is called only if the push changed a branch.
func PostReceive(ctx context.Context, r *Repository, in Received, open func(context.Context, *Repository) (*Site,
	error)) error {
	if in.Getenv == nil {
		in.Getenv = os.Getenv
	}
	if in.Getenv("KV_SYNC_HOOK") == "off" {
		return nil
	}
	if in.Getenv("GIT_QUARANTINE_PATH") != "" {
		// In a pre-receive hook an error would refuse the push.
		say(in.Notices, "nothing is deployed, because git has not accepted the push yet; "+
			"run this in the hook post-receive, not in pre-receive")
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
		in.notDeployed(ctx, r, site.Branch, ref, updates)
		return malformed
	case updates[at].deletes():
		say(in.Notices, "%s is deleted; what is live stays as it is", branch)
		return malformed
	case site.Deploy == nil:
		return errors.Join(malformed, fmt.Errorf("%s was not deployed: this hook has no CLOUDFLARE_API_TOKEN and "+
			"CLOUDFLARE_ACCOUNT_ID; give it a file with them: kv-sync hook install --env-file FILE", branch))
	}
	switch exists, err := r.hasCommit(ctx, ref); {
	case err != nil:
		return errors.Join(malformed, err)
	case !exists:
		say(in.Notices, "%s was deleted meanwhile; what is live stays as it is", branch)
		return malformed
	}
	deploy := func(ctx context.Context, alive func()) error { return site.Deploy(ctx, ref, alive) }
	err = withStallLimit(ctx, cmp.Or(in.Stall, 2*time.Minute), deploy)
	if err != nil && site.Again != "" && ctx.Err() == nil {
		say(in.Notices, "%s is received and was not deployed; to deploy it again, on the server in %s: %s --commit %s",
			branch, r.GitDir, site.Again, branch)
	}
	return errors.Join(malformed, err)
}

// notDeployed says why nothing is deployed, after a push without the deployed branch. set is that branch
// if it is a setting, and "" if it is the one that HEAD names. ref is its full name. HEAD may name a
// branch that does not exist: a new bare repository whose first push has a branch of another name.
func (in Received) notDeployed(ctx context.Context, r *Repository, set, ref string, updates []update) {
	at := slices.IndexFunc(updates, func(u update) bool { return !u.deletes() })
	exists, err := r.hasCommit(ctx, ref)
	if at < 0 || err != nil {
		return
	}
	received := strings.TrimPrefix(updates[at].remoteRef, "refs/heads/")
	switch {
	case exists:
		say(in.Notices, "%s was received; %s is deployed here", received, strings.TrimPrefix(ref, "refs/heads/"))
	case set != "":
		say(in.Notices, "nothing is deployed, because the branch %s is deployed here, which does not exist; "+
			"to deploy the received branch, on the server: kv-sync hook install --branch %s",
			set, received)
	default:
		say(in.Notices, "nothing is deployed, because HEAD of this repository names %s, which does not exist; "+
			"to deploy the received branch, on the server: git symbolic-ref HEAD %s", ref, updates[at].remoteRef)
	}
}

// Instead returns the branches that exist, if a branch does not. It returns none if that branch exists.
func (r *Repository) Instead(ctx context.Context, branch string) ([]string, error) {
	out, err := r.git(ctx, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/")
	if err != nil {
		return nil, fmt.Errorf("list the branches: %w", err)
	}
	all := strings.Fields(out)
	if slices.Contains(all, branch) {
		return nil, nil
	}
	return all, nil
}

// Deployed returns the branch that a server deploys: the given one, else that of HEAD.
func (r *Repository) Deployed(ctx context.Context, branch string) (string, error) {
	if branch != "" {
		return branch, nil
	}
	name, err := r.git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	if saysNo(err) {
		return "", errors.New("the branch to deploy is unknown, because HEAD is not on a branch; " +
			"set it: kv-sync hook install --branch NAME")
	}
	if err != nil {
		return "", fmt.Errorf("read the branch of HEAD: %w", err)
	}
	return name, nil
}

// hasCommit reports whether a ref exists and is a commit.
func (r *Repository) hasCommit(ctx context.Context, ref string) (bool, error) {
	_, err := r.git(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if saysNo(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", ref, err)
	}
	return true, nil
}
