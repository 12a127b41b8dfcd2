package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// OpenCheckout returns the commit that is checked out where a published folder
// lies: what the folder was built from, if it is not tracked itself. It is
// opened at the project's own folder, options.WorkDir. ErrNoRepository is
// returned (wrapped) where there is no repository, or none that tracks the
// project. It is closed by its Close.
func OpenCheckout(ctx context.Context, options Options) (*Commit, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	repo, err := locate(ctx, options)
	if err != nil {
		return nil, err
	}
	c, err := repo.project(ctx, options)
	if errors.Is(err, errNotCommitted) {
		return nil, fmt.Errorf("%s: %w that tracks it", options.WorkDir, ErrNoRepository)
	}
	return c, err
}

// project opens the commit that is checked out at the project's folder, which
// may lie above the repository.
func (r *repository) project(ctx context.Context, o Options) (*Commit, error) {
	at := Options{WorkDir: o.WorkDir, Top: o.Top, Revision: o.Revision, Boundary: o.Boundary, Getenv: o.Getenv, Log: o.Log}
	if root, err := filepath.Abs(o.WorkDir); err == nil && r.top != "" {
		if rel, err := filepath.Rel(evalExisting(root), evalExisting(r.top)); err == nil && filepath.IsLocal(rel) {
			at.WorkDir = r.top
		}
	}
	return openIn(ctx, r, at)
}

// Remotes returns the addresses of the clone's remotes, origin first. Each is
// "host/owner/name" in lower case, without user and password. An address that is
// none of a forge's, such as a folder's, is left out.
func (c *Commit) Remotes() []string {
	config, known, err := parseConfig(filepath.Join(c.repo.commonDir, "config"))
	if err != nil || !known {
		return nil
	}
	var first, others []string
	for _, remote := range config.Section("remote").Subsections {
		for _, address := range remote.OptionAll("url") {
			name := RemoteName(address)
			switch {
			case name == "":
			case remote.Name == "origin":
				first = append(first, name)
			default:
				others = append(others, name)
			}
		}
	}
	slices.Sort(others)
	return append(first, others...)
}

// RemoteName is "host/owner/name" of a remote's address, in lower case, or ""
// for an address that names no host.
func RemoteName(address string) string {
	address = strings.TrimSpace(address)
	host, path := "", ""
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Scheme == "file" {
			return ""
		}
		host, path = u.Hostname(), u.Path
	} else {
		login, rest, ok := strings.Cut(address, ":")
		if !ok || strings.ContainsAny(login, "/\\") || len(login) == 1 { // a path, on Windows with a drive
			return ""
		}
		host, path = login[strings.LastIndex(login, "@")+1:], rest
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if host == "" || path == "" {
		return ""
	}
	return strings.ToLower(host + "/" + path)
}

// Dirty reports whether a tracked file of the work tree differs from what is
// staged. It costs a look at each tracked file, and reads those whose times or
// sizes changed.
func (c *Commit) Dirty(ctx context.Context) (bool, error) {
	if c.repo.top == "" {
		return false, nil
	}
	written, err := os.Stat(c.repo.index)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(c.repo.index, c.repo.idBytes)
	if err != nil {
		return false, err
	}
	for i := range entries {
		e := &entries[i]
		if e.mode&modeKind == modeGitlink || e.mode&modeKind == modeDir || e.assumed || e.left {
			continue
		}
		if e.conflict || !unchanged(c.repo.top, e, written.ModTime()) {
			return true, nil
		}
		if i%1024 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return false, nil
}

// Head is what is known of a checkout whose objects cannot be read here.
type Head struct {
	// ID is the commit's id in hexadecimal, or "".
	ID string
	// Remotes is as [Commit.Remotes] returns it.
	Remotes []string
}

// ReadHead reads the name of the commit that is checked out, and no object. It
// is for a repository for which [OpenCheckout] returns ErrUnreadable.
func ReadHead(ctx context.Context, options Options) (Head, error) {
	options = options.withDefaults()
	repo, err := locate(ctx, options)
	if err != nil {
		return Head{}, err
	}
	h := Head{Remotes: (&Commit{repo: repo}).Remotes()}
	if repo.idBytes != sha1Bytes {
		return h, nil
	}
	store, err := openStorage(repo)
	if err != nil {
		return h, nil //nolint:nilerr // then its id is not known
	}
	defer store.Close() //nolint:errcheck // only read
	h.ID = store.ref("HEAD")
	return h, nil
}
