package hooks

import (
	"bytes"
	"cmp"
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
	// Settings are the hook's settings. The mode "" means the default.
	Settings
}

// Install installs a hook. An existing hook is kept unchanged and runs first. Installing
// again changes only the binary and the given settings: one that is "" keeps its value. If
// another tool already runs kv-sync (Status.RunFrom) without the script, nothing changes.
func Install(ctx context.Context, r *Repository, k Kind, o Options) (*Status, error) {
	unlock, err := r.lockHooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	defer unlock()
	places, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	p := places[0]
	if p.Refused != nil {
		return nil, fmt.Errorf("install the hook: %w", p.Refused)
	}
	if p.RunFrom != "" && p.Script == "" {
		return &p.Status, nil
	}
	saved, err := r.saved(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	o.Default(saved)
	if err := o.complete(k); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	if err := p.write(k.script(filepath.ToSlash(o.Binary))); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	// The settings enable the hook, so they come last.
	if err := r.saveSettings(ctx, k, saved, o.Settings); err != nil {
		return nil, fmt.Errorf("install the hook: %w", err)
	}
	return StatusOf(ctx, r, k)
}

// write keeps the former hook and writes the script.
func (p *place) write(script []byte) (err error) {
	switch {
	case p.occupied:
		p.Chained, err = keepFormer(p.target, p.Kind)
	case p.Chained == p.beside():
		p.Chained, err = keepFormer(p.Chained, p.Kind)
		defer os.Remove(p.beside()) // the earlier script runs it until it is replaced
	}
	if err != nil {
		return err
	}
	if p.Script != "" && bytes.Equal(p.text, script) && p.executable {
		return nil
	}
	if err := writeScript(p.target, script); err != nil {
		if p.occupied {
			err = errors.Join(err, p.restore())
			removeFormerDir(formerDir(filepath.Dir(p.Path)))
		}
		return err
	}
	if p.moved != "" {
		_ = os.Remove(p.moved) // the tool that moved the script would put it back here
	}
	return nil
}

// restore undoes keepFormer, unless there is a new hook.
func (p *place) restore() error {
	if sameEntry(p.target, p.Chained) {
		return os.Remove(p.Chained)
	}
	if _, err := os.Lstat(p.target); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.putBack()
}

// putBack moves the former hook to where the script is or was.
func (p *place) putBack() error {
	return os.Rename(p.Chained, cmp.Or(p.scriptPath(), p.target))
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
