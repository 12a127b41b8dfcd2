package source

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // git's object ids
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// unclean says why the commit is not what lies in the work tree, or "" if it
// is: nothing staged, changed or added below the directory that is published.
// The git command is asked where there is one, because it knows filters, line
// endings and the user's own ignore files; else the index is compared.
func (c *Commit) unclean(ctx context.Context) (string, error) {
	if c.repo.top == "" {
		return "", nil // a bare repository has nothing but commits
	}
	if git, err := exec.LookPath("git"); err == nil {
		why, err := c.status(ctx, git)
		if err == nil || ctx.Err() != nil {
			return why, err
		}
		// git refuses a repository of another user, as in a container.
	}
	return c.compareIndex(ctx)
}

// indexOf reads what the index has of the folder that is published. Without a
// repository, or outside of it, that is nothing.
func indexOf(ctx context.Context, options Options) (repo *repository, dir string, entries []indexEntry, err error) {
	if repo, err = locate(ctx, options); err != nil || repo.top == "" {
		return repo, "", nil, nil //nolint:nilerr // then it is a folder and nothing more
	}
	dir, entries, err = repo.indexBelow(options)
	return repo, dir, entries, err
}

// indexBelow reads what the index has of the folder that is published.
func (r *repository) indexBelow(options Options) (dir string, entries []indexEntry, err error) {
	if dir, err = r.within(options); err != nil {
		return "", nil, nil //nolint:nilerr // outside of the repository
	}
	prefix := ""
	if dir != "." {
		prefix = dir + "/"
	}
	all, err := readIndex(r.index, r.idBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil, nil // nothing was ever added
	}
	for _, e := range all {
		if e.below(prefix) {
			entries = append(entries, e)
		}
	}
	return dir, entries, err
}

// inIndex reports whether the folder that is published is tracked.
func inIndex(ctx context.Context, options Options) (bool, error) {
	_, _, entries, err := indexOf(ctx, options)
	return len(entries) > 0, err
}

// leftOut refuses a folder of which a sparse checkout leaves files out: the site
// would go live without them.
func leftOut(ctx context.Context, options Options) error {
	if repo, err := locate(ctx, options); err != nil || !repo.sparse {
		return nil //nolint:nilerr // then it is a folder and nothing more
	}
	repo, dir, entries, err := indexOf(ctx, options)
	for _, e := range entries {
		if !e.left {
			continue
		}
		if _, err := os.Lstat(filepath.Join(repo.top, filepath.FromSlash(e.name))); e.mode&modeKind == modeDir || errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s is not the whole site: the sparse checkout leaves out %s; deploy the commit (source: commit), or check the folder out (git sparse-checkout disable)", dir, e.name)
		}
	}
	return err
}

func (c *Commit) status(ctx context.Context, git string) (string, error) {
	// What the repository's configuration names is not run.
	cmd := c.repo.command(ctx, git, gitEnv(c.repo, c.options.Getenv), "-c", "core.fsmonitor=false", "--literal-pathspecs",
		"status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--", filepath.Join(c.repo.top, filepath.FromSlash(c.dir)))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git status: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\x00")
	if len(first) < 4 {
		return "", nil
	}
	return first[3:] + " is not committed", nil
}

// compareIndex is git status without git, for one directory.
func (c *Commit) compareIndex(ctx context.Context) (string, error) {
	written, err := os.Stat(c.repo.index)
	if err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	entries, err := readIndex(c.repo.index, c.repo.idBytes)
	if err != nil {
		return "", err
	}
	prefix := ""
	if c.dir != "." {
		prefix = c.dir + "/"
	}
	committed := map[string]treeEntry{}
	var size extent
	if err := c.flatten(ctx, c.root, prefix, committed, &size); err != nil {
		return "", err
	}
	if entries, err = c.expand(ctx, entries, prefix); err != nil {
		return "", err
	}
	staged := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if !strings.HasPrefix(e.name, prefix) {
			continue
		}
		staged[e.name] = true
		if e.mode&modeKind == modeGitlink {
			continue
		}
		was, ok := committed[e.name]
		if !ok || was.id != e.id || e.conflict {
			return e.name + " is staged and not committed", nil
		}
		if e.assumed || e.left && !c.repo.sparse {
			continue // git was told not to look
		}
		if !unchanged(c.repo.top, e, written.ModTime()) {
			return e.name + " differs from the commit", nil
		}
	}
	for name := range committed {
		if !staged[name] {
			return name + " is removed and not committed", nil
		}
	}
	return c.untracked(ctx, staged)
}

