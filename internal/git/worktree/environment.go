package worktree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// gitEnvironment has the locations that the environment sets for parts of the repository. Paths
// are absolute, because git resolves relative ones against the directory that it is started in.
type gitEnvironment struct {
	dir, workTree, commonDir, index, objectDir string
	// borrowed are further object directories.
	borrowed []string
	// ceilings are directories at which the search for a repository stops. It does not look
	// into them.
	ceilings map[string]bool
}

func readGitEnv(getenv func(string) string) (env gitEnvironment, err error) {
	for name, value := range map[string]*string{
		"GIT_DIR": &env.dir, "GIT_WORK_TREE": &env.workTree, "GIT_COMMON_DIR": &env.commonDir,
		"GIT_INDEX_FILE": &env.index, "GIT_OBJECT_DIRECTORY": &env.objectDir,
	} {
		set := getenv(name)
		if set == "" {
			continue
		}
		if *value, err = filepath.Abs(set); err != nil {
			return env, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, dir := range filepath.SplitList(getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")) {
		if dir, err = filepath.Abs(dir); err != nil {
			return env, fmt.Errorf("GIT_ALTERNATE_OBJECT_DIRECTORIES: %w", err)
		}
		env.borrowed = append(env.borrowed, dir)
	}
	env.ceilings = map[string]bool{}
	for _, dir := range filepath.SplitList(getenv("GIT_CEILING_DIRECTORIES")) {
		if filepath.IsAbs(dir) {
			env.ceilings[RealPath(filepath.Clean(dir))] = true
		}
	}
	return env, nil
}

// variables returns the environment variables ("NAME=value") that set these locations, but for
// GIT_DIR.
func (e gitEnvironment) variables() []string {
	var set []string
	for _, v := range [][2]string{
		{"GIT_COMMON_DIR", e.commonDir}, {"GIT_WORK_TREE", e.workTree}, {"GIT_OBJECT_DIRECTORY", e.objectDir},
		{"GIT_INDEX_FILE", e.index},
		{"GIT_ALTERNATE_OBJECT_DIRECTORIES", strings.Join(e.borrowed, string(os.PathListSeparator))},
	} {
		if v[1] != "" {
			set = append(set, v[0]+"="+v[1])
		}
	}
	return set
}
