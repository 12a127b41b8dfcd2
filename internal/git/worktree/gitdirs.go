package worktree

import (
	"os"
	"path/filepath"
	"strings"
)

// Bare reports whether the repository that holds dir has no work tree.
func Bare(dir string, getenv func(string) string) bool {
	r, err := Find(dir, getenv)
	return err == nil && r.Top == ""
}

// GitDirs returns the folders in which git keeps its own files of the repository that holds
// dir. It leaves out folders that it cannot determine.
func GitDirs(dir string, getenv func(string) string) []string {
	env, err := readGitEnv(getenv)
	if err != nil {
		return nil
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	gitDir, _ := discover(RealPath(at), gitEnvironment{ceilings: env.ceilings})
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

// Around returns the root of the work tree around a folder, or without one the folder. It does not ask
// git, and resolves no symlinks.
func Around(folder string) string {
	for dir := folder; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			return folder
		}
	}
}
