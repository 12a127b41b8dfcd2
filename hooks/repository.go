package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/realpath"
)

// Repository is a git repository as git finds it. Its paths are absolute.
type Repository struct {
	// Top is the work tree, or "" if git is not in one: in a bare repository, in the folder
	// .git, and where GIT_DIR names a repository elsewhere.
	Top string
	// Bare: the repository has no work tree of its own.
	Bare bool
	// GitDir is the repository's folder; a linked worktree has its own. CommonDir is
	// shared by all worktrees.
	GitDir, CommonDir string

	command *command.Git
}

// ErrNoRepository is returned (wrapped) where git finds no repository.
var ErrNoRepository = errors.New("no git repository")

// Find returns the repository that contains dir, regardless of the environment. For ""
// it is git's current repository, which GIT_DIR may select, as in a hook.
func Find(ctx context.Context, dir string) (*Repository, error) {
	inside, own := command.Inherited, command.Quarantine
	if dir != "" {
		inside, own = command.Standalone, command.Standalone
	}
	g := command.New(command.Options{Dir: dir, Profile: inside})
	out, err := trimmed(g.Run(ctx, "rev-parse", "--is-inside-work-tree", "--is-bare-repository", "--absolute-git-dir",
		"--git-common-dir"))
	if failed := (*command.Error)(nil); errors.As(err, &failed) && strings.Contains(failed.Text, "not a git repository") {
		err = fmt.Errorf("%w: %w", ErrNoRepository, err)
	}
	if err != nil {
		return nil, fmt.Errorf("find the git repository: %w", err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 4 {
		return nil, fmt.Errorf("find the git repository: the path of %q contains a line break; "+
			"rename that folder, because kv-sync installs no hook below it", out)
	}
	r := &Repository{Bare: lines[1] == "true", GitDir: filepath.FromSlash(lines[2])}
	// Git may return a path relative to its working directory.
	common := filepath.FromSlash(lines[3])
	if !filepath.IsAbs(common) {
		common = filepath.Join(dir, common)
	}
	if r.CommonDir, err = filepath.Abs(common); err != nil {
		return nil, fmt.Errorf("find the git repository: %w", err)
	}
	if lines[0] == "true" {
		if r.Top, err = r.findTop(ctx, g, dir); err != nil {
			return nil, fmt.Errorf("find the work tree: %w", err)
		}
	}
	at := command.Options{Dir: r.GitDir, GitDir: r.GitDir, Profile: own}
	if r.Top != "" {
		at.Dir, at.WorkTree = r.Top, r.Top
	}
	r.command = command.New(at)
	return r, nil
}

// findTop returns the top of the work tree that git is in. If the environment has only GIT_DIR,
// git takes its directory for the work tree, as for "git --git-dir=… push". Then findTop returns
// "", unless git finds the same repository there without the environment.
func (r *Repository) findTop(ctx context.Context, g *command.Git, dir string) (string, error) {
	top, err := trimmed(g.Run(ctx, "rev-parse", "--show-toplevel"))
	top = filepath.FromSlash(top)
	if err != nil || dir != "" || os.Getenv("GIT_DIR") == "" || os.Getenv("GIT_WORK_TREE") != "" {
		return top, err
	}
	there := command.New(command.Options{Dir: top, Profile: command.Standalone})
	found, err := trimmed(there.Run(ctx, "rev-parse", "--absolute-git-dir"))
	if err == nil && sameEntry(filepath.FromSlash(found), r.GitDir) {
		return top, nil
	}
	return "", ctx.Err()
}

// git runs the git command in the repository, where hooks run, and returns its
// output without the final newline.
func (r *Repository) git(ctx context.Context, args ...string) (string, error) {
	return trimmed(r.command.Run(ctx, args...))
}

// saysNo reports whether git answered a question with no, by exit code 1 and without a
// message. Any other failure has a reason, which must be shown.
func saysNo(err error) bool {
	failed := (*command.Error)(nil)
	return errors.As(err, &failed) && failed.Code == 1 && failed.Text == ""
}

func trimmed(out string, err error) (string, error) {
	return strings.TrimSuffix(strings.TrimSuffix(out, "\n"), "\r"), err
}

// hooksDir returns git's folder of hooks: core.hooksPath in any form, or the default. It is
// "" if core.hooksPath is empty.
func (r *Repository) hooksDir(ctx context.Context) (string, error) {
	dir, err := r.git(ctx, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", fmt.Errorf("ask git where its hooks are: %w", err)
	}
	if filepath.Clean(dir) == "." { // also for an empty value, with which git looks in the root folder
		if set, err := r.git(ctx, "config", "--get", "core.hooksPath"); err == nil && set == "" {
			return "", nil
		}
	}
	if dir = filepath.FromSlash(dir); filepath.IsAbs(dir) {
		return dir, nil
	}
	if r.Top == "" {
		return filepath.Join(r.GitDir, dir), nil
	}
	return filepath.Join(r.Top, dir), nil
}

// within reports whether path is in the repository or its work tree.
func (r *Repository) within(path string) bool {
	for _, root := range []string{r.CommonDir, r.Top} {
		if root == "" {
			continue
		}
		if rel, err := filepath.Rel(realpath.Resolve(root), realpath.Resolve(path)); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}
