package admin

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/sync/version"
)

// commitView is a commit, or the source of a deployment without one.
type commitView struct{ ID, Full, Subject, Author string }

func viewCommit(commit, subject, author string) commitView {
	return commitView{ID: short(commit), Full: visible(commit, 64), Subject: visible(subject, maxSubject),
		Author: visible(author, maxName)}
}

// phaseView is a site's phase.
type phaseView struct {
	Text string
	// Kind selects the colour: "idle", "active", "waiting" or "stopped".
	Kind        string
	Since, Next moment
	// First is the problem's first line, Problem the whole text.
	First, Problem string
}

func viewPhase(s daemon.Status, now time.Time) phaseView {
	v := phaseView{
		Text: string(s.Phase), Kind: "idle", Since: at(s.Since, now), Next: at(s.Next, now),
		First: firstLine(s.Problem), Problem: visibleLines(s.Problem),
	}
	switch s.Phase {
	case daemon.PhaseFetch, daemon.PhaseBuild, daemon.PhaseDeploy, daemon.PhaseRollback:
		v.Kind = "active"
	case daemon.PhaseRetry, daemon.PhaseHeld:
		v.Kind = "waiting"
	case daemon.PhaseRefused:
		v.Kind = "stopped"
	}
	if s.Next.Before(now) {
		v.Next = moment{} // the poll is about to start
	}
	return v
}

func sitePath(name string) string { return "/sites/" + url.PathEscape(name) }

func rollbackPath(name, deployment string) string {
	return sitePath(name) + "/rollback/" + url.PathEscape(deployment)
}

// rowView is a site in the list.
type rowView struct {
	Name, Path, Branch string
	Live               commitView
	Phase              phaseView
}

func viewRow(s daemon.Status, now time.Time) rowView {
	v := rowView{Name: s.Name, Path: sitePath(s.Name), Branch: visible(s.Branch, maxName),
		Live: viewCommit(s.Live, "", ""), Phase: viewPhase(s, now)}
	for _, r := range s.Runs {
		if s.Live != "" && r.Commit == s.Live && r.Subject != "" {
			v.Live = viewCommit(s.Live, r.Subject, r.Author)
			break
		}
	}
	return v
}

// siteView is a site's page.
type siteView struct {
	rowView
	Remote string
	// Ahead is the branch's head if it is not live.
	Ahead commitView
	// Held is set if the site can be released.
	Held        bool
	Deployments []deploymentView
	// Unread is the error if the deployments cannot be read.
	Unread string
	// Others are the runs without a deployment.
	Others []runView
}

func viewSite(s daemon.Status, list []version.Deployment, now time.Time) siteView {
	v := siteView{rowView: viewRow(s, now), Remote: visible(s.Remote, maxSubject), Held: s.Phase == daemon.PhaseHeld}
	if s.Head != s.Live {
		v.Ahead = viewCommit(s.Head, "", "")
	}
	joined := make([]bool, len(s.Runs))
	offered := make(map[string]bool)
	for _, d := range list {
		var of *daemon.Run
		if i := runOf(d, s.Runs, joined); i >= 0 {
			joined[i], of = true, &s.Runs[i]
		}
		row := viewDeployment(d, of, now)
		if offers(list, d.ID) && !offered[d.ID] && d.Retained {
			offered[d.ID], row.Back = true, rollbackPath(s.Name, d.ID)
		}
		v.Deployments = append(v.Deployments, row)
	}
	for i, r := range s.Runs {
		if !joined[i] {
			v.Others = appendRun(v.Others, viewRun(r, now))
		}
	}
	return v
}

// offers reports whether a rollback to a deployment is possible: it has an id, is
// retained, and is not live in any of its activations.
func offers(list []version.Deployment, id string) bool {
	retained := false
	for _, d := range list {
		if d.ID == id {
			if d.Live || d.Missing {
				return false
			}
			retained = retained || d.Retained
		}
	}
	return retained && id != ""
}

// liveOf returns the live deployment with the largest share, or nil.
func liveOf(list []version.Deployment) *version.Deployment {
	var best *version.Deployment
	for i := range list {
		if d := &list[i]; d.Live && (best == nil || d.Percent > best.Percent) {
			best = d
		}
	}
	return best
}

// slack is the tolerated difference between this machine's clock and Cloudflare's.
const slack = 2 * time.Minute

// runOf returns the index of the run that made an activation, or -1. Deployment, kind
// and time must match, because there may be several rollbacks to one deployment.
func runOf(d version.Deployment, runs []daemon.Run, taken []bool) int {
	kind := daemon.OutcomeDeployed
	if d.Rollback {
		kind = daemon.OutcomeRolledBack
	}
	for i, r := range runs {
		if !taken[i] && d.ID != "" && r.Deployment == d.ID && r.Outcome == kind &&
			!d.Time.Before(r.Started.Add(-slack)) && !d.Time.After(r.Started.Add(r.Duration+slack)) {
			return i
		}
	}
	return -1
}

