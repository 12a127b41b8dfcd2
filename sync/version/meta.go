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

// Meta is the metadata of a version. It is in the KV_SYNC binding. Versions of other tools do not
// have it, except one that Cloudflare makes when a secret is changed: it inherits the binding.
type Meta struct {
	Format     int    `json:"format"`
	Site       string `json:"site"`
	Deployment string `json:"deployment"`
	// Manifest is the name of the stored manifest (see [manifest.Keys.Named]), "" if there is an Index.
	Manifest string `json:"manifest"`
	// Next is the name of a root of the same files, with which a later deployment may begin; "" if
	// there is none.
	Next string `json:"next,omitempty"`
	// Source is the [manifest.Origin].ID of the deployment, and Worker the hash of its modules,
	// bindings and settings. A deploy with the same Source and Worker changes nothing.
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
	// Policy says what prune keeps. It is unknown for versions of an older kv-sync.
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
	// Forgets is set if the deployment removed contents permanently. The [Record] lists them.
	Forgets bool `json:"forgets,omitempty"`

	// Keeps are the blobs that the version itself needs: see [cloud.Version].
	Keeps []manifest.Ref `json:"-"`
}

// The formats of a [Meta]. A release that reads Format also reads FormatWhole.
const (
	FormatWhole = 1
	// Format is that of a version whose manifest is in parts.
	Format = 2
)

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

// ReadMeta reads the KV_SYNC binding of a version of this site. It returns nil and no error for a
// foreign version. That is a version without the binding, a version of another site, or a version
// whose KV binding is not the namespace that KV_SYNC names. Another tool makes the last kind if it
// keeps the variables of a version and replaces its other bindings.
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

// WithKept adds the blobs in Keeps to a copy of a manifest, so that they are checked like those
// of files.
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
