package daemon

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/sync/version"
)

// Phase is what is being done for a site.
type Phase string

// The phases. A site is in one of them, because its worker does one thing at a time.
const (
	PhaseIdle     Phase = "idle"
	PhaseFetch    Phase = "fetching"
	PhaseBuild    Phase = "building"
	PhaseDeploy   Phase = "deploying"
	PhaseRollback Phase = "rolling back"
	// PhaseRetry means that the last attempt failed. The next one is at [Status].Next.
	PhaseRetry Phase = "waiting to try again"
	// PhaseHeld means that the site was rolled back, and waits for a newer commit or a release.
	PhaseHeld Phase = "held by a rollback"
	// PhaseRefused means that a guard or the configuration refuses the branch's head. The daemon
	// does not try again before the branch moves.
	PhaseRefused Phase = "refused"
)

// Status is a snapshot of a site.
type Status struct {
	Name string
	// Remote is the repository's address without credentials.
	Remote string
	Branch string
	// Head is the newest fetched commit, Live the last deployed one. Either may be "".
	Head, Live string
	Phase      Phase
	Since      time.Time
	// Next is the time of the next poll without a request.
	Next time.Time
	// Fetched is the end of the last successful fetch since the daemon started; zero if
	// there was none. Failures is how many fetches have failed in a row since then: while
	// it is not 0, Head may not be the branch's head.
	Fetched  time.Time
	Failures int
	// Problem explains PhaseRetry, PhaseHeld and PhaseRefused. It may have several
	// lines and contains no secret.
	Problem string
	// Runs has at most [KeptRuns] runs, the newest first.
	Runs []Run
}

// KeptRuns is how many runs of a site are kept.
const KeptRuns = 50

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	OutcomeDeployed   Outcome = "deployed"
	OutcomeRolledBack Outcome = "rolled back"
	OutcomeNoChange   Outcome = "no change"
	OutcomeHeld       Outcome = "held"
	OutcomeRefused    Outcome = "refused"
	OutcomeFailed     Outcome = "failed"
	// OutcomeInterrupted means that the daemon ended before the run did.
	OutcomeInterrupted Outcome = "interrupted"
)

// Run is one attempt to deploy a commit, or to roll back.
type Run struct {
	// Deployment is live after the run. "" means unknown.
	Deployment string
	Commit     string
	// Subject and Author are the commit's. Actor is who asked: "push", "poll" or the
	// user of the admin page.
	Subject, Author, Actor string
	Started                time.Time
	Duration               time.Duration
	Outcome                Outcome
	Added, Changed         int
	Removed                int
	Problem                string
	// Warnings say what the result of a build may lack: submodules that stayed empty, each
	// with the reason.
	Warnings []string
}

// Observer counts events. Its methods are called from many goroutines and must
// return at once.
type Observer interface {
	Ran(site string, r Run)
	Fetched(site string, took time.Duration, err error)
}

// Sites is what the admin page needs of the daemon. Its methods are safe for
// concurrent use. For an unknown name they return [ErrNoSite].
type Sites interface {
	// Statuses lists all sites by name.
	Statuses() []Status
	Status(name string) (Status, error)
	// Deployments sends requests to the account. Answers are cached for some seconds.
	Deployments(ctx context.Context, name string) ([]version.Deployment, error)
	// Rollback waits for the site's current run, rolls back, and returns when that is
	// confirmed.
	Rollback(ctx context.Context, name, deployment, actor string) error
	// Release schedules a deploy of the head that a rollback holds back. It returns at
	// once.
	Release(name, actor string) error
	// Poll schedules a fetch and, if the branch has moved, a deploy. It returns at once.
	Poll(name, actor string) error
}
