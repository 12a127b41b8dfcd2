package hooks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// formerSuffix is added to the name of the folder of hooks. A former hook is in the
// folder with this name, under its own name, because many hooks look at both. The
// folder is beside that of the hooks, so that ".." means the same in it. The other files
// of the folder of hooks are in it as links.
const formerSuffix = ".before-kv-sync"

// formerDir returns the folder of the former hooks.
func formerDir(hooksDir string) string { return resolved(hooksDir) + formerSuffix }

// keepFormer moves a hook into the folder of the former hooks.
func keepFormer(path string, k Kind) (kept string, err error) {
	dir := formerDir(filepath.Dir(path))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("make the folder for the former hook: %w", err)
	}
	kept = filepath.Join(dir, string(k))
	if err := os.Rename(path, kept); err != nil {
		removeFormerDir(dir)
		return "", err
	}
	linkOthers(resolved(filepath.Dir(path)), dir)
	return kept, nil
}

// linkOthers links the other files of the folder of hooks. The script does the same before
// each run for new files, but a user who pushes may not be able to write there.
func linkOthers(hooksDir, dir string) {
	entries, err := os.ReadDir(hooksDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if name := e.Name(); !isKind(name) && !strings.HasSuffix(name, ".sample") {
			_ = os.Symlink(filepath.Join("..", filepath.Base(hooksDir), name), filepath.Join(dir, name))
		}
	}
}

// removeFormerDir removes the folder, unless it still has a former hook or another file
// that is not a link.
func removeFormerDir(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if isKind(e.Name()) {
			return
		}
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir)
}

func isKind(name string) bool { return name == string(PrePushHook) || name == string(PostReceiveHook) }
