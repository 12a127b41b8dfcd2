package bundle

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// displayMain is the main file in messages.
func (o *project) displayMain() string {
	if o.Main == "" {
		return "@kv-sync/worker"
	}
	return o.display(o.Main)
}

// display returns a file's path relative to the project.
func (o *project) display(file string) string { return display(o.Root, file) }

func display(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}

func realpath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// realfolder is realpath for a folder that may exist only in the commit.
func realfolder(name string) (string, error) {
	real, err := realpath(name)
	if above := filepath.Dir(name); errors.Is(err, fs.ErrNotExist) && above != name {
		real, err = realfolder(above)
		real = filepath.Join(real, filepath.Base(name))
	}
	return real, err
}
