package version

import (
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Deployment is one activation, as a history lists it.
type Deployment struct {
	// ID is our deployment id, or "" for a version of another tool.
	ID      string    `json:"deployment,omitempty"`
	Version string    `json:"version_id"`
	Time    time.Time `json:"time"`
	Commit  string    `json:"commit,omitempty"`
	// Source is the kind of source: "commit", "folder", or "upload" for an upload to
	// the API of a platform. It is "" for a version of another tool.
	Source string `json:"source,omitempty"`
	// Live is true for the active activation; Percent is the share of the version.
	Live    bool    `json:"live,omitempty"`
	Percent float64 `json:"percent"`
	// Retained is set if prune keeps its blobs, so that it can be rolled back to.
	Retained bool `json:"retained"`
	// Rollback is set if a rollback activated it again.
	Rollback bool `json:"rollback,omitempty"`
	// OtherTool is set if another tool activated a version of kv-sync: to go back, to split the
	// traffic, or with a changed secret or setting.
	OtherTool bool `json:"by_other_tool,omitempty"`
	// RolledBackBy is the person who rolled back, or "" if that is not known. The person
	// who deployed is in the record.
	RolledBackBy string `json:"rolled_back_by,omitempty"`
	// Run is the run of a CI system that rolled back, or "".
	Run string `json:"-"`
	// Hold is the commit or the deployments that this rollback holds back, or "".
	Hold string `json:"hold,omitempty"`
	// Missing is set if the version of a project is no longer in KV, so that it cannot be rolled
	// back to.
	Missing bool `json:"missing,omitempty"`
	// Record is the record of the deployment, nil if it cannot be read.
	Record *Record `json:"record,omitempty"`

	// Uncertain is set if the deployment is retained, but an earlier prune may have deleted it.
	Uncertain bool `json:"-"`
	// Meta is nil for a version of another tool.
	Meta *Meta `json:"-"`
}

// Foreign reports whether another tool made it.
func (d *Deployment) Foreign() bool { return d.ID == "" && !d.Missing }

// Described returns the subject and the author of its commit, "" if they are not known. The record
// has those of the commit that was uploaded. A deployment that was activated again, for a newer
// commit, has another one.
func (d *Deployment) Described() (subject, author string) {
	if d.Record == nil || d.Record.Commit != "" && d.Record.Commit != d.Commit {
		return "", ""
	}
	return d.Record.Subject, d.Record.Author
}

// Named reports whether the text names the deployment: its id, its commit or the id of its
// version, or at least the first 7 characters of one of these.
func (d *Deployment) Named(to string) bool {
	if len(to) < 7 {
		return false
	}
	return strings.HasPrefix(d.ID, to) || strings.HasPrefix(d.Commit, strings.ToLower(to)) ||
		strings.HasPrefix(d.Version, to)
}

// Past has the activations, and the deployment of each, newest first.
type Past struct {
	// Activations are those that the API lists. Deployments also has those that only
	// records name.
	Activations []cloud.Activation
	Deployments []Deployment
	// At is when they were read.
	At time.Time
	// Unread is the error of a record that cannot be read and may name more deployments, or
	// nil.
	Unread error
	// Policy is the maximum of the policies that the retained deployments recorded.
	// Recorded is false if none recorded one. Then Policy is that of the caller.
	Policy   Policy
	Recorded bool
}

// Live returns the active deployment of kv-sync with the largest share, or nil.
func (p *Past) Live() *Deployment {
	var best *Deployment
	for i := range p.Deployments {
		if d := &p.Deployments[i]; d.Live && d.Meta != nil && (best == nil || d.Percent > best.Percent) {
			best = d
		}
	}
	return best
}

// Leaves returns the live deployment that visitors do not see any more once all of them get
// the target, or nil. Of several it is the one of ours that was made live last.
func (p *Past) Leaves(target *Deployment) (left *Deployment) {
	first := p.firsts()
	for i := range p.Deployments {
		d := &p.Deployments[i]
		if d.Live && d.Version != target.Version && (left == nil || left.Meta == nil ||
			d.Meta != nil && first[d.ID] < first[left.ID]) {
			left = d
		}
	}
	return left
}

// firsts returns the index of the first activation of each deployment.
func (p *Past) firsts() map[string]int {
	first := make(map[string]int)
	for i, d := range p.Deployments {
		first[d.ID] = i
	}
	return first
}

// ForgettersAfter lists the deployments that removed contents permanently and were made after
// the target. A deployment counts if the order of the list or the time in its id says so.
// Each of the two can be wrong alone: the list may contain only a rollback's activation of
// the target, and the times in ids are from the clocks of different machines.
func (p *Past) ForgettersAfter(target *Deployment) (out []*Deployment) {
	first := p.firsts()
	made, _ := manifest.DeploymentTime(target.ID)
	for i := range p.Deployments {
		d := &p.Deployments[i]
		if d.Meta == nil || !d.Meta.Forgets || d.ID == target.ID || first[d.ID] != i {
			continue
		}
		if at, _ := manifest.DeploymentTime(d.ID); i < first[target.ID] || at.After(made) {
			out = append(out, d)
		}
	}
	return out
}
