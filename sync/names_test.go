// Names of the subpackages that only tests of this package use: see names.go.

package kvsync

import (
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
)

type pointer = project.Pointer
type projectVersion = project.Version

func marshalJSON(v any) ([]byte, error) { return manifest.EncodeJSON(v) }
