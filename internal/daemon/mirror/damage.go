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

// formalFault matches git fsck's lines about the format of an object: a date, a file mode, the
// order of a tree. Old histories have such objects. They are not damage, because the remote has
// the same objects and another clone would have them, too. Warnings are not damage either.
var formalFault = regexp.MustCompile(
	`^(?:warning|notice|hint): |^(?:error|warning) in (?:commit|tree|blob|tag) [0-9a-f]{40,64}: [A-Za-z0-9]+: `)

// environmentFault matches reasons for which git fsck fails although the mirror is intact.
var environmentFault = regexp.MustCompile(`(?i)out of memory|cannot allocate|resource temporarily unavailable|` +
	`too many open files|permission denied|no space left|input/output error|stale file handle`)

// Bits of the exit code of git fsck that formal faults set, too.
const (
	fsckObject = 1
	fsckPack   = 4
)

// Damage describes why the mirror is certainly damaged, or returns "". A mirror is damaged if
// an object is missing, cannot be read or does not match its id, or if the folder is not a
// repository. If the check itself fails, Damage returns "".
//
// It reads the whole mirror.
func (m *Mirror) Damage(ctx context.Context) string {
	if info, err := os.Stat(m.dir); err == nil && !info.IsDir() {
		return m.dir + " is not a folder"
	}
	_, err := m.ask(ctx, command.Call{
		Args: []string{"fsck", "--full", "--no-dangling", "--no-progress"}, Limit: m.limit, Ignore: formalFault,
	})
	failed := (*command.Error)(nil)
	if !errors.As(err, &failed) || failed.Code < 0 || environmentFault.MatchString(failed.Text) {
		return ""
	}
	if failed.Text == "" && failed.Code&^(fsckObject|fsckPack) == 0 {
		return ""
	}
	return err.Error()
}

// discardDamaged removes the mirror if it is damaged. Otherwise it returns cause, which
// then comes from the remote.
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
