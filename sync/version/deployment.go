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
	// Source is what was deployed: "commit", "folder", or "upload" for an upload to
	// the API of a platform; "" for a version of another tool.
	Source string `json:"source,omitempty"`
	// Live is true for the active activation; Percent is the share of the version.
	Live    bool    `json:"live,omitempty"`
	Percent float64 `json:"percent"`
	// Retained: it can be rolled back to, and its blobs are kept.
	Retained bool `json:"retained"`
	// Rollback: a rollback activated it again.
	Rollback bool `json:"rollback,omitempty"`
	// RolledBackBy is who did that, or "" if it is not known. The record has who made
	// the deployment.
	RolledBackBy string `json:"rolled_back_by,omitempty"`
	// Run is the run of a CI system that did that, or "".
	Run string `json:"-"`
	// Hold is what this rollback holds back, or "".
	Hold string `json:"hold,omitempty"`
	// Missing: it belongs to a project, and its version is not in KV any more, so
	// it cannot be rolled back to.
	Missing bool `json:"missing,omitempty"`
	// Record is the record of the deployment, nil if it cannot be read.
	Record *Record `json:"record,omitempty"`

	// Uncertain: it is retained, but an earlier prune was allowed to delete it.
	Uncertain bool `json:"-"`
	// Meta is nil for a version of another tool.
	Meta *Meta `json:"-"`
}

// Foreign reports whether another tool made it.
func (d *Deployment) Foreign() bool { return d.ID == "" && !d.Missing }

// Named reports whether a person names it: by its id, its commit, the id of its version, or
// at least the first 7 characters of one.
func (d *Deployment) Named(to string) bool {
	if len(to) < 7 {
		return false
	}
	return strings.HasPrefix(d.ID, to) || strings.HasPrefix(d.Commit, strings.ToLower(to)) ||
		strings.HasPrefix(d.Version, to)
}

// Past is the list of activations and what their versions say about themselves, newest
// first.
type Past struct {
	// Activations are those that the API lists. Deployments has those that only records
	// name, too.
	Activations []cloud.Activation
	Deployments []Deployment
	// Unread is why a record that may name more deployments cannot be read, or nil.
	Unread error
	// Policy is the maximum that the retained deployments recorded. Recorded is false
	// if none did; then it is that of the caller.
	Policy   Policy
	Recorded bool
}

// Live is the active deployment of ours with the larger share, or nil.
func (p *Past) Live() *Deployment {
	var best *Deployment
	for i := range p.Deployments {
		if d := &p.Deployments[i]; d.Live && d.Meta != nil && (best == nil || d.Percent > best.Percent) {
			best = d
		}
	}
	return best
}

// ForgettersAfter lists the deployments that removed contents for good and were made
// after the target. Both the list and the ids say which one was made first, and either
// is enough: the list may have the target only as a rollback activated it, and the
// clocks of two machines differ.
func (p *Past) ForgettersAfter(target *Deployment) (out []*Deployment) {
	first := make(map[string]int) // where the first activation of each is
	for i, d := range p.Deployments {
		first[d.ID] = i
	}
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
