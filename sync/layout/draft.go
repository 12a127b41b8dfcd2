package layout

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Draft is a plan with the state that its execution needs. The upload completes it with
// the hashes that the source left out. A [plan.Plan] that was shown is a copy and does not
// change.
type Draft struct {
	plan.Plan
	Namespace string             // "" if it does not exist yet
	Manifest  *manifest.Manifest // complete except for the hashes that the upload computes
	Uploads   []manifest.File    // one for each new content
	Worker    cloud.Worker
	Hash      string    // of the worker
	Oldest    time.Time // when the oldest blob that is used was uploaded ahead; zero if none was
	// LiveContents reads what the live deployment serves, in whatever layout.
	LiveContents func(context.Context) (Contents, error)
	// Forgot is what the deployment removes permanently: see [Draft.Forget].
	Forgot *version.Forgot
}

// Shown returns a copy of the plan in its present state.
func (d *Draft) Shown() *plan.Plan {
	plan := d.Plan
	return &plan
}

// Base returns the draft itself: see [planned].
func (d *Draft) Base() *Draft { return d }

// MarkUnchanged makes the plan one without a change. It reports whether nothing is left
// to do: whether the live version was activated for this commit, or no commit is known.
// A project is not activated again for a newer commit, because a repository may contain
// a thousand projects and each activation costs a write to KV.
func (d *Draft) MarkUnchanged(l *version.Live, project bool) bool {
	d.NoChange, d.Unchanged = true, l.Meta.Files
	return project || d.Origin.Commit == "" || d.Origin.Commit == l.Commit()
}

// MarkReactivated plans to activate the live version again, for another commit.
func (d *Draft) MarkReactivated(l *version.Live, notices []manifest.Problem) {
	d.NoChange, d.Unchanged = true, l.Meta.Files
	d.Reactivate, d.Notices = true, notices
}

// Show reports the plan as progress.
func (d *Draft) Show(c *site.Client) {
	c.Progress(site.Progress{Stage: site.StagePlan, Plan: d.Shown()})
}

// Unhashed reports whether the upload has to compute hashes.
func (d *Draft) Unhashed() bool {
	for _, f := range d.Uploads {
		if f.Blob.Hash.IsZero() {
			return true
		}
	}
	return false
}

// started is the earliest time at which a blob of the plan's manifest that is not from
// the live manifest may have been written.
func (d *Draft) started(r *Run) time.Time {
	if !d.Oldest.IsZero() && d.Oldest.Before(r.Started) {
		return d.Oldest
	}
	return r.Started
}
