// Package development gives the Worker of a local platform what its configuration leaves to the
// machine of a developer: the variables for development, and names for the resources that nobody
// has created in an account yet.
package development

import (
	"errors"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Options say where the variables may be read.
type Options struct {
	// API is the address of the API. [Prepare] refuses one that is not on this machine, because the
	// variables are secrets of this machine.
	API      string
	Boundary *boundary.Boundary
	Getenv   func(string) string
	// Counts is called with each file that counts if it exists.
	Counts func(file string)
}

// Prepare adds to the settings what the Worker gets on this machine only. It returns a notice for
// each file that it has read.
func Prepare(set *config.Settings, o Options) ([]manifest.Problem, error) {
	if !loopback.URL(o.API) {
		return nil, errors.New("the variables for development are for the local platform only")
	}
	nameResources(set)
	return addVariables(set, o)
}
