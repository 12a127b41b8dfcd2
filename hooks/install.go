package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/wholefile"
)

// Options are what an installed hook is to do.
type Options struct {
	// Binary is the kv-sync that the hook calls (default: this program).
	Binary string
	// Settings are what it is told; the mode "" is the hook's default.
	Settings
}

// Status says what git would run.
type Status struct {
	Kind Kind
	// Path is where git looks for the hook.
	Path string
	// Installed: the hook there is kv-sync's and is on in this repository.
	Installed bool
	// Settings are what it was told here.
	Settings Settings
	// Other: there is a hook of somebody else at Path.
	Other bool
	// Chained is the hook that was there before and runs first, or "".
	Chained string
	// Shared: the folder lies outside the repository (core.hooksPath), so that
	// other repositories may run the same script. It does something only in those
	// where it is on.
	Shared bool
	// Removed: Uninstall has found something of kv-sync's to take away.
	Removed bool
}

// before is where the hook is kept that was there first.
func (s *Status) before() string { return s.Path + ".before-kv-sync" }

// editedByHand says that the script holds lines that are not ours to delete.
func (s *Status) editedByHand() string {
	return fmt.Sprintf("%s was changed after kv-sync wrote it and is not touched; move what is yours to %s, which runs first, delete %s, and run this again",
		s.Path, s.before(), s.Path)
}

// StatusOf says whether a hook is installed.
func StatusOf(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	s, _, err := inspect(ctx, r, k)
	return s, err
}

// inspect returns the status and the script of ours that is there, nil if there
// is none.
func inspect(ctx context.Context, r *Repository, k Kind) (*Status, []byte, error) {
	dir, err := r.hooksDir(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &Status{Kind: k, Path: filepath.Join(dir, string(k)), Shared: !r.within(dir)}
	if _, err := os.Lstat(s.before()); err == nil {
		s.Chained = s.before()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("look at the hooks: %w", err)
	}
	if s.Settings, err = r.Settings(ctx, k); err != nil {
		return nil, nil, err
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
	if !k.ours(there) {
		s.Other = true
		return s, nil, nil
	}
	s.Installed = s.Settings.Mode != ""
	return s, there, nil
}

// Install puts a hook where git looks for it. A hook that is there is kept
// beside it, untouched, and runs first. Installing again changes nothing but
// the binary and the settings.
func Install(ctx context.Context, r *Repository, k Kind, o Options) (*Status, error) {
	s, there, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	if err := o.complete(k); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	dir := filepath.Dir(s.Path)
	if filepath.Base(dir) == "_" && filepath.Base(filepath.Dir(dir)) == ".husky" {
		// Its scripts act by their own name, so they cannot be chained.
		return nil, fmt.Errorf(`install the hook: %s belongs to husky; add the line "kv-sync hook run pre-push \"$@\"" to .husky/pre-push instead`, dir)
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("install the hook: %s was replaced after kv-sync was installed, and %s is still there; delete the one that is not needed, then install again",
				s.Path, s.Chained)
		}
		if err := os.Rename(s.Path, s.before()); err != nil {
			return nil, fmt.Errorf("install the hook: %w", err)
		}
		s.Chained = s.before()
	}
	if k.edited(there) {
		return nil, errors.New("install the hook: " + s.editedByHand())
	}
	if want := k.script(filepath.ToSlash(o.Binary)); !bytes.Equal(there, want) {
		if err := writeScript(s.Path, want); err != nil {
			return nil, errors.Join(fmt.Errorf("install the hook: %w", err), putBack(s))
		}
	}
	// Only now is it on: a push meanwhile is one before it.
	if err := r.tell(ctx, k, o.Settings); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	s.Installed, s.Other, s.Settings = true, false, o.Settings
	return s, nil
}

// complete fills in the defaults.
func (o *Options) complete(k Kind) (err error) {
	switch {
	case k == PostReceiveHook:
		o.Mode = Deploy
	case o.Mode == "":
		o.Mode = Check
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	o.Binary, err = filepath.Abs(o.Binary)
	return err
}

// writeScript replaces the file in one step, so that a push meanwhile runs the
// old script or the new one.
func writeScript(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return wholefile.Write(path, b, 0o755)
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

// Uninstall removes a hook and puts the one that was there before back, as it
// was. Where the hook is not kv-sync's it is left alone. It is no error if
// there is nothing to do.
func Uninstall(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	s, there, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	if s.Removed, err = r.forget(ctx, k); err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	if s.Other {
		if s.Chained != "" {
			return nil, fmt.Errorf("uninstall the hook: %s was replaced after kv-sync was installed and is not touched; the hook from before is %s", s.Path, s.Chained)
		}
		return s, nil
	}
	if k.edited(there) {
		return nil, errors.New("uninstall the hook: " + s.editedByHand())
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
