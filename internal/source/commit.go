package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/rules"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Commit is a source that reads one directory of one commit.
type Commit struct {
	options Options
	repo    *worktree.Repository
	objects *objects.Reader
	id      string
	commit  *objects.Commit
	dir     string // within the repository, "." for its root
	tree    string // of dir
	// The root's entries, read once: Origin needs .assetsignore, Files all.
	root     []objects.Entry
	boundary map[string]bool
	// kept holds what Files has read of small blobs until the upload wants it.
	kept kept
}

var _ kvsync.Source = (*Commit)(nil)

// OpenCommit returns the commit that options.Revision names (HEAD if "") as a
// source. Close ends it.
func OpenCommit(ctx context.Context, options Options) (*Commit, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	repo, err := worktree.Locate(ctx, options.project())
	if errors.Is(err, worktree.ErrNoRepository) {
		// The error of the project's own repository says that the folder is outside of it.
		if of, ofErr := worktree.Find(options.WorkDir, options.Getenv); ofErr == nil {
			repo, err = of, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return openIn(ctx, repo, options)
}

// errNotCommitted is in the chain where no commit has the folder.
var errNotCommitted = errors.New("no commit has the folder")

// because is an error with a text of its own and a cause to ask for.
type because struct {
	error
	cause error
}

func (b because) Unwrap() error { return b.cause }

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
	if c.tree, c.root, err = c.objects.Subtree(ctx, c.commit.Tree, c.dir); err != nil {
		return nil, err
	}
	if c.tree == "" {
		return nil, because{fmt.Errorf("commit %.12s has no folder %s; commit it, name another one (--dir), "+
			"or publish the folder on disk (--source folder)", c.id, c.dir), errNotCommitted}
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
		return because{fmt.Errorf("find commit: the branch %s has no commit yet; commit first, "+
			"or deploy the folder (source: folder)", branch), errNotCommitted}
	}
	if said := (*command.Error)(nil); errors.As(err, &said) {
		return fmt.Errorf("find commit: %w", err)
	}
	return fmt.Errorf("find commit: %w; name a branch, a tag or an id that this clone has, or fetch it first", err)
}

// Close ends what the source holds open. Its files cannot be opened any more.
func (c *Commit) Close() error { return c.objects.Close() }

// Remember implements [kvsync.Source]: a commit's objects have names already.
func (c *Commit) Remember([]kvsync.Asset) {}

// ID returns the commit's id in hexadecimal.
func (c *Commit) ID() string { return c.id }

// Dir is the directory that is published, in the repository and with slashes; "."
// is its root.
func (c *Commit) Dir() string { return c.dir }

// Shallow reports whether the clone has only a part of the history, so that
// fetching more of it may settle what Compare does not know.
func (c *Commit) Shallow() bool { return len(c.boundary) > 0 }

// Remotes returns the addresses of the clone's remotes, origin first. Each is
// "host/owner/name" in lower case, without user and password.
func (c *Commit) Remotes() []string { return c.repo.Remotes() }

// Dirty reports whether a tracked file of the work tree differs from what is staged.
func (c *Commit) Dirty(ctx context.Context) (bool, error) { return c.repo.Dirty(ctx) }

// difference returns a reason why the work tree does not have what the commit has, or "".
func (c *Commit) difference(ctx context.Context) (string, error) {
	return c.repo.Difference(ctx, worktree.Snapshot{Objects: c.objects, Dir: c.dir, Root: c.root, Boundary: c.options.Boundary})
}

// Reads counts what was read so far.
func (c *Commit) Reads() objects.Reads { return c.objects.Reads() }

// Origin implements [kvsync.Source].
func (c *Commit) Origin(context.Context) (kvsync.Origin, error) {
	assetsIgnore := ""
	if e, ok := c.rootFile(rules.AssetsIgnoreFile); ok {
		assetsIgnore = e.ID
	}
	rules := rules.Hash(c.options.Patterns, c.options.HTMLHandling, assetsIgnore)
	o := kvsync.Origin{
		Kind:    KindCommit,
		ID:      KindCommit + ":" + c.tree + ":" + rules,
		Rules:   rules,
		Dir:     c.dir,
		Commit:  c.id,
		Subject: c.commit.Subject,
		Author:  c.commit.Author,
		Time:    c.commit.Time,
	}
	o.Branch = c.branch()
	return o, nil
}

// branch is the branch that was asked for, or that is checked out.
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

// Compare implements [kvsync.Source].
func (c *Commit) Compare(ctx context.Context, active, next string) (kvsync.Relation, error) {
	return objects.Compare(ctx, c.objects, c.boundary, active, next)
}

// Files implements [kvsync.Source].
func (c *Commit) Files(ctx context.Context, base *kvsync.Manifest) (*kvsync.Listing, error) {
	origin, err := c.Origin(ctx)
	if err != nil {
		return nil, err
	}
	w := &commitWalk{Commit: c, Listing: rules.NewListing(), base: newBase(base, origin)}
	w.opening = &opening{context.WithoutCancel(ctx), c.objects, &c.kept}
	w.Listing.Origin = origin
	if len(w.base.dirs) > 0 {
		w.Listing.Files = make([]kvsync.File, 0, len(w.base.Assets)+len(w.base.Assets)/16) // most stay
	}
	_, w.hasAssetsIgnore = c.rootFile(rules.AssetsIgnoreFile)
	scope := (*ignore.Scope)(nil).Within("", c.options.patternText())
	if err := w.directory(ctx, c.root, "", c.tree, scope, false); err != nil {
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

// commitWalk is one call of Files.
type commitWalk struct {
	*Commit
	*rules.Listing
	base            *base
	opening         *opening
	hasAssetsIgnore bool
	found           []blobAt
	symlinks        []blobAt
	// fixed are directories whose listing depends on more than their tree:
	// below a nested .assetsignore, or with a symlink in them. Their ids are not
	// recorded, so that no later deploy takes them over.
	fixed map[string]bool
	size  objects.Extent
}

// blobAt is a file of the tree that is published.
type blobAt struct {
	rel, id string
}

// directory lists one tree. rel is "" for the root, else ends in a slash.
func (w *commitWalk) directory(ctx context.Context, entries []objects.Entry, rel, tree string, outer *ignore.Scope, nested bool) error {
	if err := cmp.Or(ctx.Err(), w.size.Enter(entries, rel)); err != nil {
		return err
	}
	patterns := outer
	for _, e := range entries {
		if e.Name == rules.AssetsIgnoreFile && e.Kind() == objects.ModeFile {
			text, err := blobText(ctx, w.objects, e.ID)
			if err != nil {
				return err
			}
			patterns = outer.Within(rel, string(text))
		}
	}
	if !nested {
		w.Dirs = append(w.Dirs, kvsync.Dir{Path: dirPath(rel), Tree: tree})
	}
	nested = nested || rel != "" && patterns != outer
	for _, e := range entries {
		if p := rules.CheckName(e.Name); p != (rules.Problem{}) {
			w.Refuse(rel+e.Name, p)
			continue
		}
		at := rel + e.Name
		isDir := e.Kind() == objects.ModeDir
		if !rules.Published(patterns, nil, at, isDir) {
			continue
		}
		switch e.Kind() {
		case objects.ModeDir:
			if !nested && w.takeOver(at, e.ID) {
				continue
			}
			below, err := w.objects.Tree(ctx, e.ID)
			if err != nil {
				return err
			}
			if err := w.directory(ctx, below, at+"/", e.ID, patterns, nested); err != nil {
				return err
			}
		case objects.ModeFile:
			w.found = append(w.found, blobAt{at, e.ID})
		case objects.ModeLink:
			w.symlinks = append(w.symlinks, blobAt{at, e.ID})
		case objects.ModeGitlink:
			w.Notice(at, "a submodule is not published", "deploy a folder in which it is checked out, or name it in "+rules.AssetsIgnoreFile)
		default:
			w.Refuse(at, rules.Problem{Reason: fmt.Sprintf("the tree gives it the unknown mode %o", e.Mode), Fix: "remove it from the commit"})
		}
	}
	return nil
}

// dirPath is a directory's pathname as in [kvsync.Dir].
func dirPath(rel string) string {
	if rel == "" {
		return "/"
	}
	return rules.Pathname(strings.TrimSuffix(rel, "/"))
}

// takeOver lists a directory as the base has it, if it did not change.
func (w *commitWalk) takeOver(rel, tree string) bool {
	path := rules.Pathname(rel)
	if w.base.tree(path) != tree {
		return false
	}
	for _, a := range w.base.below(path) {
		a.Blob.Nonce = kvsync.Nonce{}
		w.Add(strings.TrimPrefix(a.Path, "/"), kvsync.File{Asset: a, Open: w.opening.of(a.OID, a.Size)})
	}
	w.Dirs = append(w.Dirs, w.base.dirsFrom(path)...)
	return true
}

// opening is what it takes to open the blobs that were listed, also after the
// call of Files is over. It is small and shared, for there is one function a file.
type opening struct {
	ctx     context.Context //nolint:containedctx // of the call of Files, and never done
	objects *objects.Reader
	kept    *kept
}

// of opens a blob.
func (o *opening) of(id string, size int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if content := o.kept.take(id); content != nil {
			return io.NopCloser(bytes.NewReader(content)), nil
		}
		return o.objects.SizedBlob(o.ctx, id, size)
	}
}

// links resolves symlinks inside the tree.
func (w *commitWalk) links(ctx context.Context) error {
	for _, link := range w.symlinks {
		target, p, err := w.target(ctx, link)
		if err != nil {
			return err
		}
		if p != (rules.Problem{}) {
			w.Refuse(link.rel, p)
			continue
		}
		w.found = append(w.found, blobAt{link.rel, target})
		for dir := path.Dir(link.rel); dir != "."; dir = path.Dir(dir) {
			w.fix(dir)
		}
	}
	return nil
}

func (w *commitWalk) fix(rel string) {
	if w.fixed == nil {
		w.fixed = map[string]bool{}
	}
	w.fixed[rules.Pathname(rel)] = true
}

// dirs leaves out the directories that must not be taken over: those that are
// fixed, and those whose names normalization made one.
func (w *commitWalk) dirs() {
	count := map[string]int{}
	for _, d := range w.Dirs {
		count[d.Path]++
	}
	kept := w.Dirs[:0]
	for _, d := range w.Dirs {
		if count[d.Path] == 1 && !w.fixed[d.Path] {
			kept = append(kept, d)
		}
	}
	w.Dirs = kept
}

// read finds size and, where it must be known, hash of what was found.
func (w *commitWalk) read(ctx context.Context) error {
	type result struct {
		size int64
		hash kvsync.Hash
		p    rules.Problem
	}
	ids := make(map[string]bool, len(w.found))
	for _, f := range w.found {
		ids[f.id] = true
	}
	known := w.base.blobs(ids)
	results := map[string]*result{}
	names := map[string]string{}
	var unknown []string
	for _, f := range w.found {
		if _, ok := known[f.id]; !ok && results[f.id] == nil {
			results[f.id] = &result{}
			names[f.id] = f.rel
			unknown = append(unknown, f.id)
		}
	}
	w.objects.Prefetch(ctx, unknown)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, id := range unknown {
		r := results[id]
		group.Go(func() (err error) {
			r.size, r.hash, r.p, err = w.inspect(groupCtx, blobAt{names[id], id})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, f := range w.found {
		a := kvsync.Asset{Path: rules.Pathname(f.rel), ContentType: rules.ContentType(f.rel), OID: f.id, Modified: w.commit.Time.Unix()}
		if same, ok := known[f.id]; ok {
			a.Size, a.Blob.Hash = same.Size, same.Blob.Hash
		} else {
			r := results[f.id]
			a.Size, a.Blob.Hash = r.size, r.hash
			w.Refuse(f.rel, r.p)
		}
		w.base.KeepTime(&a)
		w.Refuse(f.rel, rules.CheckFile(f.rel, a.Path, a.Size, w.hasAssetsIgnore))
		w.Add(f.rel, kvsync.File{Asset: a, Open: w.opening.of(f.id, a.Size)})
	}
	return nil
}

// inspect looks at a blob that the base does not have. Without a base the hash
// is left for the upload to find, which reads the bytes anyway; of a small one
// the beginning is read here for what must not be published.
func (w *commitWalk) inspect(ctx context.Context, f blobAt) (size int64, hash kvsync.Hash, p rules.Problem, err error) {
	if size, err = w.objects.BlobSize(ctx, f.id); err != nil {
		return 0, hash, p, fmt.Errorf("%s: %w", f.rel, err)
	}
	if size > kvsync.MaxFileBytes || size > rules.InspectBytes && !w.base.Exists {
		return size, hash, p, nil
	}
	content, err := w.objects.SizedBlob(ctx, f.id, size)
	if err != nil {
		return 0, hash, p, fmt.Errorf("%s: %w", f.rel, err)
	}
	defer content.Close()
	hash, p, err = rules.Digest(ctx, w.kept.keep(f.id, size, content), size, w.base.Exists)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.rel, err)
	}
	return size, hash, p, err
}

// configuration reads what configures the site: _redirects and _headers of the
// root, and which run-time writes are in the commit.
func (w *commitWalk) configuration(ctx context.Context) error {
	var texts [3][]byte
	for i, name := range []string{rules.RedirectsFile, rules.HeadersFile, kvsync.PulledName} {
		e, ok := w.rootFile(name)
		if !ok {
			continue
		}
		text, err := blobText(ctx, w.objects, e.ID)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		texts[i] = append([]byte{}, text...)
	}
	w.Configure(texts[0], texts[1], w.options.HTMLHandling)
	w.SetPulled(texts[2])
	return nil
}
