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

// ErrUnreadable is returned (wrapped) for a repository that only the git command
// can read, where there is no git command.
var ErrUnreadable = errors.New("it takes the git command to read, which is not here")

// Repository is a git repository on this machine, with its work tree.
type Repository struct {
	objects.Layout
	// index is the file that says what is checked out and staged.
	index string
	// Top is the root of the work tree, "" for a bare repository.
	Top string
	// found is the directory where the repository was found, "" if the environment
	// names the repository.
	found string
	// sparse says that the work tree may lack files of the commit on purpose.
	sparse bool
	// set are the variables for git that say where parts of the repository are.
	set []string
	// unreadable says why only the git command can read this form of repository,
	// or ""; fix says what to do where there is no git command.
	unreadable, fix string
}

// Find finds the repository that holds dir, as git does: GIT_DIR if it is set, else dir or the
// nearest directory above that is one or has one.
//
// It also finds a repository of another user, which git refuses. That is safe for what is read
// here: neither hooks nor what the configuration names is run. Where the git command is needed,
// git still refuses.
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

// under is a path that may be relative to a directory.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// discover looks for a repository in dir and above. top is "" where dir is in the
// repository itself, as in a bare one.
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

// command returns git for the repository.
//
// A repository that was found is found again by git: so git refuses one that
// belongs to another user, whose configuration may name programs to run. git does
// not check a repository that is named.
func (r *Repository) command() *command.Git {
	if r.found != "" {
		return command.New(command.Options{Dir: r.found, Set: r.set})
	}
	return command.New(command.Options{GitDir: r.GitDir, WorkTree: r.Top, Set: r.set})
}

// Open opens the repository's objects. The git command reads the forms of repository, and of
// revision, that this program does not know.
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
