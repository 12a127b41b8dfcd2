package hooks

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Status describes what happens on a push.
type Status struct {
	Kind Kind
	// Path is where git expects the hook.
	Path string
	// Script is kv-sync's script, or "". It is at Path, or where the manager runs it.
	Script string
	// Installed is set if a push runs the script and the script is enabled in this repository.
	Installed bool
	// Settings are its settings in this repository.
	Settings Settings
	// Other is set if the hook at Path is not kv-sync's.
	Other bool
	// Manager is the tool that installed the hook at Path, if it is known, or "".
	Manager string
	// RunFrom is a file of another tool or person that runs kv-sync, without the script or
	// in addition to it, or "".
	RunFrom string
	// Chained is the former hook, which runs first, or "". Skipped: it does not run,
	// because it is not executable.
	Chained string
	Skipped bool
	// Shared is set if the folder is outside the repository (core.hooksPath), so other
	// repositories may run the same script. It has no effect where it is not enabled.
	Shared bool
	// Unused is a script of kv-sync that nothing runs, because another tool moved it or
	// core.hooksPath names another folder, or "".
	Unused string
	// Refused is why Install would change nothing, or nil.
	Refused error
	// Removed is set if Uninstall removed something; RemovedScripts are the removed scripts.
	// Restored is set if Uninstall put a former hook back.
	Removed, Restored bool
	RemovedScripts    []string
}

// place is the state of one hook in one hooks folder, for Install and Uninstall.
type place struct {
	Status
	// target is where Install writes the script.
	target string
	// text is the script, nil if there is none.
	text []byte
	// moved is where another tool moved the script, or "".
	moved string
	// executable is set if the operating system would run the script.
	executable bool
	// occupied is set if another hook is at target, and returned if that is the former hook, which
	// somebody wrote again. blocked is set if something at target is not a file.
	occupied, blocked, returned bool
}

// StatusOf returns a hook's status.
func StatusOf(ctx context.Context, r *Repository, k Kind) (*Status, error) {
	places, err := inspect(ctx, r, k)
	if err != nil {
		return nil, err
	}
	p := places[0]
	for _, each := range places {
		if each.moved != "" {
			p.Unused = each.moved
		} else if each != p && each.Script != "" {
			p.Unused = each.Script
		}
	}
	return &p.Status, nil
}

// inspect returns the hook's state in the folder where git looks for hooks. If
// core.hooksPath names that folder, the state in the repository's own folder follows.
func inspect(ctx context.Context, r *Repository, k Kind) ([]*place, error) {
	dir, err := r.hooksDir(ctx)
	if err != nil {
		return nil, err
	}
	p, err := inspectDir(ctx, r, k, dir)
	if err != nil {
		return nil, err
	}
	if own := filepath.Join(r.CommonDir, "hooks"); own != dir {
		other, err := inspectDir(ctx, r, k, own)
		return []*place{p, other}, err
	}
	return []*place{p}, nil
}

func inspectDir(ctx context.Context, r *Repository, k Kind, dir string) (*place, error) {
	p := &place{Status: Status{Kind: k, Path: filepath.Join(dir, string(k)), Shared: !r.within(dir)}}
	p.target = p.Path
	var err error
	if p.Settings, err = r.Settings(ctx, k); err != nil {
		return nil, err
	}
	if reason := noHooks(dir); reason != "" {
		p.Refused = errors.New(reason)
		return p, nil
	}
	hook, err := readHook(p.Path)
	if err != nil {
		return nil, fmt.Errorf("inspect the hooks: %w", err)
	}
	p.Other = hook.exists && !k.ours(hook.text)
	m := manager{}
	if !k.ours(hook.text) {
		m = managerOf(p.Path, hook.head)
		p.Manager = m.name
	}
	if m.next != "" {
		p.target = p.Path + filepath.FromSlash(m.next)
		if hook, err = readHook(p.target); err != nil {
			return nil, fmt.Errorf("inspect the hooks: %w", err)
		}
	}
	if k.ours(hook.text) {
		p.Script, p.text, p.executable = p.target, hook.text, hook.executable
	}
	if p.Script == "" {
		p.findMoved()
	}
	p.occupied, p.blocked = hook.exists && p.Script == "", hook.exists && !hook.file
	if err := p.findChained(hook.head); err != nil {
		return nil, fmt.Errorf("inspect the hooks: %w", err)
	}
	p.Installed = p.Script != "" && p.executable && p.Settings.Mode != ""
	p.findRunFrom(r, m)
	p.Refused = p.refusal(ctx, r, m)
	return p, nil
}

// noHooks returns the reason why git runs no hook from a folder, or "".
func noHooks(dir string) string {
	const fix = "; see where it is set: git config --show-origin core.hooksPath"
	if dir == "" {
		return "core.hooksPath is empty, so git runs no hooks" + fix
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "core.hooksPath is " + dir + ", which is not a folder, so git runs no hooks" + fix
	}
	return ""
}

