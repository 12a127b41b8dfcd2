package version

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// HoldRecord is the record of a hold in KV. The message of the activation has the hold as
// well, but Cloudflare lists only a few activations, and each change of a secret is one.
// The record is written before the activation. It is used if the list has no message of
// the live deployment.
type HoldRecord struct {
	Format int    `json:"format"`
	Site   string `json:"site"`
	// Deployment was activated, as Version.
	Deployment string `json:"deployment"`
	Version    string `json:"version_id,omitempty"`
	// Rollback, Commit, Hold and Over are those of the [Message].
	Rollback bool   `json:"rollback,omitempty"`
	Commit   string `json:"commit,omitempty"`
	Hold     string `json:"hold,omitempty"`
	Over     string `json:"over,omitempty"`
	// Held has the content of each deployment that is held back.
	Held []Content `json:"held,omitempty"`
}

// Content identifies the content of a deployment by the Source and Worker of its [Meta].
type Content struct {
	Source string `json:"source"`
	Worker string `json:"worker"`
}

// HoldFormat is the format of a [HoldRecord].
const HoldFormat = 1

// Encode returns the value for KV.
func (h *HoldRecord) Encode() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the hold: %w", err)
	}
	return b, nil
}

// DecodeHold reads a hold's record. It refuses one of another deployment or site.
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

// Message returns the message of the activation, without its actor.
func (h *HoldRecord) Message() Message {
	return Message{Deployment: h.Deployment, Rollback: h.Rollback, Commit: h.Commit, Hold: h.Hold, Over: h.Over}
}

// HeldContent returns the contents of the listed deployments that a hold holds back. If
// the hold names a commit, only the newest deployment of that commit counts.
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
