package hooks

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Target is which pushes concern a site: those of a branch to a remote.
type Target struct {
	// Branches are the branches that may be deployed: one, or where nobody can
	// tell which, main and master.
	Branches []string
	// Remote is the remote's name in this repository, or its URL; "" where nothing
	// says which, so that no push is meant.
	Remote string
}

// Target settles which pushes concern the site. What is given counts. Else the
// remote is the one that the branch tracks, else origin, else the only one; and
// the branch is the default branch of that remote, as this clone knows it.
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

// findRemote settles the remote that nobody named.
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

// pushedTo reports whether a push to a remote, as git names it to the hook, goes
// to the target: by its name, or by a URL that is the same place. Where to is "",
// git knows it by the name.
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
	if samePlace(t.Remote, to) {
		return true
	}
	// A remote under another name, or a URL that was typed: git knows what the
	// target's own URLs become.
	urls, err := r.git(ctx, "remote", "get-url", "--push", "--all", "--", t.Remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(urls, "\n"), func(u string) bool { return samePlace(u, to) })
}

func samePlace(a, b string) bool { return a != "" && b != "" && place(a) == place(b) }

// place is a URL or path without what does not change where it leads: how it
// is reached, as whom, and a ".git" at the end.
func place(remote string) string {
	remote = strings.ReplaceAll(strings.TrimSpace(remote), `\`, "/")
	host, file := "", remote
	if u, err := url.Parse(remote); err == nil && strings.Contains(remote, "://") {
		host, file = strings.ToLower(u.Host), u.Path
		standard := map[string]string{"ssh": ":22", "https": ":443", "http": ":80", "git": ":9418"}
		host = strings.TrimSuffix(host, standard[strings.ToLower(u.Scheme)])
	} else if before, after, ok := strings.Cut(remote, ":"); ok && len(before) > 1 && !strings.Contains(before, "/") {
		// "git@host:path" of ssh. One letter is a drive.
		host, file = strings.ToLower(before[strings.LastIndexByte(before, '@')+1:]), after
	}
	file = path.Clean("/" + file)
	if host == "" && !strings.HasPrefix(remote, "/") && !strings.Contains(remote, "://") {
		file = path.Clean(remote) // a path from here
	}
	return host + strings.TrimSuffix(file, ".git")
}

// Shown is a remote as it may be printed: without the name and the password
// that a URL can hold.
func Shown(remote string) string {
	if scheme, rest, ok := strings.Cut(remote, "://"); ok {
		authority, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			return scheme + "://" + rest[at+1:]
		}
	}
	return remote
}
