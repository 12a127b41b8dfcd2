package daemon

import (
	"context"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Phase is what is being done for a site.
type Phase string

// The phases. A site has one at a time, because one thing at a time is done for it.
const (
	PhaseIdle     Phase = "idle"
	PhaseFetch    Phase = "fetching"
	PhaseBuild    Phase = "building"
	PhaseDeploy   Phase = "deploying"
	PhaseRollback Phase = "rolling back"
	// PhaseRetry: it failed, and is tried again at [Status].Next.
	PhaseRetry Phase = "waiting to try again"
	// PhaseHeld: somebody rolled back, and only a newer commit or a release goes on.
	PhaseHeld Phase = "held by a rollback"
	// PhaseRefused: a guard or the configuration stops the branch's head. It is not
	// tried again before the branch moves.
	PhaseRefused Phase = "refused"
)

// Status is what is known of a site, as a value.
type Status struct {
	Name string
	// Remote is the repository's address without credentials.
	Remote string
	Branch string
	// Head is the newest commit that a fetch has brought, Live the one that was
	// deployed last; either may be "".
	Head, Live string
	Phase      Phase
	Since      time.Time
	// Next is when the site is looked at next without being asked to.
	Next time.Time
	// Problem is why the phase is PhaseRetry, PhaseHeld or PhaseRefused, for
	// people; it may have several lines and holds no secret.
	Problem string
	// Runs are the newest runs first, at most [KeptRuns].
	Runs []Run
}

// KeptRuns is how many runs of a site are remembered.
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
	// OutcomeInterrupted: the daemon stopped, or was killed, before it ended.
	OutcomeInterrupted Outcome = "interrupted"
)

// Run is one attempt to deploy a commit, or to roll back.
type Run struct {
	// Deployment is what is live after it, "" where that was not found out.
	Deployment string
	Commit     string
	// Subject and Author are the commit's; Actor is who asked: "push", "poll" or
	// the name that somebody logged in by.
	Subject, Author, Actor string
	Started                time.Time
	Duration               time.Duration
	Outcome                Outcome
	Added, Changed         int
	Removed                int
	Problem                string
}

// Observer is told what happens, for counting. Its methods are called from many
// goroutines and return at once.
type Observer interface {
	Ran(site string, r Run)
	Fetched(site string, took time.Duration, err error)
}

// Sites is what the admin page needs of the daemon. Its methods are safe for
// concurrent use, and a name that is not configured is [ErrNoSite].
type Sites interface {
	// Statuses lists all sites by name.
	Statuses() []Status
	Status(name string) (Status, error)
	// Deployments asks the account, so it takes requests and time. Answers are
	// kept for some seconds.
	Deployments(ctx context.Context, name string) ([]kvsync.Deployment, error)
	// Rollback waits for what is under way for the site, rolls back, and returns
	// when that is confirmed.
	Rollback(ctx context.Context, name, deployment, actor string) error
	// Release has the branch's head deployed although a rollback holds it back. It
	// returns at once.
	Release(name, actor string) error
	// Look has the site fetched and, if its branch has moved, deployed. It returns
	// at once.
	Look(name, actor string) error
}
