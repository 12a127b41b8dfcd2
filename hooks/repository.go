package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Repository is a git repository as git itself finds it. Its paths are absolute.
type Repository struct {
	// Top is the work tree, "" in a bare repository.
	Top string
	// GitDir is the repository, for a linked worktree the part of its own;
	// CommonDir is the part that all worktrees share.
	GitDir, CommonDir string

	environ []string // of git commands that work on it
}

// Variables by which git says which repository it works on, and where its
// objects are. They are set inside hooks, and would send a git that is to look at
// another repository back to this one.
var (
	located = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"}
	objects = []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE"}
)

// without is this process's environment without some variables, for a git that
// never asks a person.
func without(names ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
	return append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// Find returns the repository that dir lies in, whatever the environment says.
// With dir "" it is the one that git means here: GIT_DIR counts, as it must in
// a hook.
func Find(ctx context.Context, dir string) (*Repository, error) {
	env, own := os.Environ(), without(located...)
	if dir != "" {
		own = without(slices.Concat(located, objects)...)
		env = own
	}
	out, err := git(ctx, dir, env, "rev-parse", "--is-inside-work-tree", "--absolute-git-dir", "--git-common-dir")
	if err != nil {
		return nil, fmt.Errorf("find the git repository: %w", err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 {
		return nil, fmt.Errorf("find the git repository: git rev-parse answered %.200q", out)
	}
	r := &Repository{GitDir: filepath.FromSlash(lines[1]), environ: own}
	// Git gives this one relative to where it ran.
	common := filepath.FromSlash(lines[2])
	if !filepath.IsAbs(common) {
		common = filepath.Join(dir, common)
	}
	if r.CommonDir, err = filepath.Abs(common); err != nil {
		return nil, fmt.Errorf("find the git repository: %w", err)
	}
	if lines[0] == "true" {
		top, err := git(ctx, dir, env, "rev-parse", "--show-toplevel")
		if err != nil {
			return nil, fmt.Errorf("find the work tree: %w", err)
		}
		r.Top = filepath.FromSlash(top)
	}
	return r, nil
}

// git runs the git command in the repository, where hooks run.
func (r *Repository) git(ctx context.Context, args ...string) (string, error) {
	env := append(slices.Clone(r.environ), "GIT_DIR="+r.GitDir)
	dir := r.GitDir
	if r.Top != "" {
		env = append(env, "GIT_WORK_TREE="+r.Top)
		dir = r.Top
	}
	return git(ctx, dir, env, args...)
}

// hooksDir is where git looks for hooks: core.hooksPath in all its forms, or
// the common directory's hooks.
func (r *Repository) hooksDir(ctx context.Context) (string, error) {
	dir, err := r.git(ctx, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", fmt.Errorf("ask git where its hooks are: %w", err)
	}
	if dir = filepath.FromSlash(dir); filepath.IsAbs(dir) {
		return dir, nil
	}
	if r.Top == "" {
		return filepath.Join(r.GitDir, dir), nil
	}
	return filepath.Join(r.Top, dir), nil
}

// within reports whether path lies in the repository or its work tree, so that
// what is put there concerns no other repository.
func (r *Repository) within(path string) bool {
	for _, root := range []string{r.CommonDir, r.Top} {
		if root == "" {
			continue
		}
		if rel, err := filepath.Rel(resolved(root), resolved(path)); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// resolved follows symlinks as far as the path is there.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolved(parent), filepath.Base(path))
	}
	return path
}

// gitError is a git command that failed: its exit code and what it said.
type gitError struct {
	command string
	code    int
	text    string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: exit code %d: %s", e.command, e.code, e.text)
}

// git returns the output without the last line's end.
func git(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("there is no git command on PATH; install git")
	case errors.As(err, &exit):
		text := strings.TrimSpace(stderr.String())
		return "", &gitError{args[0], exit.ExitCode(), text[:min(len(text), 500)]}
	case err != nil:
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(out), "\n"), "\r"), nil
}
