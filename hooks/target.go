package hooks

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Target selects the pushes that concern a site: those of a branch to a remote.
type Target struct {
	// Branches are the branches that may be deployed: one, or main and master if the
	// deployed branch is unknown.
	Branches []string
	// Remote is the remote's name in this repository, or its URL. "" means unknown and
	// matches no push.
	Remote string
}

// Target returns the target for a given branch and remote. The default remote is the
// one that the branch tracks, or origin, or the only one. The default branch is the
// remote's default branch, if this clone knows it.
func (r *Repository) Target(ctx context.Context, branch, remote string) (*Target, error) {
	t := &Target{Remote: remote}
	if branch != "" {
		t.Branches = []string{branch}
	} else {
		t.Branches = []string{"main", "master"}
	}
	if remote == "" {
		if err := r.findRemote(ctx, t); err != nil {
			return nil, err
		}
	}
	if branch == "" && t.Remote != "" {
		prefix := "refs/remotes/" + t.Remote + "/"
		head, err := r.git(ctx, "symbolic-ref", "--quiet", prefix+"HEAD")
		if name, ok := strings.CutPrefix(head, prefix); err == nil && ok && name != "" {
			t.Branches = []string{name}
		}
	}
	return t, ctx.Err()
}

// findRemote finds the default remote.
func (r *Repository) findRemote(ctx context.Context, t *Target) error {
	tracked, err := r.config(ctx, "", "branch.")
	if err != nil {
		return err
	}
	for _, branch := range t.Branches {
		for _, v := range slices.Backward(tracked) {
			if v.name == branch+".remote" && v.value != "." { // "." is this repository
				t.Remote = v.value
				return nil
			}
		}
	}
	known, err := r.config(ctx, "", "remote.")
	if err != nil {
		return err
	}
	var names []string
	for _, v := range known {
		name, ok := strings.CutSuffix(v.name, ".url")
		if name == "origin" && ok {
			t.Remote = name
			return nil
		}
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		t.Remote = names[0]
	}
	return nil
}

// has reports whether a ref on the remote is a branch that may be deployed.
func (t *Target) has(ref string) bool {
	name, ok := strings.CutPrefix(ref, "refs/heads/")
	return ok && slices.Contains(t.Branches, name)
}

// unclear reports whether a push may be of a branch that is not the deployed one: more than
// one of the target's branches is pushed or known here.
func (r *Repository) unclear(ctx context.Context, t *Target, updates []update) bool {
	commits := map[string]string{}
	for _, u := range updates {
		if !u.deletes() {
			commits[strings.TrimPrefix(u.remoteRef, "refs/heads/")] = u.local
		}
	}
	if len(commits) == 0 {
		return false
	}
	found := map[string]bool{} // the different commits of these branches
	for _, branch := range t.Branches {
		commit := commits[branch]
		for _, ref := range []string{"refs/remotes/" + t.Remote + "/" + branch, "refs/heads/" + branch} {
			if commit == "" {
				commit, _ = r.git(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}") // "" if there is none
			}
		}
		if commit != "" {
			found[commit] = true
		}
	}
	return len(found) > 1
}

// pushedTo reports whether a push goes to the target. name and to are the hook's
// arguments; if to is "", git knows the URL by the name. Different URLs of one
// repository match.
func (r *Repository) pushedTo(ctx context.Context, t *Target, name, to string) bool {
	switch t.Remote {
	case "":
		return false
	case name:
		return true
	}
	if to == "" {
		if to, _ = r.git(ctx, "remote", "get-url", "--push", "--", name); to == "" {
			to = name
		}
	}
	if sameRepository(t.Remote, to) {
		return true
	}
	// For another remote's name or a typed URL, compare with the URLs that git uses for
	// the target.
	urls, err := r.git(ctx, "remote", "get-url", "--push", "--all", "--", t.Remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(urls, "\n"), func(u string) bool { return sameRepository(u, to) })
}

func sameRepository(a, b string) bool { return a != "" && b != "" && canonical(a) == canonical(b) }

// canonical returns a URL or path without its scheme, user, standard port and suffix
// ".git". With a host it is in lower case, as forges compare owners and names.
func canonical(remote string) string {
	remote = strings.ReplaceAll(strings.TrimSpace(remote), `\`, "/")
	host, file := "", remote
	if u, err := url.Parse(remote); err == nil && strings.Contains(remote, "://") {
		host, file = strings.ToLower(u.Host), u.Path
		standard := map[string]string{"ssh": ":22", "https": ":443", "http": ":80", "git": ":9418"}
		host = strings.TrimSuffix(host, standard[strings.ToLower(u.Scheme)])
	} else if before, after, ok := strings.Cut(remote, ":"); ok && len(before) > 1 && !strings.Contains(before, "/") {
		// "git@host:path" of ssh. A single letter is a drive.
		host, file = strings.ToLower(before[strings.LastIndexByte(before, '@')+1:]), after
	}
	file = path.Clean("/" + file)
	if host == "" && !strings.HasPrefix(remote, "/") && !strings.Contains(remote, "://") {
		file = path.Clean(remote) // a relative path
	}
	if host != "" {
		file = strings.ToLower(file)
	}
	return host + strings.TrimSuffix(file, ".git")
}

// Shown returns a remote for output, without the user and password of a URL.
func Shown(remote string) string {
	if scheme, rest, ok := strings.Cut(remote, "://"); ok {
		authority, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			return scheme + "://" + rest[at+1:]
		}
	}
	return remote
}
