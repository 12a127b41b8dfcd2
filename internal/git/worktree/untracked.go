package worktree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/ignore"
)

// maxIgnoreFile bounds a .gitignore file, which is read completely.
const maxIgnoreFile = 8 << 20

// untracked describes a file that is neither tracked nor ignored; "" if there is none.
func (c *comparison) untracked(ctx context.Context, staged map[string]bool) (string, error) {
	var patterns *ignore.Scope
	for _, text := range c.Excludes(ctx) {
		patterns = patterns.Within("", text)
	}
	at := ""
	if c.Dir != "." {
		for name := range strings.SplitSeq(c.Dir, "/") {
			patterns = c.ignoreFile(patterns, at)
			if patterns.Decide(at+name, true) == ignore.Exclude {
				return "", nil // every untracked file below is ignored
			}
			at += name + "/"
		}
	}
	u := &untrackedWalk{comparison: c, staged: staged, tracked: map[string]bool{}}
	for name := range staged {
		for dir := path.Dir(name); dir != "." && !u.tracked[dir]; dir = path.Dir(dir) {
			u.tracked[dir] = true
		}
	}
	return u.in(ctx, at, patterns)
}

// ignoreFile adds the .gitignore of a folder of the work tree.
func (c *comparison) ignoreFile(patterns *ignore.Scope, at string) *ignore.Scope {
	text, err := c.Boundary.ReadFile(filepath.Join(c.Top, filepath.FromSlash(at), ignore.GitFile), maxIgnoreFile)
	if err != nil {
		return patterns // a file that cannot be read has no patterns
	}
	return patterns.Within(at, string(text))
}

// untrackedWalk looks for untracked files in the work tree.
type untrackedWalk struct {
	*comparison
	// staged has the files of the index, tracked the folders that contain such files.
	staged, tracked map[string]bool
}

// in looks in the folder at, which is "" or ends in a slash.
func (u *untrackedWalk) in(ctx context.Context, at string, patterns *ignore.Scope) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	patterns = u.ignoreFile(patterns, at)
	entries, err := os.ReadDir(filepath.Join(u.Top, filepath.FromSlash(at)))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	for _, e := range entries {
		name := at + e.Name()
		ignored := patterns.Decide(name, e.IsDir()) == ignore.Exclude && !u.tracked[name]
		if e.Name() == ".git" || u.staged[name] || ignored {
			continue
		}
		if !e.IsDir() {
			return name + " is not committed", nil
		}
		why, err := u.in(ctx, name+"/", patterns)
		if why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}
