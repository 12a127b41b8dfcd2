package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// ordered is a source that can compare two commits even if its clone is too shallow. It first
// asks GitHub, which takes one request, and then fetches from the clone's remote.
type ordered struct {
	manifest.Source
	github *github.Client // nil without a token
	clone  clone
	log    *slog.Logger
}

// Compare implements [manifest.Source].
func (o *ordered) Compare(ctx context.Context, active, next string) (manifest.Relation, error) {
	rel, err := o.Source.Compare(ctx, active, next)
	if err != nil || rel != manifest.RelationUnknown || !commitID.MatchString(active) || !commitID.MatchString(next) {
		return rel, err
	}
	if o.github != nil {
		rel, err := o.ask(ctx, active, next)
		if ctx.Err() != nil {
			return manifest.RelationUnknown, ctx.Err()
		}
		if err == nil {
			return rel, nil
		}
		o.log.Warn("GitHub did not say which commit is newer", "error", err)
	}
	return o.clone.deepen(ctx, o.log, active, next)
}

// compare orders two commits for a rollback, which needs that only if others deploy in the same
// moment. So the source is opened here, and without one the order is not known.
func (s *Site) compare(ctx context.Context, active, next string) (manifest.Relation, error) {
	src, err := s.open(ctx, s.sourceKind())
	if err != nil {
		s.in.Log.Debug("the order of two commits is not known", "error", err)
		return manifest.RelationUnknown, ctx.Err()
	}
	return src.Compare(ctx, active, next)
}

// ask asks GitHub. If GitHub has the new commit but not the live one, the live commit was
// deployed from a clone and never pushed. No pushed commit contains it, so the two have diverged.
func (o *ordered) ask(ctx context.Context, active, next string) (manifest.Relation, error) {
	status, err := o.github.Compare(ctx, active, next)
	if err == nil {
		return relationOf(status), nil
	}
	if !errors.Is(err, github.ErrNotFound) {
		return manifest.RelationUnknown, err
	}
	for _, commit := range []struct {
		id     string
		pushed bool
	}{{next, true}, {active, false}} {
		has, otherErr := o.github.Has(ctx, commit.id)
		if otherErr != nil || has != commit.pushed {
			return manifest.RelationUnknown, errors.Join(err, otherErr)
		}
	}
	return manifest.RelationDiverged, nil
}

// commitID matches a full id. Nothing else is passed to git or GitHub as a commit.
var commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func relationOf(s github.Status) manifest.Relation {
	switch s {
	case github.Ahead:
		return manifest.RelationNewer
	case github.Behind:
		return manifest.RelationOlder
	case github.Identical:
		return manifest.RelationSame
	case github.Diverged:
		return manifest.RelationDiverged
	}
	return manifest.RelationUnknown
}

// clone runs the git command in a repository.
type clone struct {
	dir string
	*command.Git
}

// newClone returns the repository gitDir, or if gitDir is "" the one that git finds from dir and
// the environment. dir need not exist, because it may be a folder of a commit.
func newClone(dir, gitDir string, set ...string) clone {
	o := command.Options{Dir: nearest(dir), GitDir: gitDir, Profile: command.Inherited, Set: set}
	return clone{dir, command.New(o)}
}

// deepenSteps are the numbers of commits that the fetches request. If the order is still unknown
// after them, a guard asks a person to decide.
var deepenSteps = [...]int{50, 500, 5000}

const deepenTimeout = 90 * time.Second

// deepen fetches history until the relation is known: first more commits of a shallow clone, then
// the live commit itself, which a force-push may have removed from every branch. If git or a
// remote is missing, or a fetch fails, the relation stays unknown. That is not an error: a guard of
// the engine then stops the run.
func (c clone) deepen(ctx context.Context, log *slog.Logger, active, next string) (manifest.Relation, error) {
	if !command.Available() {
		return manifest.RelationUnknown, nil
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, deepenTimeout)
	defer cancel()
	// The source does not see what an earlier comparison has fetched.
	if rel := c.relation(ctx, active, next); rel != manifest.RelationUnknown || ctx.Err() != nil {
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
		if rel := c.relation(ctx, active, next); rel != manifest.RelationUnknown || ctx.Err() != nil {
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
	return c.relation(ctx, active, next), whole.Err()
}

func (c clone) shallow(ctx context.Context) bool {
	out, err := c.Line(ctx, "rev-parse", "--is-shallow-repository")
	return err == nil && out == "true"
}

func (c clone) has(ctx context.Context, id string) bool {
	_, err := c.Line(ctx, "cat-file", "-e", id+"^{commit}")
	return err == nil
}

// remote returns the name of the remote to fetch from, or "".
func (c clone) remote(ctx context.Context) string {
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
func (c clone) fetch(ctx context.Context, log *slog.Logger, args ...string) bool {
	_, err := c.Line(ctx, append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}, args...)...)
	if err != nil && ctx.Err() == nil {
		log.Warn("git fetch did not bring more history", "error", err)
	}
	return err == nil
}

// relation compares two commits with git. In a shallow clone git can only confirm that a commit
// is an ancestor: a missing path may be cut off.
func (c clone) relation(ctx context.Context, active, next string) manifest.Relation {
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
func (c clone) ancestor(ctx context.Context, a, b string) (bool, error) {
	_, err := c.Run(ctx, "merge-base", "--is-ancestor", a, b)
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 && failed.Text == "" {
		return false, nil
	}
	return err == nil, err
}

// gitHubOf returns the client for the repository that the environment names. It is nil without a
// token or a repository.
func gitHubOf(token string, getenv func(string) string) (*github.Client, error) {
	repository := getenv("GITHUB_REPOSITORY")
	if token == "" || repository == "" {
		return nil, nil
	}
	return github.New(getenv("GITHUB_API_URL"), repository, token)
}

func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
