package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Uninstall removes a hook and restores the former one unchanged, also in the
// repository's own folder if core.hooksPath names another one now. A hook that is not
// kv-sync's is not touched. Uninstalling twice is not an error.
func Uninstall(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	places, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	p := places[0]
	removed, err := r.removeSettings(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("uninstall the hook: %w", err)
	}
	p.Removed = removed
	for _, each := range places {
		removed, err := each.remove()
		if err != nil {
			return nil, fmt.Errorf("uninstall the hook: %w", err)
		}
		p.Removed = p.Removed || removed
	}
	p.Installed = false
	return &p.Status, nil
}

// remove removes the script and restores the former hook, if they are there.
func (p *place) remove() (removed bool, err error) {
	switch {
	case p.blocked:
		return false, p.notAFile()
	case p.Kind.edited(p.text):
		return false, p.edited()
	case p.returned:
		err = os.Remove(p.Chained) // the hook that replaced the script is the newer one
		if p.moved != "" {
			err = errors.Join(err, os.Remove(p.moved))
		}
		p.Chained = ""
	case p.occupied && p.Chained != "" && p.moved == "":
		return false, p.replaced("delete the one that you do not need")
	case p.Chained != "":
		err = p.putBack() // replaces the script atomically
		p.Chained, p.Other = "", true
	case p.scriptPath() != "":
		err = os.Remove(p.scriptPath())
	default:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.Script, p.moved = "", ""
	if dir := filepath.Dir(p.target); dir != filepath.Dir(p.Path) {
		_ = os.Remove(dir) // Install may have made it; it stays if anything else is in it
	}
	removeFormerDir(formerDir(filepath.Dir(p.Path)))
	return true, nil
}
