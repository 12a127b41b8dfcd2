package version

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// Meta is the KV_SYNC binding, which has the metadata of a version. Versions of other
// tools lack it. A version that a change of a secret makes inherits it.
type Meta struct {
	Format     int    `json:"format"`
	Site       string `json:"site"`
	Deployment string `json:"deployment"`
	// Manifest is the [manifest.Ref] of the stored manifest, "" if there is an Index.
	Manifest string `json:"manifest"`
	// Source is the [manifest.Origin].ID of the deployment, Worker the hash of
	// modules, bindings and settings. A deploy for which both are the same changes
	// nothing.
	Source string `json:"source"`
	Worker string `json:"worker"`
	// Commit is hexadecimal, or "" if no commit was known. The message of the
	// newest activation may name a newer one: see [Live.Commit].
	Commit string `json:"commit,omitempty"`
	// After is the last known commit if there is no Commit, so that the next deploy
	// is compared with it.
	After string `json:"after,omitempty"`
	// Repository is the repository of the commit; zero if it is unknown, as for
	// versions of an older kv-sync.
	Repository manifest.Repository `json:"repository,omitzero"`
	Namespace  string              `json:"namespace"`
	// Bindings are the names of the bindings that kv-sync manages: its own, and those of
	// the configuration. A new version inherits every other binding.
	Bindings []string `json:"bindings"`
	// Pruned is when the last prune began, in seconds since 1970 UTC.
	Pruned int64 `json:"pruned"`
	// Policy is what a prune keeps; unknown for versions of an older kv-sync.
	Policy
	// Migration is the tag of the last Durable Object migration applied.
	Migration string `json:"migration,omitempty"`
	URL       string `json:"url,omitempty"`
	// Files is the number of files of the deployment; 0 if it was not recorded.
	Files int `json:"files,omitempty"`
	// Overlay is nil if the site has none.
	Overlay *overlay.Meta `json:"overlay,omitempty"`
	// Index is the hash of the index in the code, in hexadecimal, in a layout whose
	// index is compiled; else "".
	Index string `json:"index,omitempty"`
	// Forgets: the deployment removed contents for good. The [Record] lists them.
	Forgets bool `json:"forgets,omitempty"`

	// Keeps are the blobs that the version itself needs: see [cloud.Version].
	Keeps []manifest.Ref `json:"-"`
}

// Format is the format of a [Meta].
const Format = 1

// Kind returns the [manifest.Origin].Kind of the deployment.
func (m *Meta) Kind() string {
	switch kind, _, _ := strings.Cut(m.Source, ":"); {
	case kind == "upload", kind == "commit", kind == "folder":
		return kind
	case m.Commit != "":
		return "commit"
	}
	return "folder"
}

// IndexHash returns the hash of the index in the version's code.
func (m *Meta) IndexHash() (h manifest.Hash, ok bool) {
	if m == nil {
		return h, false
	}
	h, err := manifest.ParseHash(m.Index)
	return h, err == nil
}

// ReadMeta reads the KV_SYNC binding of a version of this site. It returns nil and no
// error for a foreign version: one without the binding, one of another site, and one that
// has no binding of the namespace that its KV_SYNC binding names. A tool that keeps
// variables and replaces other bindings makes such a version.
func ReadMeta(v cloud.Version, site string) (*Meta, error) {
	var namespace string
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingBlobs && b.Type == "kv_namespace" {
			_ = json.Unmarshal(b.Fields["namespace_id"], &namespace) // an id that is not a string is ignored
		}
	}
	for _, b := range v.Bindings {
		if b.Name != cloud.BindingMeta || b.Type != "json" {
			continue
		}
		var m Meta
		if err := json.Unmarshal(b.Fields["json"], &m); err != nil {
			return nil, fmt.Errorf("read binding %s of version %s, which was not written by kv-sync: %w", cloud.BindingMeta,
				v.ID, err)
		}
		if m.Format > Format {
			return nil, fmt.Errorf("read version %s (format %d): %w", v.ID, m.Format, manifest.ErrNewer)
		}
		if m.Site != site || m.Namespace != namespace {
			return nil, nil
		}
		m.Keeps = v.Keeps
		return &m, nil
	}
	return nil, nil
}

// WithKept returns a manifest with the blobs that the version itself needs, so that they
// are checked like any other.
func (m *Meta) WithKept(stored *manifest.Manifest) *manifest.Manifest {
	if len(m.Keeps) == 0 {
		return stored
	}
	all := *stored
	all.Assets = slices.Clip(all.Assets)
	for _, ref := range m.Keeps {
		all.Assets = append(all.Assets, manifest.Asset{Path: "the code or the served manifest", Blob: ref})
	}
	return &all
}
