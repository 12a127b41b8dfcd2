package app

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// identified is a source with the commit that it was made from. For a folder that is the
// commit that is checked out around it, or the one that the job's event names. So builds
// are ordered by their commits, and a rollback can hold a build back.
type identified struct {
	manifest.Source
	// origin has the commit and its repository; the other fields are not used.
	origin manifest.Origin
	// commit compares commits. It is nil if the commit is known from the event only.
	commit *source.Commit
	// dirty reports whether the work tree is dirty. It is called after the files were
	// listed, because it reads the state of each.
	dirty func() bool
}

// Origin implements [manifest.Source].
func (i *identified) Origin(ctx context.Context) (manifest.Origin, error) {
	o, err := i.Source.Origin(ctx)
	return i.mark(o), err
}

// Files implements [manifest.Source].
func (i *identified) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	l, err := i.Source.Files(ctx, base)
	if err != nil {
		return nil, err
	}
	l.Origin = i.mark(l.Origin)
	l.Origin.Dirty = i.dirty != nil && i.dirty()
	return l, nil
}

// Compare implements [manifest.Source].
func (i *identified) Compare(ctx context.Context, active, next string) (manifest.Relation, error) {
	switch {
	case i.commit != nil:
		return i.commit.Compare(ctx, active, next)
	case active == next:
		return manifest.RelationSame, nil
	}
	return manifest.RelationUnknown, nil
}

func (i *identified) mark(o manifest.Origin) manifest.Origin {
	from := i.origin
	o.Commit, o.Branch, o.Repository = from.Commit, from.Branch, from.Repository
	o.Subject, o.Author, o.Time = from.Subject, from.Author, from.Time
	return o
}

// identify determines the commit that a source was made from. For a folder it reads the
// repository around it, or without one the job's event.
func (s *Site) identify(ctx context.Context, src manifest.Source, o source.Options) (*identified, error) {
	if c, ok := src.(*source.Commit); ok {
		origin, err := c.Origin(ctx)
		origin.Repository = repositoryNamed(c.Remotes(), s.in.Getenv)
		return &identified{Source: src, origin: origin, commit: c}, err
	}
	o.Revision = s.in.BuiltFrom
	c, err := source.OpenCheckout(ctx, o)
	switch {
	case err == nil:
	case s.in.BuiltFrom != "" || ctx.Err() != nil:
		return nil, err
	case errors.Is(err, worktree.ErrNoRepository):
		return &identified{Source: src, origin: eventOrigin(s.in.Getenv)}, nil
	case errors.Is(err, worktree.ErrUnreadable):
		return s.identifyHead(ctx, src, o)
	default:
		return nil, err
	}
	s.closers = append(s.closers, c)
	origin, err := c.Origin(ctx)
	if err != nil {
		return nil, err
	}
	origin.Repository = repositoryNamed(c.Remotes(), s.in.Getenv)
	i := &identified{Source: src, origin: origin, commit: c}
	if s.in.BuiltFrom != "" {
		return i, nil
	}
	if made, ok := followed(origin, s.in.Getenv); ok {
		i.origin = made
		return i, nil
	}
	i.dirty = s.dirtyAhead(ctx, c)
	return i, nil
}

// followed returns the commit of the run that triggered a workflow_run event. ok is true if the
// job has checked out the default branch, which actions/checkout does without ref. Then the
// folder is taken for an artifact of that run, because the same checkout in all such runs cannot
// order them. If the job built the folder itself, the folder is newer than this commit, and the
// deploy may be refused.
func followed(head manifest.Origin, getenv func(string) string) (manifest.Origin, bool) {
	if getenv("GITHUB_EVENT_NAME") != "workflow_run" || head.Commit != getenv("GITHUB_SHA") {
		return manifest.Origin{}, false
	}
	made := eventOrigin(getenv)
	return made, made.Commit != "" && made.Commit != head.Commit
}

