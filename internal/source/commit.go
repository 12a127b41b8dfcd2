package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/folder"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Commit is a source that reads one directory of one commit.
type Commit struct {
	options Options
	repo    *worktree.Repository
	objects *objects.Reader
	id      string
	commit  *objects.Commit
	dir     string // within the repository; "." is its root
	tree    string // of dir
	// root are the entries of dir, read once for Origin and Files.
	root     []objects.Entry
	boundary map[string]bool
	// attributeFiles are those in force in dir, from the repository's root down to dir.
	attributeFiles []attributeFile
	// inForce are their attributes, once they are read.
	inForce    *attributes.Scope
	hasInForce bool
	// contents keeps small blobs that Files read until the upload opens them.
	contents contentCache
}

var _ manifest.Source = (*Commit)(nil)

// OpenCommit returns the commit that options.Revision names (HEAD if "") as a source. The caller
// closes it.
func OpenCommit(ctx context.Context, options Options) (*Commit, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	repo, err := worktree.Locate(ctx, options.project())
	if errors.Is(err, worktree.ErrNoRepository) {
		// Opening the project's own repository gives a better error: the folder is outside of it.
		if of, ofErr := worktree.Find(options.WorkDir, options.Getenv); ofErr == nil {
			repo, err = of, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return openIn(ctx, repo, options)
}

// ErrNotCommitted is the cause of an error about a folder that the commit does not have, and about a
// branch that has no commit.
var ErrNotCommitted = errors.New("no commit has the folder")

// LimitError reports a commit that is too large to be read. A retry gives the same error.
type LimitError = objects.LimitError

// causedError wraps a cause whose text is not part of the message.
type causedError struct {
	error
	cause error
}

func (e causedError) Unwrap() error { return e.cause }

// openIn opens a commit of a repository.
func openIn(ctx context.Context, repo *worktree.Repository, options Options) (_ *Commit, err error) {
	c := &Commit{options: options, repo: repo}
	if c.dir, err = repo.PathOf(options.project()); err != nil {
		return nil, err
	}
	if c.objects, err = repo.Open(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = c.objects.Close()
		}
	}()
	if err = c.find(ctx); err != nil {
		return nil, err
	}
	if c.commit, err = c.objects.Commit(ctx, c.id); err != nil {
		return nil, err
	}
	if c.boundary, err = c.objects.Shallow(ctx); err != nil {
		return nil, err
	}
	if c.tree, c.root, err = c.objects.Subtree(ctx, c.commit.Tree, c.dir, c.noteAttributes); err != nil {
		return nil, err
	}
	if c.tree == "" {
		return nil, causedError{fmt.Errorf("commit %.12s has no folder %s; commit it, name another folder, "+
			"or publish what is on disk (source: folder)", c.id, c.dir), ErrNotCommitted}
	}
	return c, nil
}

// find finds the commit that the options name.
func (c *Commit) find(ctx context.Context) (err error) {
	revision := cmp.Or(c.options.Revision, "HEAD")
	if c.id, err = c.objects.Resolve(ctx, revision); err == nil {
		return nil
	}
	if branch := c.repo.Branch(); revision == "HEAD" && branch != "" && errors.Is(err, objects.ErrNoRevision) {
		return causedError{fmt.Errorf("find commit: the branch %s has no commit yet; commit first, "+
			"or deploy the folder (source: folder)", branch), ErrNotCommitted}
	}
	if said := (*command.Error)(nil); errors.As(err, &said) {
		return fmt.Errorf("find commit: %w", err)
	}
	return fmt.Errorf("find commit: %w; name a branch, a tag or an id that this clone has, or fetch it first", err)
}

// Measure returns a [*LimitError] if a checkout of the whole commit would be too large.
func (c *Commit) Measure(ctx context.Context) error { return c.objects.Measure(ctx, c.commit.Tree) }

// Close releases what the source holds open. Its files cannot be opened any more.
func (c *Commit) Close() error { return c.objects.Close() }

// Remember implements [manifest.Source]. It does nothing, because git ids identify the content.
func (c *Commit) Remember([]manifest.Asset) {}

// ID returns the commit's id in hexadecimal.
func (c *Commit) ID() string { return c.id }

// Dir returns the published directory, relative to the repository's root and with slashes; "."
// is the root itself.
func (c *Commit) Dir() string { return c.dir }

// Shallow reports whether the clone has only a part of the history. If so, and Compare returns
// an unknown relation, fetching more commits may help.
func (c *Commit) Shallow() bool { return len(c.boundary) > 0 }

// Remotes returns the addresses of the clone's remotes, origin first. Each is
// "host/owner/name" in lower case, without user and password.
func (c *Commit) Remotes() []string { return c.repo.Remotes() }

// Dirty reports whether a tracked file of the work tree differs from what is staged.
func (c *Commit) Dirty(ctx context.Context) (bool, error) { return c.repo.Dirty(ctx) }

// difference describes a difference between what is on disk and what the commit publishes; "" if there
// is none.
func (c *Commit) difference(ctx context.Context) (string, error) {
	files := c.options.ofFolder()
	if c.options.NoFiles {
		files.Patterns, files.GitIgnore = nil, true
	}
	if files.GitIgnore {
		files.Excludes, files.InWorkTree = c.repo.Excludes(ctx), c.dir
	}
	status, err := c.repo.Compare(ctx, worktree.Snapshot{
		Objects: c.objects, Dir: c.dir, Root: c.root,
		Published: folder.Publishes(files), Ignored: !files.GitIgnore, Reread: c.options.Rehash,
	})
	if err != nil || status.Difference != "" {
		return status.Difference, err
	}
	return c.otherBytes(ctx, status)
}

// Reads returns what was read so far.
func (c *Commit) Reads() objects.Reads { return c.objects.Reads() }

// Origin implements [manifest.Source].
func (c *Commit) Origin(context.Context) (manifest.Origin, error) {
	assetsIgnore := ""
	if e, ok := c.rootFile(rules.AssetsIgnoreFile); ok {
		assetsIgnore = e.ID
	}
	rules := rules.Hash(c.options.Patterns, c.options.HTMLHandling, assetsIgnore+c.attributeIDs())
	o := manifest.Origin{
		Kind:    KindCommit,
		ID:      KindCommit + ":" + c.tree + ":" + rules,
		Rules:   rules,
		Edition: manifest.SelectionEdition,
		Dir:     c.dir,
		Commit:  c.id,
		Subject: c.commit.Subject,
		Author:  c.commit.Author,
		Time:    c.commit.Time,
	}
	o.Branch = c.branch()
	return o, nil
}

// branch returns the branch that Options.Revision names, or else the one that is checked out.
func (c *Commit) branch() string {
	if name := c.options.Revision; name != "" && name != "HEAD" && name != "@" {
		if objects.IsHex(name) || strings.ContainsAny(name, "~^@:{") {
			return ""
		}
		return strings.TrimPrefix(name, "refs/heads/")
	}
	return c.repo.Branch()
}

func (c *Commit) rootFile(name string) (objects.Entry, bool) {
	for _, e := range c.root {
		if e.Name == name && e.Kind() == objects.ModeFile {
			return e, true
		}
	}
	return objects.Entry{}, false
}

// Compare implements [manifest.Source].
func (c *Commit) Compare(ctx context.Context, active, next string) (manifest.Relation, error) {
	return objects.Compare(ctx, c.objects, c.boundary, active, next)
}

// Files implements [manifest.Source].
func (c *Commit) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	origin, err := c.Origin(ctx)
	if err != nil {
		return nil, err
	}
	w := &commitWalk{Commit: c, Listing: rules.NewListing(), base: newBase(base, origin)}
	w.opening = &opening{context.WithoutCancel(ctx), c.objects, &c.contents}
	w.Listing.Origin = origin
	if len(w.base.dirs) > 0 {
		// Most files of the live site are still there.
		w.Listing.Files = make([]manifest.File, 0, len(w.base.Assets)+len(w.base.Assets)/16)
	}
	_, w.hasAssetsIgnore = c.rootFile(rules.AssetsIgnoreFile)
	patterns := (*ignore.Scope)(nil).Within("", rules.PatternText(c.options.Patterns))
	if w.attributes, err = c.attributes(ctx); err != nil {
		return nil, err
	}
	top := directory{tree: c.tree, entries: c.root, patterns: patterns, attributes: w.attributes}
	if err := w.list(ctx, top); err != nil {
		return nil, err
	}
	if err := w.links(ctx); err != nil {
		return nil, err
	}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	if err := w.configuration(ctx); err != nil {
		return nil, err
	}
	w.dirs()
	return w.Finish()
}