// findChained looks for the former hook. Earlier scripts kept it beside themselves. text is
// the hook at target.
func (p *place) findChained(text []byte) error {
	for _, path := range []string{filepath.Join(formerDir(filepath.Dir(p.Path)), string(p.Kind)), p.beside()} {
		hook, err := readHook(path)
		if err != nil {
			return err
		}
		if hook.exists {
			p.Chained, p.Skipped = path, !hook.executable
			m := managerOf(path, hook.head)
			p.returned = p.occupied && hook.file &&
				(bytes.Equal(hook.head, text) || m.name != "" && m.name == managerOf(p.target, text).name)
			return nil
		}
	}
	return nil
}

// beside is where the scripts up to version 3 kept the former hook.
func (p *place) beside() string { return p.Path + formerSuffix }

// findMoved looks for the script where managers keep a former hook.
func (p *place) findMoved() {
	dir, name := filepath.Split(p.Path)
	for _, path := range []string{p.Path + ".old", p.Path + ".legacy", filepath.Join(dir, "old-hooks", name)} {
		if hook, err := readHook(path); err == nil && p.Kind.ours(hook.text) {
			p.moved, p.text = path, hook.text
			return
		}
	}
}

// findRunFrom looks for a file that runs kv-sync besides the script.
func (p *place) findRunFrom(r *Repository, m manager) {
	for _, path := range []string{p.Path, p.Chained} {
		if path == "" || path == p.Path && p.Script == p.Path {
			continue
		}
		hook, err := readHook(path)
		if err != nil || !hook.exists {
			continue
		}
		if path == p.Chained {
			m = managerOf(path, hook.head)
		}
		if p.RunFrom = m.runsKVSync(r.Top); p.RunFrom == "" && runsKVSync(hook.head) {
			p.RunFrom = path
		}
		if p.RunFrom != "" {
			return
		}
	}
}

// refusal returns the reason why Install would change nothing, or nil.
func (p *place) refusal(ctx context.Context, r *Repository, m manager) error {
	line := fmt.Sprintf("kv-sync hook run %s \"$@\"", p.Kind)
	switch {
	case p.RunFrom != "" && p.Script == "":
		return nil // there is nothing to install
	case p.blocked:
		return p.notAFile()
	case m.add != "":
		return fmt.Errorf("%s belongs to %s, which would replace kv-sync's hook or cannot be moved; "+
			"add \"%s\" to %s instead", p.Path, m.name, line, m.add)
	case p.Script != "" && p.Kind.edited(p.text):
		return p.edited()
	case p.occupied && p.Chained != "" && !p.returned:
		return p.replaced("delete the one that you do not need, then install again")
	case p.occupied && r.tracks(ctx, p.target):
		return fmt.Errorf("%s is tracked by git, so a change of it would reach other clones; add the line %q to it instead",
			p.target, line)
	}
	return nil
}

// notAFile is the error for a folder where the hook would be.
func (p *place) notAFile() error {
	return fmt.Errorf("%s is not a file, so git cannot run it as a hook; move it away", p.target)
}

// edited is the error for a script that somebody changed.
func (p *place) edited() error {
	return fmt.Errorf("%s was changed after kv-sync wrote it; move your lines to %s, which runs first, delete %s, "+
		"and run this again", p.scriptPath(), filepath.Join(formerDir(filepath.Dir(p.Path)), string(p.Kind)), p.scriptPath())
}

// scriptPath is where the script is, whether it runs or not.
func (p *place) scriptPath() string { return cmp.Or(p.Script, p.moved) }

// replaced is the error for a hook that another tool wrote over kv-sync's.
func (p *place) replaced(fix string) error {
	return fmt.Errorf("%s was replaced after kv-sync was installed, and the former hook is still at %s; %s",
		p.target, p.Chained, fix)
}

// tracks reports whether a file is in the repository's index.
func (r *Repository) tracks(ctx context.Context, path string) bool {
	if r.Top == "" || !r.within(path) {
		return false
	}
	out, err := r.git(ctx, "ls-files", "--", ":(literal)"+path)
	return err == nil && out != ""
}

// maxHead limits how much of another tool's hook is read.
const maxHead = 64 << 10

// hookFile is a file where a hook may be.
type hookFile struct {
	exists, file, executable bool
	// text is the content of a regular file, head that of the file or the symlink's target.
	// Both are limited.
	text, head []byte
}

// readHook reads a hook. kv-sync's script is a regular file. A symlink is somebody else's.
func readHook(path string) (h hookFile, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	} else if err != nil {
		return h, err
	}
	symlink := info.Mode()&fs.ModeSymlink != 0
	h.exists, h.file = true, symlink || info.Mode().IsRegular()
	if !h.file {
		return h, nil
	}
	h.executable = runtime.GOOS == "windows" || symlink || info.Mode().Perm()&0o111 != 0
	if symlink {
		if info, err = os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return h, nil //nolint:nilerr // its target is missing, or is not a file
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	if h.head, err = io.ReadAll(io.LimitReader(f, maxHead)); err != nil {
		return h, err
	}
	if !symlink {
		h.text = h.head
	}
	return h, nil
}
