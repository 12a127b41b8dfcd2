package source

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"
)

// ErrNoRepository is returned (wrapped) where a commit is asked for and there
// is no git repository.
var ErrNoRepository = errors.New("no git repository")

// repository says where the parts of a git repository lie.
type repository struct {
	// gitDir holds HEAD and the index; commonDir, the same but for linked
	// worktrees, holds refs and objects.
	gitDir, commonDir string
	// top is the work tree's root, "" for a bare repository.
	top string
	// unreadable says why storage cannot read this form of repository, or "".
	unreadable string
}

// findRepository finds the repository that holds dir, as git would: GIT_DIR if
// it is set, else the nearest directory above that is one or has one.
func findRepository(dir string, getenv func(string) string) (*repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	r := &repository{}
	if set := getenv("GIT_DIR"); set != "" {
		r.gitDir = under(dir, set)
		r.top = dir
		if tree := getenv("GIT_WORK_TREE"); tree != "" {
			r.top = under(dir, tree)
		}
	} else {
		r.gitDir, r.top = discover(dir)
	}
	if r.gitDir == "" || !isGitDir(r.gitDir) {
		return nil, fmt.Errorf("%s: %w; run in one, or deploy the folder (source: folder)", dir, ErrNoRepository)
	}
	r.commonDir = r.gitDir
	if text, err := os.ReadFile(filepath.Join(r.gitDir, "commondir")); err == nil {
		r.commonDir = under(r.gitDir, strings.TrimSpace(string(text)))
	}
	return r, r.readConfig(getenv)
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func discover(dir string) (gitDir, top string) {
	for {
		dotGit := filepath.Join(dir, ".git")
		if info, err := os.Stat(dotGit); err == nil {
			if info.IsDir() && isGitDir(dotGit) {
				return dotGit, dir
			}
			text, err := os.ReadFile(dotGit)
			if target, ok := strings.CutPrefix(string(text), "gitdir: "); err == nil && ok {
				return under(dir, strings.TrimSpace(target)), dir
			}
		}
		if isGitDir(dir) {
			return dir, ""
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", ""
		}
		dir = above
	}
}

func isGitDir(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, "commondir")); err == nil {
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
	branch, _ := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
	if isHex(branch) || branch == ".invalid" {
		return ""
	}
	return branch
}

// readable are the extensions under which go-git's storage still reads objects
// and refs rightly.
var readable = map[string]bool{
	"worktreeconfig": true, "preciousobjects": true, "noop": true, "noop-v1": true, "relativeworktrees": true,
}

// readConfig finds out whether go-git can read the repository.
func (r *repository) readConfig(getenv func(string) string) error {
	text, err := os.ReadFile(filepath.Join(r.commonDir, "config"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the repository's config: %w", err)
	}
	cfg := config.New()
	if err := config.NewDecoder(bytes.NewReader(text)).Decode(cfg); err != nil {
		r.unreadable = "its config has a form that only git reads"
		return nil //nolint:nilerr // git itself says what is wrong, if anything is
	}
	for _, o := range cfg.Section("extensions").Options {
		name, value := strings.ToLower(o.Key), strings.ToLower(o.Value)
		standard := name == "objectformat" && value == "sha1" || name == "refstorage" && value == "files"
		if !readable[name] && !standard {
			r.unreadable = "extensions." + o.Key + " is set"
		}
	}
	for _, remote := range cfg.Section("remote").Subsections {
		if remote.Option("promisor") == "true" {
			r.unreadable = "it is a partial clone, which has not all of its objects"
		}
	}
	if getenv("GIT_OBJECT_DIRECTORY") != "" || getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES") != "" {
		r.unreadable = "GIT_OBJECT_DIRECTORY or GIT_ALTERNATE_OBJECT_DIRECTORIES is set"
	}
	return nil
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
		return nil, fmt.Errorf("open repository %s: %s, which takes the git command to read; install git, or deploy the folder (source: folder)",
			r.gitDir, r.unreadable)
	}
	return &objects{store: newCommandStore(git, r, getenv)}, nil
}
