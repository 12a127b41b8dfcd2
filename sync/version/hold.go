package version

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// HoldRecord is what KV has of a hold, beside the message of the activation: Cloudflare
// lists a few activations only, and each change of a secret is one. It is written before
// the activation, and counts where the list has no message of the live deployment.
type HoldRecord struct {
	Format int    `json:"format"`
	Site   string `json:"site"`
	// Deployment is what was activated, as Version.
	Deployment string `json:"deployment"`
	Version    string `json:"version_id,omitempty"`
	// Rollback, Commit, Hold and Over are those of the [Message].
	Rollback bool   `json:"rollback,omitempty"`
	Commit   string `json:"commit,omitempty"`
	Hold     string `json:"hold,omitempty"`
	Over     string `json:"over,omitempty"`
	// Held is what the deployments that are held back deploy.
	Held []Content `json:"held,omitempty"`
}

// Content is what a deployment deploys: both are those of its [Meta].
type Content struct {
	Source string `json:"source"`
	Worker string `json:"worker"`
}

// HoldFormat is the format of a [HoldRecord].
const HoldFormat = 1

// Encode is the value for KV.
func (h *HoldRecord) Encode() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the hold: %w", err)
	}
	return b, nil
}

// DecodeHold reads a record of a deployment of a site.
func DecodeHold(b []byte, site, deployment string) (*HoldRecord, error) {
	var h HoldRecord
	switch err := json.Unmarshal(b, &h); {
	case err != nil:
		return nil, manifest.ErrDamaged
	case h.Format > HoldFormat:
		return nil, manifest.ErrNewer
	case h.Site != site || h.Deployment != deployment || h.Hold != "" && !isHold(h.Hold):
		return nil, manifest.ErrDamaged
	}
	return &h, nil
}

// Message is the message of the activation, without its actor.
func (h *HoldRecord) Message() Message {
	return Message{Deployment: h.Deployment, Rollback: h.Rollback, Commit: h.Commit, Hold: h.Hold, Over: h.Over}
}

// HeldContent is what the deployments of a list that a hold is about deploy. Of a commit
// only its newest deployment counts.
func HeldContent(past []Deployment, hold string) (held []Content) {
	deployments := strings.Split(hold, ",")
	for _, d := range past {
		if d.Meta == nil || hold == "" || !slices.Contains(deployments, d.ID) && d.Commit != hold {
			continue
		}
		if held = append(held, Content{d.Meta.Source, d.Meta.Worker}); IsCommit(hold) {
			break
		}
	}
	return held
}