// identifyHead is for repositories that only the git command can read, on machines without
// git. It uses only the commit's id.
func (s *Site) identifyHead(ctx context.Context, src manifest.Source, o source.Options) (*identified, error) {
	head, err := source.ReadHead(ctx, o)
	if err != nil {
		return nil, err
	}
	origin := manifest.Origin{Commit: head.ID, Repository: repositoryNamed(head.Remotes, s.in.Getenv)}
	if head.ID == "" {
		origin = eventOrigin(s.in.Getenv)
	}
	return &identified{Source: src, origin: origin}, nil
}

// dirtyAhead starts to determine in the background whether the work tree is dirty, and
// returns a function for the result. After an error the result is false, because the flag
// only informs.
func (s *Site) dirtyAhead(ctx context.Context, c *source.Commit) func() bool {
	asked := make(chan bool, 1)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		dirty, err := c.Dirty(ctx)
		if err != nil {
			s.in.Log.Debug("cannot determine whether the work tree is dirty", "error", err)
		}
		asked <- dirty
	}()
	s.closers = append(s.closers, closer(func() error { cancel(); <-done; return nil }))
	return func() bool {
		dirty := <-asked
		asked <- dirty
		return dirty
	}
}

// repositoryNamed returns the repository of a clone with these remotes. If it is the
// repository of the job, it has GitHub's id.
func repositoryNamed(remotes []string, getenv func(string) string) manifest.Repository {
	job := jobRepository(getenv)
	switch {
	case job.Name != "" && (len(remotes) == 0 || slices.Contains(remotes, job.Name)):
		job.Remotes = remotes
		return job
	case len(remotes) > 0:
		return manifest.Repository{Name: remotes[0], Remotes: remotes}
	}
	return manifest.Repository{}
}

// jobRepository returns the repository of the job of GitHub Actions, or the zero value.
func jobRepository(getenv func(string) string) manifest.Repository {
	name := getenv("GITHUB_REPOSITORY")
	if getenv("GITHUB_ACTIONS") != "true" || name == "" {
		return manifest.Repository{}
	}
	return manifest.Repository{Name: onGitHub(name, getenv), ID: getenv("GITHUB_REPOSITORY_ID")}
}

// onGitHub adds the host of the job's server to "owner/name".
func onGitHub(name string, getenv func(string) string) string {
	host := "github.com"
	if u, err := url.Parse(getenv("GITHUB_SERVER_URL")); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return strings.ToLower(host + "/" + name)
}

// eventOrigin returns the commit that the event of a job names. It is the commit from which
// an artifact was built that the job downloaded.
func eventOrigin(getenv func(string) string) manifest.Origin {
	o := manifest.Origin{Commit: getenv("GITHUB_SHA"), Branch: getenv("GITHUB_REF_NAME")}
	o.Repository = jobRepository(getenv)
	switch getenv("GITHUB_EVENT_NAME") {
	case "workflow_run":
		run := jobEvent(getenv).WorkflowRun
		if run == nil || run.HeadRepository == nil {
			return manifest.Origin{}
		}
		o.Commit, o.Branch = run.HeadSHA, ""
		o.Repository = manifest.Repository{
			Name: onGitHub(run.HeadRepository.FullName, getenv), ID: strconv.FormatInt(run.HeadRepository.ID, 10),
		}
	case "pull_request":
		// Only a merged pull request is deployed.
		o.Branch = ""
		if pull := jobEvent(getenv).PullRequest; pull != nil {
			o.Commit = cmp.Or(pull.MergeCommitSHA, o.Commit)
		}
	}
	if o.Repository.Name == "" || !commitID.MatchString(o.Commit) {
		return manifest.Origin{}
	}
	return o
}

// jobEvent returns the event of the job, or the zero value if it cannot be read.
func jobEvent(getenv func(string) string) github.Event {
	e, _ := github.ReadEvent(getenv("GITHUB_EVENT_PATH"))
	return e
}
