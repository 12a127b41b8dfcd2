package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// opinion matches git fsck's lines about how an object is written: a date, a file
// mode, the order of a tree. Histories of many years have such objects. They are as the
// remote has them, and another clone would bring them again. Warnings are no damage either.
var opinion = regexp.MustCompile(
	`^(?:warning|notice|hint): |^(?:error|warning) in (?:commit|tree|blob|tag) [0-9a-f]{40,64}: [A-Za-z0-9]+: `)

// circumstance matches reasons for which git fsck fails in a sound mirror.
var circumstance = regexp.MustCompile(`(?i)out of memory|cannot allocate|resource temporarily unavailable|` +
	`too many open files|permission denied|no space left|input/output error|stale file handle`)

// Bits of the exit code of git fsck that opinions set, too.
const (
	fsckObject = 1
	fsckPack   = 4
)

// Damage describes what proves that the mirror is damaged, or returns "": an object
// that is missing, cannot be read or does not have the content of its name, or a folder
// that is no repository. A check that could not be made proves nothing.
//
// It reads the whole mirror.
func (m *Mirror) Damage(ctx context.Context) string {
	if info, err := os.Stat(m.dir); err == nil && !info.IsDir() {
		return m.dir + " is no folder"
	}
	_, err := m.ask(ctx, command.Call{
		Args: []string{"fsck", "--full", "--no-dangling", "--no-progress"}, Limit: m.limit, Ignore: opinion,
	})
	failed := (*command.Error)(nil)
	if !errors.As(err, &failed) || failed.Code < 0 || circumstance.MatchString(failed.Text) {
		return ""
	}
	if failed.Text == "" && failed.Code&^(fsckObject|fsckPack) == 0 {
		return ""
	}
	return err.Error()
}

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

// Discard removes the mirror. The next fetch clones the repository again.
func (m *Mirror) Discard() error {
	if err := remove(m.dir); err != nil {
		return fmt.Errorf("remove the mirror: %w", err)
	}
	return nil
}

// Sweep removes incomplete packs and locks that a killed git left. It is called when
// no git is writing to the mirror.
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
