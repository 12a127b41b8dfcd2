package version

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Record describes a deployment. It is written before the switch, so the deployment
// happened only if one of Cloudflare's deployments names its version.
type Record struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	Site       string `json:"site"`
	Manifest   string `json:"manifest"`
	// Next and Index are those of [Meta].
	Next    string    `json:"next,omitempty"`
	Index   string    `json:"index,omitempty"`
	Source  string    `json:"source"`
	Commit  string    `json:"commit,omitempty"`
	Branch  string    `json:"branch,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	Time    time.Time `json:"time"`
	// Dirty and Repository are those fields of the [manifest.Origin].
	Dirty      bool                `json:"dirty,omitempty"`
	Repository manifest.Repository `json:"repository,omitzero"`
	// Previous is the deployment that this one replaced, or "".
	Previous  string `json:"previous,omitempty"`
	Files     int    `json:"files"`
	Added     int    `json:"added"`
	Changed   int    `json:"changed"`
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	// Policy is the Policy of [Meta].
	Policy
	// Forgot has the contents that the deployment removed permanently; nil if there are
	// none.
	Forgot *Forgot `json:"forgot,omitempty"`
	// Past are the activations since the replaced deployment was made, newest first, as
	// the API listed them. They are recorded because the API lists only a few, and a
	// rollback may go back further. A project has none: its pointer has the activations.
	Past []Activated `json:"past,omitempty"`
}

// Check returns an error if the record is not that of this deployment of the site.
func (r *Record) Check(site, deployment string) error {
	if r.Format != RecordFormat || r.Site != site || r.Deployment != deployment {
		return fmt.Errorf("%w, or it is of another deployment", manifest.ErrNewer)
	}
	return nil
}

// Activated is an activation in a [Record].
type Activated struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Versions []Part    `json:"versions"`
	Message  string    `json:"message,omitempty"`
}

// Part is a [cloud.Share] in a [Record].
type Part struct {
	Version string  `json:"version_id"`
	Percent float64 `json:"percentage"`
}

// PastOf returns the Past of the record of a deployment that replaces l. The records of the
// deployments before have the older activations, so together they have all.
func PastOf(l *Live) (past []Activated) {
	var made time.Time
	if l.Meta != nil {
		made, _ = manifest.DeploymentTime(l.Meta.Deployment)
	}
	for i, a := range l.Activations {
		if i > 0 && a.Created.Before(made) {
			break
		}
		kept := Activated{ID: a.ID, Time: a.Created.UTC(), Message: a.Message}
		for _, s := range a.Versions {
			kept.Versions = append(kept.Versions, Part(s))
		}
		past = append(past, kept)
	}
	return past
}

// Activation returns the recorded activation.
func (a Activated) Activation() cloud.Activation {
	out := cloud.Activation{ID: a.ID, Created: a.Time, Message: a.Message}
	for _, p := range a.Versions {
		out.Versions = append(out.Versions, cloud.Share(p))
	}
	return out
}

// RecordFormat is the format of a [Record].
const RecordFormat = 1

// DecodeRecord reads a record. The caller checks its site and deployment.
func DecodeRecord(b []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return r, nil
}
