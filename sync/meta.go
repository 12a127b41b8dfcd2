package kvsync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// Meta is the KV_SYNC binding, with which a version describes itself. Versions of other
// tools lack it, and versions made by secret edits inherit it.
type Meta struct {
	Format     int    `json:"format"`
	Site       string `json:"site"`
	Deployment string `json:"deployment"`
	// Manifest is the [manifest.Ref] of the stored manifest, "" where there is an Index.
	Manifest string `json:"manifest"`
	// Source is the [manifest.Origin].ID of the deployment, Worker the hash of
	// modules, bindings and settings. If both equal those of a deploy, it changes
	// nothing.
	Source string `json:"source"`
	Worker string `json:"worker"`
	// Commit is hexadecimal, or "" if no commit was known. The message of the
	// newest activation may name a newer one: see [live.commit].
	Commit string `json:"commit,omitempty"`
	// After is the last known commit if there is no Commit, so that the next deploy
	// is compared with it.
	After string `json:"after,omitempty"`
	// Repository is the repository of the commit; zero if it is unknown, as for
	// versions of an older kv-sync.
	Repository manifest.Repository `json:"repository,omitzero"`
	Namespace  string              `json:"namespace"`
	// Bindings are those that kv-sync manages: its own, and those of the
	// configuration. A new version inherits every other binding.
	Bindings []string `json:"bindings"`
	// Pruned is when the last prune began, in seconds since 1970 UTC.
	Pruned int64 `json:"pruned"`
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

	keeps []manifest.Ref // see [Version.Keeps]
}

const metaFormat = 1

// kind is the [manifest.Origin].Kind of the deployment.
func (m *Meta) kind() string {
	switch kind, _, _ := strings.Cut(m.Source, ":"); {
	case kind == "upload", kind == "commit", kind == "folder":
		return kind
	case m.Commit != "":
		return "commit"
	}
	return "folder"
}

// indexHash is the hash of the index in the version's code.
func (m *Meta) indexHash() (h manifest.Hash, ok bool) {
	if m == nil {
		return h, false
	}
	h, err := manifest.ParseHash(m.Index)
	return h, err == nil
}

// metaOf reads the KV_SYNC binding of a version of this site. A version without one, or
// of another site, is foreign: nil and no error. So is a version that has the binding
// and lacks the namespace that it names, such as one by another tool that keeps
// variables.
func metaOf(v cloud.Version, site string) (*Meta, error) {
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
		if m.Format > metaFormat {
			return nil, fmt.Errorf("read version %s (format %d): %w", v.ID, m.Format, manifest.ErrNewer)
		}
		if m.Site != site || m.Namespace != namespace {
			return nil, nil
		}
		m.keeps = v.Keeps
		return &m, nil
	}
	return nil, nil
}

// withKept is a manifest with the blobs that the version itself needs, so that they are
// checked like any other.
func (m *Meta) withKept(stored *manifest.Manifest) *manifest.Manifest {
	if len(m.keeps) == 0 {
		return stored
	}
	all := *stored
	all.Assets = slices.Clip(all.Assets)
	for _, ref := range m.keeps {
		all.Assets = append(all.Assets, manifest.Asset{Path: "the code or the served manifest", Blob: ref})
	}
	return &all
}

// workerHash identifies the code and the settings of a Worker. Versions with equal
// hashes behave equally. The manifest is not part of it.
func (e *Engine) workerHash(w cloud.Worker) string {
	h := newFieldHash("worker 1")
	h.put(w.Main, w.CompatibilityDate, strings.Join(w.CompatibilityFlags, ","), e.Serving.HTMLHandling, e.Serving.NotFound)
	if e.Serving.EdgeCache != 0 {
		h.put("edge cache", strconv.Itoa(e.Serving.EdgeCache))
	}
	if e.Serving.Overlay {
		h.put("overlay")
	}
	// The modules determine the rest of the routing. Retire is not in a module, and a
	// change of it must deploy.
	if w.Routing != nil && len(w.Routing.Retire) > 0 {
		h.put("retire", strconv.Itoa(len(w.Routing.Retire)))
		h.put(w.Routing.Retire...)
	}
	if w.Companion != nil {
		h.put("companion", codeHash(*w.Companion), fmt.Sprint(e.Rights))
	}
	h.modules(w.Modules)
	bindings := slices.Clone(w.Bindings)
	slices.SortFunc(bindings, func(a, b cloud.Binding) int { return strings.Compare(a.Name, b.Name) })
	for _, b := range bindings {
		h.put("binding", b.Name, b.Type)
		hashFields(h, b.Fields)
	}
	for _, m := range w.Migrations {
		h.put("migration", m.Tag, string(m.Step))
	}
	hashFields(h, w.Settings)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// codeHash identifies the code of a Worker without settings.
func codeHash(w cloud.Worker) string {
	h := newFieldHash("code 1")
	h.put(w.Main, w.CompatibilityDate, strings.Join(w.CompatibilityFlags, ","))
	h.modules(w.Modules)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fieldHash hashes texts, each with its length, so that different lists have different
// hashes.
type fieldHash struct{ hash.Hash }

func newFieldHash(kind string) fieldHash {
	h := fieldHash{sha256.New()}
	h.put(kind)
	return h
}

func (h fieldHash) put(parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
}

func (h fieldHash) modules(list []cloud.Module) {
	sorted := slices.SortedFunc(slices.Values(list), func(a,
		b cloud.Module) int {
		return strings.Compare(a.Name, b.Name)
	})
	for _, m := range sorted {
		h.put("module", m.Name, m.Type, string(m.Content))
	}
}

func hashFields(h hash.Hash, fields map[string]json.RawMessage) {
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(h, "%d:%s%d:%s", len(n), n, len(fields[n]), fields[n])
	}
	_, _ = io.WriteString(h, ";") // a hash never fails
}
