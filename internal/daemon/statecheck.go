package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/filelock"
)

// Check returns an error if [Daemon.Open] would fail because of the state folder. It does
// not check whether another daemon uses the folder, and changes nothing in it.
func (d *Daemon) Check() error {
	state := d.cfg.State
	folders, files := []string{state, filepath.Join(state, "sites")}, []string{"lock", "deliveries"}
	for i := range d.cfg.Sites {
		dir := filepath.Join(state, "sites", d.cfg.Sites[i].Name)
		folders = append(folders, dir, filepath.Join(dir, "empty", filepath.FromSlash(d.cfg.Sites[i].Root)))
	}
	for _, dir := range folders {
		if err := usableFolder(dir); err != nil {
			return fmt.Errorf("the state folder %s cannot be used: %w; set state to a folder that the daemon may write to",
				state, err)
		}
	}
	for _, name := range files {
		if err := usableFile(filepath.Join(state, name)); err != nil {
			return fmt.Errorf("the state folder %s cannot be used: %w", state, err)
		}
	}
	return nil
}

// Running reports whether another daemon uses the state folder. It creates no file.
func (d *Daemon) Running() bool {
	file := filepath.Join(d.cfg.State, "lock")
	if _, err := os.Stat(file); err != nil {
		return false
	}
	lock, err := filelock.Acquire(file)
	if err == nil {
		_ = lock.Close()
	}
	return errors.Is(err, filelock.ErrHeld)
}

// usableFolder returns an error if a folder cannot be written to, or cannot be made.
func usableFolder(dir string) error {
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder", dir)
		}
		return writable(dir, true)
	}
}

// usableFile returns an error if a file exists and cannot be read and written.
func usableFile(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", file)
	}
	return writable(file, false)
}
