package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"regexp"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// ordered is a source that can compare two commits even if its clone is too shallow. It first
// asks GitHub, which takes one request, and then fetches from the clone's remote.
type ordered struct {
	manifest.Source
	github *github.Client // nil without a token
	clone  clone.Clone
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
	return o.clone.Deepen(ctx, o.log, active, next)
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