// expand puts the files of the commit in the place of directories, which a
// sparse index has for what is left out whole.
func (c *Commit) expand(ctx context.Context, entries []indexEntry, prefix string) ([]indexEntry, error) {
	var files []indexEntry
	var size extent
	for _, e := range entries {
		if e.mode&modeKind != modeDir {
			files = append(files, e)
			continue
		}
		if !e.below(prefix) {
			continue
		}
		tree, err := c.objects.tree(ctx, e.id)
		if err != nil {
			return nil, err
		}
		below := map[string]treeEntry{}
		if err := c.flatten(ctx, tree, e.name, below, &size); err != nil {
			return nil, err
		}
		for name, f := range below {
			files = append(files, indexEntry{name: name, id: f.id, mode: f.mode, left: true})
		}
	}
	return files, nil
}

// flatten lists every file of a tree by its name in the repository.
func (c *Commit) flatten(ctx context.Context, entries []treeEntry, prefix string, into map[string]treeEntry, size *extent) error {
	if err := cmp.Or(ctx.Err(), size.enter(entries, prefix)); err != nil {
		return err
	}
	for _, e := range entries {
		if e.kind() != modeDir {
			into[prefix+e.name] = e
			continue
		}
		below, err := c.objects.tree(ctx, e.id)
		if err != nil {
			return err
		}
		if err := c.flatten(ctx, below, prefix+e.name+"/", into, size); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reports whether a file is what the index says: by its stamp if that
// is older than the index, else by its content. What a sparse checkout leaves
// out need not be there.
func unchanged(top string, e *indexEntry, written time.Time) bool {
	name := filepath.Join(top, filepath.FromSlash(e.name))
	info, err := os.Lstat(name)
	if e.left && errors.Is(err, fs.ErrNotExist) {
		return true
	}
	isLink := e.mode&modeKind == modeLink
	if err != nil || (info.Mode()&fs.ModeSymlink != 0) != isLink {
		return false
	}
	if isLink {
		text, err := os.Readlink(name)
		return err == nil && blobID(int64(len(text)), strings.NewReader(text)) == e.id
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if !e.left && info.Size() == int64(e.size) && info.ModTime().Equal(e.modified) && e.modified.Before(written) {
		if changed, _ := changeTime(info); changed == 0 || changed == e.changed.UnixNano() {
			return true
		}
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return blobID(info.Size(), f) == e.id
}

// blobID returns the id that git gives to content, "" if it cannot be read.
func blobID(size int64, content io.Reader) string {
	h := sha1.New() //nolint:gosec // git's object ids
	fmt.Fprintf(h, "blob %d\x00", size)
	if _, err := io.Copy(h, content); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// untracked names a file that is neither tracked nor ignored, or "".
func (c *Commit) untracked(ctx context.Context, staged map[string]bool) (string, error) {
	var patterns *scope
	if text, err := os.ReadFile(filepath.Join(c.repo.commonDir, "info", "exclude")); err == nil {
		patterns = patterns.within("", string(text))
	}
	at := ""
	if c.dir != "." {
		for name := range strings.SplitSeq(c.dir, "/") {
			patterns = c.ignoreFile(patterns, at)
			if patterns.says(at+name, true) == exclude {
				return "", nil // all below is ignored unless tracked
			}
			at += name + "/"
		}
	}
	tracked := map[string]bool{}
	for name := range staged {
		for dir := path.Dir(name); dir != "." && !tracked[dir]; dir = path.Dir(dir) {
			tracked[dir] = true // and so are those above
		}
	}
	return c.untrackedIn(ctx, at, patterns, staged, tracked)
}

// ignoreFile adds the .gitignore of a folder of the work tree.
func (c *Commit) ignoreFile(patterns *scope, at string) *scope {
	text, err := c.options.Boundary.ReadFile(filepath.Join(c.repo.top, filepath.FromSlash(at), gitIgnoreName), maxText)
	if err != nil {
		return patterns // there is none that counts
	}
	return patterns.within(at, string(text))
}

func (c *Commit) untrackedIn(ctx context.Context, at string, patterns *scope, staged, tracked map[string]bool) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	dir := filepath.Join(c.repo.top, filepath.FromSlash(at))
	patterns = c.ignoreFile(patterns, at)
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	for _, e := range entries {
		name := at + e.Name()
		if e.Name() == ".git" || staged[name] || patterns.says(name, e.IsDir()) == exclude && !tracked[name] {
			continue
		}
		if !e.IsDir() {
			return name + " is not committed", nil
		}
		why, err := c.untrackedIn(ctx, name+"/", patterns, staged, tracked)
		if why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}
