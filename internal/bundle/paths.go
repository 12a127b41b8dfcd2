package bundle

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// displayMain returns the name of the main file for messages.
func (p *project) displayMain() string {
	if p.Main == "" {
		return "@kv-sync/worker"
	}
	return p.display(p.Main)
}

// display returns a file's path relative to the project.
func (p *project) display(file string) string { return display(p.Root, file) }

func display(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

// resolveFolder returns the real path of a folder. The folder may exist only in the commit; the
// part of the path that does not exist on the disk stays as it is.
func resolveFolder(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if parent := filepath.Dir(abs); errors.Is(err, fs.ErrNotExist) && parent != abs {
		resolved, err = resolveFolder(parent)
		resolved = filepath.Join(resolved, filepath.Base(abs))
	}
	return resolved, err
}
