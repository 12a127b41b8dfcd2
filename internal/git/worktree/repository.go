package worktree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// ErrNoRepository is returned (wrapped) where there is no git repository.
var ErrNoRepository = errors.New("no git repository")

// ErrUnreadable is returned (wrapped) for a repository that only the git command can read, if
// git is not installed.
var ErrUnreadable = errors.New("only the git command can read it, and git is not installed")

// Repository is a git repository on this machine, with its work tree.
type Repository struct {
	objects.Layout
	// index is the path of the index file.
	index string
	// Top is the root of the work tree, "" for a bare repository.
	Top string
	// found is the directory in which the search found the repository: the root of its work
	// tree, or GitDir. It is "" if GIT_DIR names the repository.
	found string
	// sparse reports whether a sparse checkout may leave out files.
	sparse bool
	// set are the environment variables that tell git where parts of the repository are.
	set []string
	// unreadable says why only the git command can read this form of repository; "" if this
	// program can. fix says what to do if git is not installed.
	unreadable, fix string
}

// Find finds the repository that holds dir as git does. It is the repository that GIT_DIR names;
// without GIT_DIR, the search goes from dir upwards to a directory that is a repository or
// contains one.
//
// Find also returns a repository that belongs to another user, which git refuses. This package
// may read it, because it runs no hooks and no program that the configuration names. The git
// command still refuses it.
func Find(dir string, getenv func(string) string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	env, err := readGitEnv(getenv)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	r := &Repository{}
	top, linked := dir, false
	if env.dir != "" {
		r.GitDir = env.dir
	} else {
		r.GitDir, top = discover(dir, env)
		if r.found = top; top == "" {
			r.found = r.GitDir
		}
	}
	if r.GitDir == "" || !isGitDir(r.GitDir, env) {
		return nil, fmt.Errorf("%s: %w; run in one, or deploy the folder (source: folder)", dir, ErrNoRepository)
	}
	r.CommonDir = r.GitDir
	if env.commonDir != "" {
		r.CommonDir, linked = env.commonDir, true
	} else if text, err := os.ReadFile(filepath.Join(r.GitDir, "commondir")); err == nil {
		r.CommonDir, linked = under(r.GitDir, strings.TrimSpace(string(text))), true
	}
	r.ObjectDir, r.Borrowed, r.index = env.objectDir, env.borrowed, env.index
	if r.ObjectDir == "" {
		r.ObjectDir = filepath.Join(r.CommonDir, "objects")
	}
	if r.index == "" {
		r.index = filepath.Join(r.GitDir, "index")
	}
	config, err := r.readConfig()
	if err != nil {
		return nil, err
	}
	config.linked = linked
	r.Top = config.workTree(r.GitDir, top)
	if env.workTree != "" {
		r.Top = env.workTree
	}
	r.set = env.variables()
	return r, nil
}

// under resolves a path against a directory.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// discover searches for a repository in dir and above. top is the root of its work tree. It is
// "" if the search ends inside the git directory itself, as in a bare repository.
func discover(dir string, env gitEnvironment) (gitDir, top string) {
	for {
		dotGit := filepath.Join(dir, ".git")
		if info, err := os.Stat(dotGit); err == nil {
			if info.IsDir() && isGitDir(dotGit, env) {
				return dotGit, dir
			}
			if info.Mode().IsRegular() {
				text, err := os.ReadFile(dotGit)
				if target, ok := strings.CutPrefix(string(text), "gitdir: "); err == nil && ok {
					return under(dir, strings.TrimSpace(target)), dir
				}
			}
		}
		if isGitDir(dir, env) {
			return dir, ""
		}
		above := filepath.Dir(dir)
		if above == dir || env.ceilings[above] {
			return "", ""
		}
		dir = above
	}
}

func isGitDir(dir string, env gitEnvironment) bool {
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, "commondir")); err == nil || env.commonDir != "" || env.objectDir != "" {
		return true
	}
	objects, err := os.Stat(filepath.Join(dir, "objects"))
	return err == nil && objects.IsDir()
}

// command returns the git command for the repository.
//
// If the search found the repository, git searches again. So git checks the owner, and refuses
// a repository of another user, whose configuration may name programs to run. git does not
// check the owner of a repository that GIT_DIR names.
func (r *Repository) command() *command.Git {
	if r.found != "" {
		return command.New(command.Options{Dir: r.found, Set: r.set})
	}
	return command.New(command.Options{GitDir: r.GitDir, WorkTree: r.Top, Set: r.set})
}

// Open opens the repository's objects. The git command reads the forms of repositories and of
// revisions that this program does not know.
func (r *Repository) Open() (*objects.Reader, error) {
	var git *command.Git
	if command.Available() {
		git = r.command()
	}
	if r.unreadable == "" {
		o, err := objects.Open(r.Layout, git)
		if err == nil {
			return o, nil
		}
		r.unreadable = err.Error()
	}
	if git == nil {
		fix := "install git, or deploy the folder (source: folder)"
		if r.fix != "" {
			fix = r.fix + ", " + fix
		}
		return nil, fmt.Errorf("open repository %s: %s: %w; %s", r.GitDir, r.unreadable, ErrUnreadable, fix)
	}
	return objects.OpenByGit(r.Layout, git), nil
}

// Branch returns the name of the branch that is checked out, or "".
func (r *Repository) Branch() string {
	text, err := os.ReadFile(filepath.Join(r.GitDir, "HEAD"))
	if err != nil {
		return ""
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
	if !ok || branch == ".invalid" {
		return ""
	}
	return branch
}

// HeadID returns the id of the commit that is checked out, or "" if it cannot be determined. It
// reads no object.
func (r *Repository) HeadID() string {
	return objects.HeadID(r.Layout)
}
