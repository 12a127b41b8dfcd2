package cloud

import (
	"encoding/json"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Upload is a version as it is sent.
type Upload struct {
	Worker
	// Message and Tag are the annotations workers/message (≤ 1000 bytes) and
	// workers/tag (≤ 100 bytes).
	Message, Tag string
	// Apply is the metadata's "migrations" object, or nil if there are none to apply.
	// Only PutScript sends it.
	Apply *MigrationPlan
}

// MigrationPlan is the metadata's "migrations" object of a script upload.
type MigrationPlan struct {
	OldTag string            `json:"old_tag,omitempty"`
	NewTag string            `json:"new_tag"`
	Steps  []json.RawMessage `json:"steps"`
}

// Version is a Worker version that exists.
type Version struct {
	ID       string
	Created  time.Time
	Bindings []Binding
	// Keeps names blobs that the version needs besides those of its manifest.
	Keeps []manifest.Ref
}

// Activation is what Cloudflare calls a deployment: the versions that are active from
// Created on.
type Activation struct {
	ID      string
	Created time.Time
	// Versions has one entry, or two if the traffic is split.
	Versions []Share
	// Message is the annotation workers/message.
	Message string
	// Author is the e-mail address in the API's answer, or "".
	Author string
}

// Share is a version's part of the traffic in percent.
type Share struct {
	Version string
	Percent float64
}

// Main is the version with the larger share of the traffic.
func (a Activation) Main() string {
	if len(a.Versions) == 0 {
		return ""
	}
	best := a.Versions[0]
	for _, s := range a.Versions[1:] {
		if s.Percent > best.Percent {
			best = s
		}
	}
	return best.Version
}

// Only reports whether the version has all the traffic.
func (a Activation) Only(version string) bool {
	return len(a.Versions) == 1 && a.Versions[0].Version == version
}
