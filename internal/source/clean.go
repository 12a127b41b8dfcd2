package source

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's object ids
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
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

func (c *Commit) status(ctx context.Context, git string) (string, error) {
	// What the repository's configuration names is not run.
	cmd := exec.CommandContext(ctx, git, "--git-dir="+c.repo.gitDir, "--work-tree="+c.repo.top, "-c", "core.fsmonitor=false",
		"--literal-pathspecs", "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--", c.dir)
	cmd.Dir = c.repo.top
	cmd.Env = gitEnv(c.options.Getenv)
	if file := c.options.Getenv("GIT_INDEX_FILE"); file != "" {
		cmd.Env = append(cmd.Env, "GIT_INDEX_FILE="+file)
	}
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
	file, err := os.Open(filepath.Join(c.repo.gitDir, "index"))
	if err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	defer file.Close()
	written, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	idx := &index.Index{}
	if err := index.NewDecoder(file).Decode(idx); err != nil {
		return "", fmt.Errorf("read index: %w", err)
	}
	prefix := ""
	if c.dir != "." {
		prefix = c.dir + "/"
	}
	committed := map[string]treeEntry{}
	if err := c.flatten(ctx, c.root, prefix, committed); err != nil {
		return "", err
	}
	staged := map[string]bool{}
	for _, e := range idx.Entries {
		if !strings.HasPrefix(e.Name, prefix) {
			continue
		}
		staged[e.Name] = true
		if e.Mode == filemode.Submodule {
			continue
		}
		was, ok := committed[e.Name]
		if !ok || was.id != e.Hash.String() || e.Stage != 0 {
			return e.Name + " is staged and not committed", nil
		}
		if !e.SkipWorktree && !unchanged(c.repo.top, e, written.ModTime()) {
			return e.Name + " differs from the commit", nil
		}
	}
	for name := range committed {
		if !staged[name] {
			return name + " is removed and not committed", nil
		}
	}
	return c.untracked(ctx, staged)
}

// flatten lists every file of a tree by its name in the repository.
func (c *Commit) flatten(ctx context.Context, entries []treeEntry, prefix string, into map[string]treeEntry) error {
	for _, e := range entries {
		if e.kind() != modeDir {
			into[prefix+e.name] = e
			continue
		}
		below, err := c.objects.tree(ctx, e.id)
		if err != nil {
			return err
		}
		if err := c.flatten(ctx, below, prefix+e.name+"/", into); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reports whether a file is what the index says: by its stamp if that
// is older than the index, else by its content.
func unchanged(top string, e *index.Entry, written time.Time) bool {
	name := filepath.Join(top, filepath.FromSlash(e.Name))
	info, err := os.Lstat(name)
	if err != nil || (info.Mode()&fs.ModeSymlink != 0) != (e.Mode == filemode.Symlink) {
		return false
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		text, err := os.Readlink(name)
		return err == nil && blobID(int64(len(text)), strings.NewReader(text)) == e.Hash.String()
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if info.Size() == int64(e.Size) && info.ModTime().Equal(e.ModifiedAt) && e.ModifiedAt.Before(written) {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return blobID(info.Size(), f) == e.Hash.String()
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
	add := func(dir, file string) {
		text, err := os.ReadFile(file)
		if err == nil {
			patterns = patterns.within(dir, string(text))
		}
	}
	add("", filepath.Join(c.repo.commonDir, "info", "exclude"))
	at := ""
	if c.dir != "." {
		for name := range strings.SplitSeq(c.dir, "/") {
			add(at, filepath.Join(c.repo.top, filepath.FromSlash(at), gitIgnoreName))
			if patterns.says(at+name, true) == exclude {
				return "", nil // all below is ignored unless tracked
			}
			at += name + "/"
		}
	}
	tracked := map[string]bool{}
	for name := range staged {
		for dir := filepath.ToSlash(filepath.Dir(name)); dir != "."; dir = filepath.ToSlash(filepath.Dir(dir)) {
			tracked[dir] = true
		}
	}
	return c.untrackedIn(ctx, at, patterns, staged, tracked)
}

func (c *Commit) untrackedIn(ctx context.Context, at string, patterns *scope, staged, tracked map[string]bool) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	dir := filepath.Join(c.repo.top, filepath.FromSlash(at))
	if text, err := os.ReadFile(filepath.Join(dir, gitIgnoreName)); err == nil {
		patterns = patterns.within(at, string(text))
	}
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
