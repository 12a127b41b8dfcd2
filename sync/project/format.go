package project

import (
	"encoding/json"
	"time"
)

// Pointer is the value of project/{id}/current.
type Pointer struct {
	Format      int          `json:"format"`
	Activations []Activation `json:"activations"`
	// Version is the version of the newest activation.
	Version json.RawMessage `json:"version"`
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
