package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

// Options configure [Install].
type Options struct {
	// Binary is the kv-sync that the hook runs. The default is this program.
	Binary string
	// Settings are the hook's settings. The mode "" is its default.
	Settings
}

// Status describes the hook that git would run.
type Status struct {
	Kind Kind
	// Path is where git expects the hook.
	Path string
	// Installed: the hook is kv-sync's and enabled in this repository.
	Installed bool
	// Settings are its settings in this repository.
	Settings Settings
	// Other: the hook at Path is not kv-sync's.
	Other bool
	// Chained is the former hook, which runs first, or "".
	Chained string
	// Shared: the folder is outside the repository (core.hooksPath), so other
	// repositories may run the same script. It has no effect where it is not enabled.
	Shared bool
	// Removed: Uninstall removed something.
	Removed bool
}

// chainedPath is where the former hook is kept.
func (s *Status) chainedPath() string { return s.Path + ".before-kv-sync" }

// editedByHand is the error text for a script that somebody changed.
func (s *Status) editedByHand() string {
	return fmt.Sprintf("%s was changed after kv-sync wrote it; move your lines to %s, which runs first, delete %s, "+
		"and run this again",
		s.Path, s.chainedPath(), s.Path)
}

// StatusOf returns a hook's status.
func StatusOf(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	s, _, err := inspect(ctx, r, k)
	return s, err
}

// inspect returns the status and kv-sync's script at Path, or nil if there is none.
func inspect(ctx context.Context, r *Repository, k Kind) (*Status, []byte, error) {
	dir, err := r.hooksDir(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &Status{Kind: k, Path: filepath.Join(dir, string(k)), Shared: !r.within(dir)}
	if _, err := os.Lstat(s.chainedPath()); err == nil {
		s.Chained = s.chainedPath()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("inspect the hooks: %w", err)
	}
	if s.Settings, err = r.Settings(ctx, k); err != nil {
		return nil, nil, err
	}
	info, err := os.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("inspect the hooks: %w", err)
	}
	// kv-sync's script is a regular file. A symlink is somebody else's.
	var script []byte
	if info.Mode().IsRegular() {
		if script, err = os.ReadFile(s.Path); err != nil {
			return nil, nil, fmt.Errorf("inspect the hooks: %w", err)
		}
	}
	if !k.ours(script) {
		s.Other = true
		return s, nil, nil
	}
	s.Installed = s.Settings.Mode != ""
	return s, script, nil
}

// Install installs a hook. An existing hook is kept unchanged beside it and runs first.
// Installing again changes only the binary and the settings.
func Install(ctx context.Context, r *Repository, k Kind, o Options) (*Status, error) {
	s, script, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	if err := o.complete(k); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	dir := filepath.Dir(s.Path)
	if filepath.Base(dir) == "_" && filepath.Base(filepath.Dir(dir)) == ".husky" {
		// Husky's scripts depend on their own file name, so they cannot be chained.
		return nil, fmt.Errorf("install the hook: %s belongs to husky; "+
			`add the line "kv-sync hook run pre-push \"$@\"" to .husky/pre-push instead`, dir)
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("install the hook: %s was replaced after kv-sync was installed, and %s still exists; "+
				"delete the one that you do not need, then install again", s.Path, s.Chained)
		}
		if err := os.Rename(s.Path, s.chainedPath()); err != nil {
			return nil, fmt.Errorf("install the hook: %w", err)
		}
		s.Chained = s.chainedPath()
	}
	if k.edited(script) {
		return nil, errors.New("install the hook: " + s.editedByHand())
	}
	if want := k.script(filepath.ToSlash(o.Binary)); !bytes.Equal(script, want) {
		if err := writeScript(s.Path, want); err != nil {
			return nil, errors.Join(fmt.Errorf("install the hook: %w", err), restoreChained(s))
		}
	}
	// The settings enable the hook, so they come last.
	if err := r.saveSettings(ctx, k, o.Settings); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	s.Installed, s.Other, s.Settings = true, false, o.Settings
	return s, nil
}

// complete sets the defaults.
func (o *Options) complete(k Kind) (err error) {
	switch {
	case k == PostReceiveHook:
		o.Mode = Deploy
	case o.Mode == "":
		o.Mode = Check
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find the path of this program: %w", err)
		}
	}
	o.Binary, err = filepath.Abs(o.Binary)
	return err
}

// writeScript replaces the file atomically, so that a concurrent push runs the old or
// the new script.
func writeScript(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, b, 0o755)
}

// restoreChained undoes the renaming of the former hook, unless there is a new one.
func restoreChained(s *Status) error {
	if s.Chained == "" {
		return nil
	}
	if _, err := os.Lstat(s.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(s.Chained, s.Path)
}

// Uninstall removes a hook and restores the former one unchanged. A hook that is not
// kv-sync's is not touched. Uninstalling twice is not an error.
func Uninstall(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	s, script, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	if s.Removed, err = r.removeSettings(ctx, k); err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("uninstall the hook: %s was replaced after kv-sync was installed; the former hook is %s",
				s.Path, s.Chained)
		}
		return s, nil
	}
	if k.edited(script) {
		return nil, errors.New("uninstall the hook: " + s.editedByHand())
	}
	s.Removed = s.Removed || script != nil || s.Chained != ""
	if script != nil && s.Chained == "" {
		err = os.Remove(s.Path)
	} else if s.Chained != "" {
		err = os.Rename(s.Chained, s.Path) // replaces kv-sync's atomically
		s.Chained, s.Other = "", true
	}
	if err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	s.Installed = false
	return s, nil
}
