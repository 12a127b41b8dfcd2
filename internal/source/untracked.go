package source

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxIgnoreFile bounds a .gitignore, which is read whole.
const maxIgnoreFile = 8 << 20

// untracked returns a reason that names a file that is neither tracked nor
// ignored, or "".
func (c *comparison) untracked(ctx context.Context, staged map[string]bool) (string, error) {
	var patterns *scope
	if text, err := os.ReadFile(filepath.Join(c.commonDir, "info", "exclude")); err == nil {
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
	u := &untrackedWalk{comparison: c, staged: staged, tracked: map[string]bool{}}
	for name := range staged {
		for dir := path.Dir(name); dir != "." && !u.tracked[dir]; dir = path.Dir(dir) {
			u.tracked[dir] = true // and so are those above
		}
	}
	return u.in(ctx, at, patterns)
}

// ignoreFile adds the .gitignore of a folder of the work tree.
func (c *comparison) ignoreFile(patterns *scope, at string) *scope {
	text, err := c.inside.ReadFile(filepath.Join(c.top, filepath.FromSlash(at), gitIgnoreName), maxIgnoreFile)
	if err != nil {
		return patterns // one that cannot be read does not count
	}
	return patterns.within(at, string(text))
}

// untrackedWalk looks for untracked files in the work tree.
type untrackedWalk struct {
	*comparison
	// staged has the files of the index, tracked the folders that hold them.
	staged, tracked map[string]bool
}

func (u *untrackedWalk) in(ctx context.Context, at string, patterns *scope) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	patterns = u.ignoreFile(patterns, at)
	entries, err := os.ReadDir(filepath.Join(u.top, filepath.FromSlash(at)))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	for _, e := range entries {
		name := at + e.Name()
		if e.Name() == ".git" || u.staged[name] || patterns.says(name, e.IsDir()) == exclude && !u.tracked[name] {
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
