package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Uninstall removes a hook and restores the former hook unchanged. It also looks in the
// repository's own hooks folder, because core.hooksPath may have been set after Install. It does not
// touch hooks of other tools. A second call is not an error.
func Uninstall(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	unlock, err := r.lockHooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	defer unlock()
	places, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	removed, err := r.removeSettings(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	var scripts []string
	restored := false
	for _, each := range places {
		script, back, err := each.remove()
		if err != nil {
			return nil, fmt.Errorf("uninstall the hook: %w", err)
		}
		if script != "" {
			scripts = append(scripts, script)
		}
		restored = restored || back
	}
	s, err := StatusOf(ctx, r, k)
	if err != nil {
		return nil, err
	}
	s.Removed, s.RemovedScripts, s.Restored = removed || restored || len(scripts) > 0, scripts, restored
	return s, nil
}

// remove removes the script and restores the former hook, if they exist.
func (p *place) remove() (script string, restored bool, err error) {
	script = p.scriptPath()
	switch {
	case p.blocked:
		return "", false, p.notAFile()
	case p.Kind.edited(p.text):
		return "", false, p.edited()
	case p.returned:
		script = cmp.Or(script, p.Chained)
		err = os.Remove(p.Chained) // the hook that replaced the script is the newer one
		if p.moved != "" {
			err = errors.Join(err, os.Remove(p.moved))
		}
	case p.occupied && p.Chained != "" && p.moved == "":
		return "", false, p.replaced("delete the one that you do not need")
	case p.Chained != "":
		err = p.putBack() // replaces the script atomically
		restored = true
	case script != "":
		err = os.Remove(script)
	default:
		removeFormerDir(formerDir(filepath.Dir(p.Path))) // of a killed Uninstall
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if dir := filepath.Dir(p.target); dir != filepath.Dir(p.Path) {
		_ = os.Remove(dir) // Install may have made it; it stays if anything else is in it
	}
	removeFormerDir(formerDir(filepath.Dir(p.Path)))
	return script, restored, nil
}
