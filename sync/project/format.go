package project

import (
	"encoding/json"
	"time"
)

// pointer is the value of project/{id}/current.
type Pointer struct {
	Format      int          `json:"format"`
	Activations []Activation `json:"activations"`
	// Version is what the newest activation names, whole.
	Version json.RawMessage `json:"version"`
}

type Activation struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Message string    `json:"message"`
	Author  string    `json:"author,omitempty"`
}

// projectVersion is one version of a project. Its id is the [Ref] of the blob
// that holds it.
type Version struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	Loader  string `json:"loader"`
	Served  string `json:"served"`
	Code
	Meta json.RawMessage `json:"kv_sync"`
}

// active is the id of the activation in force, or "".
func (p *Pointer) active() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].ID
}

// version is the one that is active, or "".
func (p *Pointer) version() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].Version
}