// deploymentView is one activation.
type deploymentView struct {
	ID      string
	When    moment
	Commit  commitView
	By      string
	Changes string
	Took    string
	// Mark is "live", "retained", "missing" or "past". Remarks are further tags.
	Mark    string
	Remarks []string
	// Back is the path of the rollback's confirmation, or "".
	Back string
	// Warnings are those of the build.
	Warnings []string
}

func viewDeployment(d version.Deployment, of *daemon.Run, now time.Time) deploymentView {
	v := deploymentView{ID: visible(cmp.Or(d.ID, d.Version), maxName), When: at(d.Time, now),
		Commit: viewCommit(d.Commit, "", ""), Mark: "past"}
	if r := d.Record; r != nil {
		subject, author := d.Described()
		v.Commit = viewCommit(d.Commit, subject, author)
		v.By, v.Changes = r.Actor, changes(r.Added, r.Changed, r.Removed)
	}
	if of != nil {
		v.By, v.Took, v.Warnings = of.Actor, took(of.Duration), visibleAll(of.Warnings)
		if d.Record == nil {
			v.Commit, v.Changes = viewCommit(cmp.Or(d.Commit, of.Commit), of.Subject, of.Author),
				changes(of.Added, of.Changed, of.Removed)
		}
	} else if d.Rollback {
		v.By = d.RolledBackBy // the record has the original deploy's actor
	}
	v.By = visible(v.By, maxName)
	if v.Commit.ID == "" && v.Commit.Subject == "" {
		v.Commit.Subject = map[string]string{"folder": "From a folder", "upload": "From an upload"}[d.Source]
	}
	switch {
	case d.Missing:
		v.Mark = "missing"
	case d.Live:
		v.Mark = "live"
	case d.Retained:
		v.Mark = "retained"
	}
	if d.ID == "" {
		v.Remarks = append(v.Remarks, "by another tool")
	}
	if d.Rollback {
		v.Changes = "went back"
		v.Remarks = append(v.Remarks, "rollback to "+v.ID)
	}
	if d.Hold != "" {
		v.Remarks = append(v.Remarks, "holds back "+short(d.Hold))
	}
	if d.Live && d.Percent != 100 {
		v.Remarks = append(v.Remarks, fmt.Sprintf("%g %% of visitors", d.Percent))
	}
	return v
}

// runView is a run without a deployment, or several equal ones.
type runView struct {
	When    moment
	Commit  commitView
	Outcome string
	// Kind selects the colour, as in [phaseView].
	Kind     string
	By, Took string
	Problem  string
	Warnings []string
	// Times is the number of equal runs in a row. When is the time of the last one.
	Times int
}

func viewRun(r daemon.Run, now time.Time) runView {
	v := runView{
		When: at(r.Started, now), Commit: viewCommit(r.Commit, r.Subject, r.Author), Outcome: string(r.Outcome), Kind: "idle",
		By: visible(r.Actor, maxName), Took: took(r.Duration), Problem: visibleLines(r.Problem),
		Warnings: visibleAll(r.Warnings), Times: 1,
	}
	switch r.Outcome {
	case daemon.OutcomeRefused, daemon.OutcomeFailed:
		v.Kind = "stopped"
	case daemon.OutcomeHeld, daemon.OutcomeInterrupted:
		v.Kind = "waiting"
	}
	return v
}

// appendRun adds an older run. It merges equal runs, so that retries do not fill the
// page.
func appendRun(list []runView, r runView) []runView {
	if len(list) > 0 {
		last := &list[len(list)-1]
		if last.Commit.Full == r.Commit.Full && last.Outcome == r.Outcome &&
			strings.TrimSpace(last.Problem) == strings.TrimSpace(r.Problem) {
			last.Times++
			return list
		}
	}
	return append(list, r)
}

// confirmView is the page that confirms a rollback.
type confirmView struct {
	Name, Path, Action, Branch string
	From, To                   deploymentView
	// Live identifies the live deployment that the page shows.
	Live string
	// Hold is the commit that will be held back, or "".
	Hold string
	// Busy is the current phase that the rollback waits for, or "".
	Busy string
}

func viewConfirm(s daemon.Status, list []version.Deployment, to string, now time.Time) confirmView {
	v := confirmView{Name: s.Name, Path: sitePath(s.Name), Action: rollbackPath(s.Name, to),
		Branch: visible(s.Branch, maxName)}
	for _, d := range list {
		// The last entry is the original deployment; newer ones are rollbacks to it.
		if d.ID == to {
			v.To = viewDeployment(d, nil, now)
		}
	}
	if d := liveOf(list); d != nil {
		v.From, v.Live = viewDeployment(*d, nil, now), cmp.Or(d.ID, d.Version)
		v.Hold = short(cmp.Or(d.Hold, d.Commit))
		if v.Hold == v.To.Commit.ID {
			v.Hold = ""
		}
	}
	if p := viewPhase(s, now); p.Kind == "active" {
		v.Busy = p.Text
	}
	return v
}
