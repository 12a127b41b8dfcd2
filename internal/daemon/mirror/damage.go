package mirror

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// discardDamaged removes the mirror if it is damaged. Otherwise it returns the error,
// which then comes from the remote.
func (m *Mirror) discardDamaged(ctx context.Context, cause error) error {
	why := m.Damage(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if why == "" {
		return fmt.Errorf("fetch from %s: %w", m.remote, cause)
	}
	m.log.Warn("the mirror is damaged; the repository will be cloned again", "because", why)
	return m.Discard()
}

func (m *Mirror) Discard() error {
	if err := remove(m.dir); err != nil {
		return fmt.Errorf("remove the mirror: %w", err)
	}
	return nil
}

// Damage describes what is wrong with the mirror, or returns "". A lock was left by a
// killed git, because no other git is running here.
func (m *Mirror) Damage(ctx context.Context) string {
	lock := ""
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && filepath.Base(path) == "objects":
			return fs.SkipDir
		case strings.HasSuffix(path, ".lock"):
			lock = path
			return fs.SkipAll
		}
		return nil
	})
	switch {
	case err != nil:
		return err.Error()
	case lock != "":
		return "a killed git left " + filepath.Base(lock)
	}
	if _, err := m.in(ctx, m.limit, "fsck", "--no-dangling", "--no-progress"); err != nil {
		return err.Error()
	}
	return ""
}

// Sweep removes incomplete packs and locks that a killed git left. It is called when
// no git is running in the mirror.
func (m *Mirror) Sweep() {
	_ = filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return fs.SkipDir // the next use reports the error
		case strings.HasPrefix(name, "tmp_"), strings.HasSuffix(name, ".lock"), strings.HasSuffix(name, ".keep"):
			_ = remove(path)
			if d.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
}
