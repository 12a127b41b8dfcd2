package source

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoRepository is returned (wrapped) where a commit is asked for and there
// is no git repository.
var ErrNoRepository = errors.New("no git repository")

// ErrUnreadable is returned (wrapped) for a repository of a form that takes the
// git command to read, where there is none.
var ErrUnreadable = errors.New("it takes the git command to read, which is not here")

// repository says where the parts of a git repository lie.
type repository struct {
	// gitDir holds HEAD and the index; commonDir, the same but for linked
	// worktrees, holds refs.
	gitDir, commonDir string
	// objectDir holds the objects, borrowed more of them; both beside what
	// info/alternates in them names.
	objectDir string
	borrowed  []string
	// index is the file that says what is checked out and staged.
	index string
	// top is the work tree's root, "" for a bare repository.
	top string
	// found is the directory in which the repository was found by looking, "" if
	// the environment names it.
	found string
	// sparse: the work tree may lack files of the commit on purpose.
	sparse bool
	// promisor is the remote that has what a partial clone lacks, or "".
	promisor string
	// idBytes is the length of an object's id.
	idBytes int
	// unreadable says why storage cannot read this form of repository, or "";
	// fix what to do about it where there is no git command.
	unreadable, fix string
}

// findRepository finds the repository that holds dir, as git would: GIT_DIR if
// it is set, else the nearest directory above that is one or has one.
//
// A repository that belongs to another user is read too, which git refuses: of
// what we read ourselves nothing is run, neither hooks nor what the
// configuration names. What takes the git command stays refused, by git: see
// [repository.command].
func findRepository(dir string, getenv func(string) string) (*repository, error) {
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
	r := &repository{}
	top, linked := dir, false
	if env.dir != "" {
		r.gitDir = env.dir
	} else {
		r.gitDir, top = discover(dir, env)
		if r.found = top; top == "" {
			r.found = r.gitDir
		}
	}
	if r.gitDir == "" || !isGitDir(r.gitDir, env) {
		return nil, fmt.Errorf("%s: %w; run in one, or deploy the folder (source: folder)", dir, ErrNoRepository)
	}
	r.commonDir = r.gitDir
	if env.commonDir != "" {
		r.commonDir, linked = env.commonDir, true
	} else if text, err := os.ReadFile(filepath.Join(r.gitDir, "commondir")); err == nil {
		r.commonDir, linked = under(r.gitDir, strings.TrimSpace(string(text))), true
	}
	r.objectDir, r.borrowed, r.index = env.objectDir, env.borrowed, env.index
	if r.objectDir == "" {
		r.objectDir = filepath.Join(r.commonDir, "objects")
	}
	if r.index == "" {
		r.index = filepath.Join(r.gitDir, "index")
	}
	config, err := r.readConfig()
	if err != nil {
		return nil, err
	}
	config.linked = linked
	r.top = config.workTree(r.gitDir, top)
	if env.workTree != "" {
		r.top = env.workTree
	}
	return r, nil
}

// Bare reports whether the repository that holds dir has no work tree.
func Bare(dir string, getenv func(string) string) bool {
	r, err := findRepository(dir, getenv)
	return err == nil && r.top == ""
}

// GitDirs are the folders in which git keeps the files of the repository that holds
// dir, as far as they can be told.
func GitDirs(dir string, getenv func(string) string) []string {
	env, err := readGitEnv(getenv)
	if err != nil {
		return nil
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	gitDir, _ := discover(evalExisting(at), gitEnvironment{ceilings: env.ceilings})
	var dirs []string
	for _, dir := range []string{gitDir, env.dir} {
		if dir == "" {
			continue
		}
		dirs = append(dirs, dir)
		if text, err := os.ReadFile(filepath.Join(dir, "commondir")); err == nil {
			dirs = append(dirs, under(dir, strings.TrimSpace(string(text))))
		}
	}
	for _, dir := range []string{env.commonDir, env.objectDir} {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Tracks reports whether the repository that holds dir tracks a file there. One
// whose index cannot be read is taken to.
func Tracks(dir string) bool {
	options := Options{WorkDir: dir, Getenv: func(string) string { return "" }}.withDefaults()
	r, err := findRepository(dir, options.Getenv)
	if err != nil || r.top == "" {
		return false
	}
	_, entries, err := r.indexBelow(options)
	return len(entries) > 0 || err != nil
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

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

// head returns the name of the branch that is checked out, or "".
func (r *repository) head() string {
	text, err := os.ReadFile(filepath.Join(r.gitDir, "HEAD"))
	if err != nil {
		return ""
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
	if !ok || branch == ".invalid" {
		return ""
	}
	return branch
}

// open returns the repository's objects. A repository of a form that storage
// cannot read is left to the git command, as are forms of revision that only git
// knows.
func (r *repository) open(getenv func(string) string) (*objects, error) {
	var store *storage
	if r.unreadable == "" {
		var err error
		if store, err = openStorage(r); err != nil {
			r.unreadable = err.Error()
		}
	}
	git, err := exec.LookPath("git")
	hasGit := err == nil
	switch {
	case r.unreadable == "" && !hasGit:
		return &objects{store: store}, nil
	case r.unreadable == "":
		return &objects{store: store, git: newCommandStore(git, r, getenv)}, nil
	case !hasGit:
		fix := "install git, or deploy the folder (source: folder)"
		if r.fix != "" {
			fix = r.fix + ", " + fix
		}
		return nil, fmt.Errorf("open repository %s: %s: %w; %s", r.gitDir, r.unreadable, ErrUnreadable, fix)
	}
	return &objects{store: newCommandStore(git, r, getenv)}, nil
}
