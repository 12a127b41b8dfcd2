package app

import (
	"cmp"
	"errors"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Stats is what a run has cost so far.
type Stats struct {
	// Requests counts every attempt, Retries those that repeated another.
	Requests, Retries int64
	// BytesUploaded counts request bodies as they were sent.
	BytesUploaded int64
	Duration      time.Duration
}

// Report is the object that --json prints and that the Action's outputs are
// taken from. What concerns no deployment is zero, never absent, so that a
// script can rely on the names.
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
	// Receipt is that of an upload ahead: see [kvsync.Ahead].
	Receipt *bool        `json:"receipt,omitempty"`
	Plan    *kvsync.Plan `json:"plan,omitempty"`

	Pull    *Pulled              `json:"pull,omitempty"`
	Prune   *kvsync.Pruned       `json:"prune,omitempty"`
	History []kvsync.Deployment  `json:"history,omitempty"`
	Verify  *kvsync.Verification `json:"verify,omitempty"`
	Error   *Failure             `json:"error,omitempty"`
}

// NewReport begins the report of a command.
func NewReport(command string, dry bool) *Report {
	return &Report{Command: command, DryRun: dry, Notices: []string{}}
}

// Finish adds what the run has cost, what is to be said of the configuration,
// and the error that ended it, if one did. s is nil for a run that failed before
// there was a site.
func (r *Report) Finish(s *Site, err error) {
	r.Error = Explain(err)
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
	for _, n := range s.Notices {
		r.Notices = append(r.Notices, n.String())
	}
}

// LeaveHeld makes a notice of the error where it only says that a rollback holds
// the deployment back: among several projects, one that is left alone has not
// failed. Any other error is given back.
func (r *Report) LeaveHeld(err error) (rest error, held bool) {
	var guard *kvsync.GuardError
	if !errors.As(err, &guard) || guard.Guard != kvsync.GuardHeld {
		return err, false
	}
	r.Error, r.NoChange = nil, true
	r.Notices = append(r.Notices, "left alone: "+guard.Text+"; "+guard.Fix)
	return nil, true
}

// AddResult puts a deploy's or a rollback's outcome into the report; nil adds
// nothing.
func (r *Report) AddResult(res *kvsync.Result) {
	if res == nil {
		return
	}
	r.Deployment, r.VersionID = res.Deployment, res.Version
	r.PreviousDeployment, r.PreviousVersionID = res.PreviousDeployment, res.PreviousVersion
	r.Commit, r.URL = res.Commit, res.URL
	r.Uploaded, r.Pruned = res.Uploaded, res.Pruned
	r.NoChange = !res.Switched && !r.DryRun
	r.Notices = append(r.Notices, res.Notices...)
	r.AddPlan(res.Plan)
}

// AddAhead puts an upload ahead into the report; nil adds nothing.
func (r *Report) AddAhead(a *kvsync.Ahead) {
	if a == nil {
		return
	}
	r.Uploaded, r.Receipt = a.Uploaded, &a.Receipt
	r.AddPlan(a.Plan)
}

// addLive fills in what is live where the run's outcome does not say it: it
// changed nothing then.
func (r *Report) addLive(l kvsync.Live) {
	if r.Deployment != "" && r.Deployment != l.Deployment {
		return
	}
	r.Deployment, r.VersionID, r.URL = cmp.Or(r.Deployment, l.Deployment), cmp.Or(r.VersionID, l.Version), cmp.Or(r.URL, l.URL)
	if r.Plan == nil { // a plan says what would be live
		r.Commit = cmp.Or(r.Commit, l.Commit)
	}
}

// AddPlan puts a plan into the report; nil adds nothing.
func (r *Report) AddPlan(p *kvsync.Plan) {
	if p == nil {
		return
	}
	whole := *p
	for _, list := range []*[]kvsync.Change{&whole.Added, &whole.Changed, &whole.Removed} {
		if *list == nil {
			*list = []kvsync.Change{} // a script wants a list, not null
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
	for _, n := range p.Notices {
		r.Notices = append(r.Notices, n.String())
	}
}

// AddPruned puts a prune's outcome into the report; nil adds nothing.
func (r *Report) AddPruned(p *kvsync.Pruned) {
	if p == nil {
		return
	}
	r.Prune = p
	if !r.DryRun {
		r.Pruned = p.Deleted
	}
}

// AddHistory puts the deployments into the report, and the live one in the
// places that a deploy's report has for it.
func (r *Report) AddHistory(list []kvsync.Deployment) {
	r.History = list
	for _, d := range list {
		if d.Live {
			r.Deployment, r.VersionID, r.Commit = d.ID, d.Version, d.Commit
			return
		}
	}
}
