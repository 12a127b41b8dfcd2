// Package clone compares two commits with git in a clone whose history may be cut off, and fetches
// the history that this needs.
package clone

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/realpath"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Clone runs the git command in a repository.
type Clone struct {
	// Dir is where git looks for the repository. It need not exist.
	Dir string
	*command.Git
}

// New returns the repository gitDir, or if gitDir is "" the one that git finds from dir and
// the environment. dir need not exist, because it may be a folder of a commit.
func New(dir, gitDir string, set ...string) Clone {
	o := command.Options{Dir: Nearest(dir), GitDir: gitDir, Profile: command.Inherited, Set: set}
	return Clone{dir, command.New(o)}
}

// deepenSteps are the numbers of commits that the fetches request. If the order is still unknown
// after them, a guard asks a person to decide.
var deepenSteps = [...]int{50, 500, 5000}

const deepenTimeout = 90 * time.Second

// Deepen fetches history until the relation is known: first more commits of a shallow clone, then
// the live commit itself, which a force-push may have removed from every branch. If git or a
// remote is missing, or a fetch fails, the relation stays unknown. That is not an error: a guard of
// the engine then stops the run.
func (c Clone) Deepen(ctx context.Context, log *slog.Logger, active, next string) (manifest.Relation, error) {
	if !command.Available() {
		return manifest.RelationUnknown, nil
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, deepenTimeout)
	defer cancel()
	// The source does not see what an earlier comparison has fetched.
	if rel := c.Relation(ctx, active, next); rel != manifest.RelationUnknown || ctx.Err() != nil {
		return rel, whole.Err()
	}
	for _, depth := range deepenSteps {
		if !c.shallow(ctx) {
			break
		}
		log.Info("fetching more history, to see which commit is newer", "commits", depth)
		if !c.fetch(ctx, log, "--deepen="+strconv.Itoa(depth)) {
			return manifest.RelationUnknown, whole.Err()
		}
		if rel := c.Relation(ctx, active, next); rel != manifest.RelationUnknown || ctx.Err() != nil {
			return rel, whole.Err()
		}
	}
	if c.shallow(ctx) || c.has(ctx, active) {
		return manifest.RelationUnknown, whole.Err()
	}
	remote := c.remote(ctx)
	switch {
	case remote == "" && c.has(ctx, next): // the live commit is of another repository, or of another clone
		return manifest.RelationAbsent, whole.Err()
	case remote == "":
		return manifest.RelationUnknown, whole.Err()
	}
	log.Info("fetching the live commit, to see which one is newer", "commit", active)
	if !c.fetch(ctx, log, "--", remote, active) {
		return manifest.RelationUnknown, whole.Err()
	}
	return c.Relation(ctx, active, next), whole.Err()
}

func (c Clone) shallow(ctx context.Context) bool {
	out, err := c.Line(ctx, "rev-parse", "--is-shallow-repository")
	return err == nil && out == "true"
}

func (c Clone) has(ctx context.Context, id string) bool {
	_, err := c.Line(ctx, "cat-file", "-e", id+"^{commit}")
	return err == nil
}

// remote returns the name of the remote to fetch from, or "".
func (c Clone) remote(ctx context.Context) string {
	out, err := c.Run(ctx, "remote")
	switch names := strings.Fields(out); {
	case err != nil || len(names) > 1:
		return "origin" // if it does not exist, git reports that
	case len(names) == 1:
		return names[0]
	}
	return ""
}

// fetch reports whether git fetch succeeded. It turns off git's garbage collection, because the
// clone is being read.
func (c Clone) fetch(ctx context.Context, log *slog.Logger, args ...string) bool {
	_, err := c.Line(ctx, append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}, args...)...)
	if err != nil && ctx.Err() == nil {
		log.Warn("git fetch did not bring more history", "error", err)
	}
	return err == nil
}

// Relation compares two commits with git. In a shallow clone git can only confirm that a commit
// is an ancestor: a missing path may be cut off.
func (c Clone) Relation(ctx context.Context, active, next string) manifest.Relation {
	if !c.has(ctx, active) || !c.has(ctx, next) {
		return manifest.RelationUnknown
	}
	newer, err := c.ancestor(ctx, active, next)
	if newer {
		return manifest.RelationNewer
	}
	older, other := c.ancestor(ctx, next, active)
	switch {
	case older:
		return manifest.RelationOlder
	case err != nil || other != nil || c.shallow(ctx) || ctx.Err() != nil:
		return manifest.RelationUnknown
	}
	return manifest.RelationDiverged
}

// ancestor reports whether commit a is in the history of b. It returns an error if git cannot
// determine that: if a commit in between is missing, git answers "no" and prints a message.
func (c Clone) ancestor(ctx context.Context, a, b string) (bool, error) {
	_, err := c.Run(ctx, "merge-base", "--is-ancestor", a, b)
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 && failed.Text == "" {
		return false, nil
	}
	return err == nil, err
}

// Nearest returns a folder, or if it does not exist the nearest existing folder above it.
func Nearest(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return realpath.NearestFolder(dir)
}
