package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	hookName   = "pre-push"
	beforeName = "pre-push.before-kv-sync"
	// enabledKey is set in the configuration of a repository whose hooks lie in
	// a folder that it may share with others.
	enabledKey = "kv-sync.prepush"
)

// Options are what an installed hook is to do.
type Options struct {
	// Binary is the kv-sync that the hook calls (default: this program).
	Binary string
	// Args are flags that the hook gives to "kv-sync hook run", e.g. --dir and
	// a folder.
	Args []string
}

// Status says what git would run before a push.
type Status struct {
	// Path is where git looks for the hook.
	Path string
	// Installed: the hook there is kv-sync's and is on in this repository.
	Installed bool
	// Other: there is a hook of somebody else at Path.
	Other bool
	// Chained is the hook that was there before and runs first, or "".
	Chained string
	// Shared: the folder lies outside the repository (core.hooksPath), so that
	// other repositories may run the same script. It checks only those where it
	// was installed.
	Shared bool
	// Removed: Uninstall has found something of kv-sync's to take away.
	Removed bool
}

// StatusOf says whether the hook is installed.
func StatusOf(ctx context.Context, r *Repository) (*Status, error) {
	s, _, err := inspect(ctx, r)
	return s, err
}

// inspect returns the status and the script that is there, nil if there is none.
func inspect(ctx context.Context, r *Repository) (*Status, []byte, error) {
	dir, err := r.hooksDir(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &Status{Path: filepath.Join(dir, hookName), Shared: !r.within(dir)}
	if _, err := os.Lstat(filepath.Join(dir, beforeName)); err == nil {
		s.Chained = filepath.Join(dir, beforeName)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("look at the hooks: %w", err)
	}
	info, err := os.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("look at the hooks: %w", err)
	}
	// A symlink, wherever it leads, is somebody's own: ours is a plain file.
	var there []byte
	if info.Mode().IsRegular() {
		if there, err = os.ReadFile(s.Path); err != nil {
			return nil, nil, fmt.Errorf("look at the hooks: %w", err)
		}
	}
	if !ours(there) {
		s.Other = true
		return s, nil, nil
	}
	s.Installed = true
	if s.Shared {
		on, err := r.git(ctx, "config", "--local", "--get", enabledKey)
		var failed *gitError
		if err != nil && !errors.As(err, &failed) {
			return nil, nil, err
		}
		s.Installed = err == nil && on == "true"
	}
	return s, there, nil
}

// Install puts the hook where git looks for it. A hook that is there is kept
// beside it, untouched, and runs first. Installing again changes nothing but
// the binary and its flags.
func Install(ctx context.Context, r *Repository, o Options) (*Status, error) {
	s, there, err := inspect(ctx, r)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(s.Path)
	if filepath.Base(dir) == "_" && filepath.Base(filepath.Dir(dir)) == ".husky" {
		// Its scripts act by their own name, so they cannot be chained.
		return nil, fmt.Errorf(`install the hook: %s belongs to husky; add the line "kv-sync hook run pre-push \"$@\"" to .husky/pre-push instead`, dir)
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("install the hook: find this program: %w", err)
		}
	}
	if o.Binary, err = filepath.Abs(o.Binary); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("install the hook: %s was replaced after kv-sync was installed, and %s is still there; delete the one that is not needed, then install again",
				s.Path, s.Chained)
		}
		before := filepath.Join(dir, beforeName)
		if err := os.Rename(s.Path, before); err != nil {
			return nil, fmt.Errorf("install the hook: %w", err)
		}
		s.Chained = before
	}
	want := script(filepath.ToSlash(o.Binary), o.Args, s.Shared)
	if !bytes.Equal(there, want) {
		if err := writeScript(s.Path, want); err != nil {
			return nil, errors.Join(fmt.Errorf("install the hook: %w", err), putBack(s))
		}
	}
	if s.Shared {
		if _, err := r.git(ctx, "config", "--local", enabledKey, "true"); err != nil {
			return nil, fmt.Errorf("install the hook: %w", err)
		}
	}
	s.Installed, s.Other = true, false
	return s, nil
}

// writeScript replaces the file in one step, so that a push meanwhile runs the
// old script or the new one.
func writeScript(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), hookName+".kv-sync-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o755), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// putBack undoes the renaming, if the place is free.
func putBack(s *Status) error {
	if s.Chained == "" {
		return nil
	}
	if _, err := os.Lstat(s.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(s.Chained, s.Path)
}

// Uninstall removes the hook and puts the one that was there before back, as it
// was. Where the hook is not kv-sync's it is left alone. It is no error if
// there is nothing to do.
func Uninstall(ctx context.Context, r *Repository) (*Status, error) {
	s, there, err := inspect(ctx, r)
	if err != nil {
		return nil, err
	}
	if s.Shared {
		_, err := r.git(ctx, "config", "--local", "--unset-all", enabledKey)
		s.Removed = err == nil
		var failed *gitError
		if errors.As(err, &failed) && failed.code == 5 {
			err = nil // it was not set
		}
		if err != nil {
			return nil, fmt.Errorf("uninstall the hook: %w", err)
		}
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("uninstall the hook: %s was replaced after kv-sync was installed and is not touched; the hook from before is %s", s.Path, s.Chained)
		}
		return s, nil
	}
	s.Removed = s.Removed || there != nil || s.Chained != ""
	if there != nil && s.Chained == "" {
		err = os.Remove(s.Path)
	} else if s.Chained != "" {
		err = os.Rename(s.Chained, s.Path) // replaces ours in one step
		s.Chained, s.Other = "", true
	}
	if err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	s.Installed = false
	return s, nil
}
