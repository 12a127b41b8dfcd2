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
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// identified is a source with what is known of the commit that it is a build of:
// a folder with the commit that is checked out around it, or with the one that
// the job's event names. So a build has its place in the order of commits as a
// commit has, and a rollback holds it back.
type identified struct {
	kvsync.Source
	// origin is what is known; only what is about the commit counts.
	origin kvsync.Origin
	// commit tells the order of commits; nil where only the event names one.
	commit *source.Commit
	// dirty is asked once the files were listed: it costs a look at each.
	dirty func() bool
}

// Origin implements [kvsync.Source].
func (i *identified) Origin(ctx context.Context) (kvsync.Origin, error) {
	o, err := i.Source.Origin(ctx)
	return i.mark(o), err
}

// Files implements [kvsync.Source].
func (i *identified) Files(ctx context.Context, base *kvsync.Manifest) (*kvsync.Listing, error) {
	l, err := i.Source.Files(ctx, base)
	if err != nil {
		return nil, err
	}
	l.Origin = i.mark(l.Origin)
	l.Origin.Dirty = i.dirty != nil && i.dirty()
	return l, nil
}

// Compare implements [kvsync.Source].
func (i *identified) Compare(ctx context.Context, active, next string) (kvsync.Relation, error) {
	switch {
	case i.commit != nil:
		return i.commit.Compare(ctx, active, next)
	case active == next:
		return kvsync.RelationSame, nil
	}
	return kvsync.RelationUnknown, nil
}

func (i *identified) mark(o kvsync.Origin) kvsync.Origin {
	from := i.origin
	o.Commit, o.Branch, o.Subject, o.Author, o.Time, o.Repository = from.Commit, from.Branch, from.Subject, from.Author, from.Time, from.Repository
	return o
}

// identify says what a source was made from. For a folder it looks for the
// repository around it, and where there is none, in the job's event: the commit
// and its repository always come from the same place.
func (s *Site) identify(ctx context.Context, src kvsync.Source, o source.Options) (*identified, error) {
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

// followed is the commit of the run that a workflow_run follows, where the job
// has checked out the default branch, as actions/checkout does there unless it is
// given a ref. The folder then holds what that run built, and the runs of two
// commits, which end in any order, have the same checkout. If the job has built
// the folder itself it is newer than the commit says, which is refused at worst.
func followed(head kvsync.Origin, getenv func(string) string) (kvsync.Origin, bool) {
	if getenv("GITHUB_EVENT_NAME") != "workflow_run" || head.Commit != getenv("GITHUB_SHA") {
		return kvsync.Origin{}, false
	}
	made := eventOrigin(getenv)
	return made, made.Commit != "" && made.Commit != head.Commit
}

// identifyHead goes by the name of the commit alone, where it takes the git
// command to read the repository and that is not here.
func (s *Site) identifyHead(ctx context.Context, src kvsync.Source, o source.Options) (*identified, error) {
	head, err := source.ReadHead(ctx, o)
	if err != nil {
		return nil, err
	}
	origin := kvsync.Origin{Commit: head.ID, Repository: repositoryNamed(head.Remotes, s.in.Getenv)}
	if head.ID == "" {
		origin = eventOrigin(s.in.Getenv)
	}
	return &identified{Source: src, origin: origin}, nil
}

// dirtyAhead asks beside whatever the caller does whether the work tree differs
// from the commit. What cannot be found out is not dirty: it is information.
func (s *Site) dirtyAhead(ctx context.Context, c *source.Commit) func() bool {
	asked := make(chan bool, 1)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		dirty, err := c.Dirty(ctx)
		if err != nil {
			s.in.Log.Debug("it is not known whether the work tree is dirty", "error", err)
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

// repositoryNamed is the repository of a clone with these remotes. In a job of
// GitHub Actions it has the id that GitHub gave it, if it is the job's own.
func repositoryNamed(remotes []string, getenv func(string) string) kvsync.Repository {
	job := jobRepository(getenv)
	switch {
	case job.Name != "" && (len(remotes) == 0 || slices.Contains(remotes, job.Name)):
		job.Remotes = remotes
		return job
	case len(remotes) > 0:
		return kvsync.Repository{Name: remotes[0], Remotes: remotes}
	}
	return kvsync.Repository{}
}

// jobRepository is the repository that a job of GitHub Actions is of; the zero
// value elsewhere.
func jobRepository(getenv func(string) string) kvsync.Repository {
	name := getenv("GITHUB_REPOSITORY")
	if getenv("GITHUB_ACTIONS") != "true" || name == "" {
		return kvsync.Repository{}
	}
	return kvsync.Repository{Name: onGitHub(name, getenv), ID: getenv("GITHUB_REPOSITORY_ID")}
}

// onGitHub is "host/owner/name" of "owner/name" on the server of the job.
func onGitHub(name string, getenv func(string) string) string {
	host := "github.com"
	if u, err := url.Parse(getenv("GITHUB_SERVER_URL")); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return strings.ToLower(host + "/" + name)
}

// eventOrigin is the commit that the event of a job names: what an artifact was
// built from that the job has downloaded.
func eventOrigin(getenv func(string) string) kvsync.Origin {
	o := kvsync.Origin{Commit: getenv("GITHUB_SHA"), Branch: getenv("GITHUB_REF_NAME"), Repository: jobRepository(getenv)}
	switch getenv("GITHUB_EVENT_NAME") {
	case "workflow_run":
		run := jobEvent(getenv).WorkflowRun
		if run == nil || run.HeadRepository == nil {
			return kvsync.Origin{}
		}
		o.Commit, o.Branch = run.HeadSHA, ""
		o.Repository = kvsync.Repository{Name: onGitHub(run.HeadRepository.FullName, getenv), ID: strconv.FormatInt(run.HeadRepository.ID, 10)}
	case "pull_request":
		// It goes live only when it was merged.
		o.Branch = ""
		if pull := jobEvent(getenv).PullRequest; pull != nil {
			o.Commit = cmp.Or(pull.MergeCommitSHA, o.Commit)
		}
	}
	if o.Repository.Name == "" || !commitID.MatchString(o.Commit) {
		return kvsync.Origin{}
	}
	return o
}

// jobEvent is the event of the job. Without a readable one no commit is known,
// which is the empty event.
func jobEvent(getenv func(string) string) github.Event {
	e, _ := github.ReadEvent(getenv("GITHUB_EVENT_PATH"))
	return e
}
