package version

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Record describes a deployment. It is written before the switch and counts only if one
// of Cloudflare's deployments names its version.
type Record struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	Site       string `json:"site"`
	Manifest   string `json:"manifest"`
	// Index is that of [Meta].
	Index   string    `json:"index,omitempty"`
	Source  string    `json:"source"`
	Commit  string    `json:"commit,omitempty"`
	Branch  string    `json:"branch,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"`
	Actor   string    `json:"actor,omitempty"`
	Time    time.Time `json:"time"`
	// Dirty and Repository are those of the [manifest.Origin].
	Dirty      bool                `json:"dirty,omitempty"`
	Repository manifest.Repository `json:"repository,omitzero"`
	// Previous is the deployment that this one replaced, or "".
	Previous  string `json:"previous,omitempty"`
	Files     int    `json:"files"`
	Added     int    `json:"added"`
	Changed   int    `json:"changed"`
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	// Policy is that of [Meta].
	Policy
	// Forgot is what it removed for good; nil if there is nothing.
	Forgot *Forgot `json:"forgot,omitempty"`
}

// RecordFormat is that of a [Record].
const RecordFormat = 1

// DecodeRecord reads a record. The caller checks whose it is.
func DecodeRecord(b []byte) (*Record, error) {
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return r, nil
}
