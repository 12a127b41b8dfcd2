package hooks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/realpath"
)

// formerSuffix is added to the path of the hooks folder and gives the folder of former
// hooks: those that were there before kv-sync. A former hook must still find its own name,
// the files beside it and the folder above. So it keeps its file name, the two folders are
// side by side, and the new folder has links to the other files of the hooks folder.
const formerSuffix = ".before-kv-sync"

// formerDir returns the folder of former hooks.
func formerDir(hooksDir string) string { return realpath.Resolve(hooksDir) + formerSuffix }

// keepFormer puts a hook into the folder of former hooks. The hook also stays at its path
// until the script replaces it. So a killed Install leaves a hook that runs.
func keepFormer(path string, k Kind) (kept string, err error) {
	dir := formerDir(filepath.Dir(path))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("make the folder for the former hook: %w", err)
	}
	kept = filepath.Join(dir, string(k))
	if err := linkOrMove(path, kept); err != nil {
		removeFormerDir(dir)
		return "", err
	}
	linkOthers(realpath.Resolve(filepath.Dir(path)), dir)
	return kept, nil
}

// linkOrMove makes a hard link to a file or a symlink, and replaces what is at the new path. It
// moves the file where that is not possible: not every file system has hard links, and some
// systems link what a symlink names.
func linkOrMove(from, to string) error {
	link := to + ".new"
	_ = os.Remove(link)   // of a killed process
	defer os.Remove(link) // it remains if the two paths already are the same file
	if err := os.Link(from, link); err == nil && sameEntry(from, link) {
		return os.Rename(link, to)
	}
	return os.Rename(from, to)
}

// sameEntry reports whether two paths are the same file or the same symlink.
func sameEntry(a, b string) bool {
	infoA, errA := os.Lstat(a)
	infoB, errB := os.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// linkOthers links the other files of the hooks folder. The script links new files before
// each run, but it may run as a user who cannot write there.
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

// removeFormerDir removes the folder of former hooks, unless it still has a former hook or
// another file that is not a link.
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
