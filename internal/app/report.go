package app

import (
	"cmp"
	"errors"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/deletion"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Stats is the cost of a run so far.
type Stats struct {
	// Requests counts every attempt, Retries the repeated ones.
	Requests, Retries int64
	// BytesUploaded counts the bytes of request bodies.
	BytesUploaded int64
	Duration      time.Duration
}

// Report is what --json prints, and the source of the Action's outputs. Fields that do
// not apply are zero, never absent, so that a script can rely on the names.
type Report struct {
	Command            string   `json:"command"`
	Site               string   `json:"site"`
	Deployment         string   `json:"deployment"`
	VersionID          string   `json:"version_id"`
	PreviousDeployment string   `json:"previous_deployment"`
	PreviousVersionID  string   `json:"previous_version_id"`
	Commit             string   `json:"commit"`
	URL                string   `json:"url"`
	NoChange           bool     `json:"no_change"`
	DryRun             bool     `json:"dry_run"`
	Added              int      `json:"added"`
	Changed            int      `json:"changed"`
	Removed            int      `json:"removed"`
	Unchanged          int      `json:"unchanged"`
	Uploaded           int      `json:"uploaded"`
	Pruned             int      `json:"pruned"`
	Requests           int64    `json:"requests"`
	Retries            int64    `json:"retries"`
	BytesUploaded      int64    `json:"bytes_uploaded"`
	Seconds            float64  `json:"seconds"`
	Notices            []string `json:"notices"`
	// Receipt is the result of an upload ahead: see [kvsync.Ahead].
	Receipt *bool      `json:"receipt,omitempty"`
	Plan    *plan.Plan `json:"plan,omitempty"`

	Pull    *Pulled              `json:"pull,omitempty"`
	Prune   *layout.Pruned       `json:"prune,omitempty"`
	Delete  *deletion.Plan       `json:"delete,omitempty"`
	History []version.Deployment `json:"history,omitempty"`
	Verify  *kvsync.Verification `json:"verify,omitempty"`
	Error   *Failure             `json:"error,omitempty"`

	// Unchecked is that of the result that gave the URL: see [kvsync.Result].
	Unchecked bool `json:"-"`

	place advice.Place
}

// NewReport returns the report of a command, with advice for a place.
func NewReport(p advice.Place, command string, dry bool) *Report {
	return &Report{Command: command, DryRun: dry, Notices: []string{}, place: p}
}

// note adds notices in their text form.
func (r *Report) note(list []manifest.Problem) {
	for _, n := range r.place.Problems(list) {
		r.Notices = append(r.Notices, n.String())
	}
}

// Finish adds the cost of the run, the notices about the configuration, and the error if there
// is one. s is nil if the site could not be opened.
func (r *Report) Finish(s *Site, err error) {
	r.Error = Explain(r.place, err)
	if s == nil {
		return
	}
	if r.Error == nil || r.Error.Kind != KindUnknown {
		r.addLive(s.Live())
	}
	stats := s.Stats()
	r.Site = s.Name
	r.Requests, r.Retries, r.BytesUploaded = stats.Requests, stats.Retries, stats.BytesUploaded
	r.Seconds = stats.Duration.Seconds()
	r.note(s.Notices)
}

// LeaveHeld turns the error of a deploy that a rollback holds back into a notice. It is for runs
// over several projects, in which a project that is held back has not failed. It returns any
// other error.
func (r *Report) LeaveHeld(err error) (rest error, held bool) {
	var stopped *guard.Error
	if !errors.As(err, &stopped) || stopped.Guard != guard.Held {
		return err, false
	}
	r.Error, r.NoChange = nil, true
	r.Notices = append(r.Notices, "left alone: "+stopped.Error()+"; "+r.place.Fix(stopped.Guard, &stopped.Finding))
	return nil, true
}

// AddResult adds the outcome of a deploy or a rollback; nil adds nothing.
func (r *Report) AddResult(res *kvsync.Result) {
	if res == nil {
		return
	}
	r.Deployment, r.VersionID = res.Deployment, res.Version
	r.PreviousDeployment, r.PreviousVersionID = res.PreviousDeployment, res.PreviousVersion
	r.Commit, r.URL, r.Unchecked = res.Commit, res.URL, res.Unchecked
	r.Uploaded, r.Pruned = res.Uploaded, res.Pruned
	r.NoChange = !res.Switched && !r.DryRun
	r.note(res.Notices)
	r.AddPlan(res.Plan)
}

// AddAhead adds the outcome of an upload ahead; nil adds nothing.
func (r *Report) AddAhead(a *kvsync.Ahead) {
	if a == nil {
		return
	}
	r.Uploaded, r.Receipt = a.Uploaded, &a.Receipt
	r.AddPlan(a.Plan)
}

// addLive adds what is live to the report of a run that changed nothing.
func (r *Report) addLive(l site.Live) {
	if r.Deployment != "" && r.Deployment != l.Deployment {
		return
	}
	r.Deployment, r.VersionID = cmp.Or(r.Deployment, l.Deployment), cmp.Or(r.VersionID, l.Version)
	if r.URL == "" && l.URL != "" {
		r.URL, r.Unchecked = l.URL, true
	}
	if r.Plan == nil { // else the commit is that of the plan
		r.Commit = cmp.Or(r.Commit, l.Commit)
	}
}

// AddPlan adds a plan; nil adds nothing.
func (r *Report) AddPlan(p *plan.Plan) {
	if p == nil {
		return
	}
	whole := *p
	for _, list := range []*[]plan.Change{&whole.Added, &whole.Changed, &whole.Removed} {
		if *list == nil {
			*list = []plan.Change{} // [] in JSON, not null
		}
	}
	r.Plan = &whole
	r.NoChange = p.NoChange
	r.Added, r.Changed, r.Removed, r.Unchanged = len(p.Added), len(p.Changed), len(p.Removed), p.Unchanged
	if r.Commit == "" {
		r.Commit = p.Origin.Commit
	}
	if r.Deployment == "" {
		r.Deployment = p.Live
	}
	whole.Notices = r.place.Problems(p.Notices)
	r.note(p.Notices)
}

// AddPruned adds the outcome of a prune; nil adds nothing.
func (r *Report) AddPruned(p *layout.Pruned) {
	if p == nil {
		return
	}
	r.Prune = p
	if !r.DryRun {
		r.Pruned = p.Deleted
	}
}

// AddDeletion adds what is deleted; nil adds nothing.
func (r *Report) AddDeletion(d *kvsync.Deletion) {
	if d == nil {
		return
	}
	shown := *d.Plan
	shown.Notices = r.place.Problems(d.Notices)
	r.Delete = &shown
	r.note(d.Notices)
}

// AddHistory adds the deployments, and fills in the live one as the report of a deploy
// does.
func (r *Report) AddHistory(list []version.Deployment) {
	r.History = list
	for _, d := range list {
		if d.Live {
			r.Deployment, r.VersionID, r.Commit = d.ID, d.Version, d.Commit
			return
		}
	}
}
