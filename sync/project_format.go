package kvsync

import (
	"encoding/json"
	"time"
)

// pointer is the value of project/{id}/current.
type pointer struct {
	Format      int                 `json:"format"`
	Activations []projectActivation `json:"activations"`
	// Version is what the newest activation names, whole.
	Version json.RawMessage `json:"version"`
}

type projectActivation struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Message string    `json:"message"`
	Author  string    `json:"author,omitempty"`
}

// projectVersion is one version of a project. Its id is the [Ref] of the blob
// that holds it.
type projectVersion struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	Loader  string `json:"loader"`
	Served  string `json:"served"`
	projectCode
	Meta json.RawMessage `json:"kv_sync"`
}

// active is the id of the activation in force, or "".
func (p *pointer) active() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].ID
}

// version is the one that is active, or "".
func (p *pointer) version() string {
	if len(p.Activations) == 0 {
		return ""
	}
	return p.Activations[0].Version
}
