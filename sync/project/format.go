package project

import (
	"encoding/json"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Pointer is the value of project/{id}/current. If the project was deleted it is a
// tombstone: Deleted is set, and Activations and Version are absent.
type Pointer struct {
	Format int `json:"format"`
	// Incarnation is part of the keys: see [manifest.ProjectKeys]. In a tombstone it is
	// that of the next project of this id. It is zero until a project of this id was
	// deleted.
	Incarnation manifest.Nonce `json:"incarnation,omitzero"`
	Deleted     time.Time      `json:"deleted,omitzero"`
	Activations []Activation   `json:"activations,omitempty"`
	// Version is the version of the newest activation.
	Version json.RawMessage `json:"version,omitempty"`
}

// Activation is one switch of a project.
type Activation struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Message string    `json:"message"`
	Author  string    `json:"author,omitempty"`
}

// Version is one version of a project. Its id is the [manifest.Ref] of its blob.
type Version struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	Loader  string `json:"loader"`
	Served  string `json:"served"`
	Code
	Meta json.RawMessage `json:"kv_sync"`
}

// active is the id of the newest activation, or "".
func (p *Pointer) active() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].ID
}

// version is the id of the active version, or "".
func (p *Pointer) version() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].Version
}

// formatOf returns the format of the pointer of a project with this incarnation.
func formatOf(incarnation manifest.Nonce) int {
	if incarnation.IsZero() {
		return Format
	}
	return IncarnatedFormat
}

// pointerKey returns the key of the pointer, which all incarnations share.
func (w *Workers) pointerKey() string { return manifest.ProjectKeys(w.ID, manifest.Nonce{}).Current() }
