package kvsync

import (
	"context"
	"encoding/json"
	"time"
)

// Names that a version deployed by kv-sync carries.
const (
	// BindingMeta is the json binding with which a version says what it is.
	BindingMeta = "KV_SYNC"
	// BindingBlobs is the kv_namespace binding that blobs are read through.
	BindingBlobs = "KV_SYNC_BLOBS"
	// BindingOverlay is the durable_object_namespace binding that the overlay is
	// written through.
	BindingOverlay = "KV_SYNC_OVERLAY"
	// ModuleManifest is the data module that holds the served manifest. A Worker
	// imports it as "./kv-sync-manifest.bin" and gets an ArrayBuffer.
	ModuleManifest = "kv-sync-manifest.bin"
)

// Worker is the code and the settings of one Worker version, as its author
// wrote them: the engine adds the manifest and the bindings of its own.
type Worker struct {
	// Main names the module among Modules whose default export is called.
	Main    string
	Modules []Module
	// CompatibilityDate is "YYYY-MM-DD"; never empty, for the platform's default
	// is 2021-11-02.
	CompatibilityDate  string
	CompatibilityFlags []string
	Bindings           []Binding
	// Migrations are the Durable Object migrations, oldest first. A Worker that
	// has some to apply goes live by a script upload, not by a version.
	Migrations []Migration
	// Settings are further members of the upload's metadata that the author
	// set ("limits", "placement", "observability", "logpush" …), by name.
	Settings map[string]json.RawMessage
	// Routing says which requests the code gets before the site; nil is unknown,
	// so that no removed file stays reachable.
	Routing *Routing
	// Companion is the code of the script in which the overlay's Durable Object
	// lives; nil where the site has no overlay.
	Companion *Worker
}

// Migration is one step of a Worker's Durable Object migrations.
type Migration struct {
	Tag string
	// Step is the object of the API's "steps" list, without the tag.
	Step json.RawMessage
}

// ScriptSettings are the members of Worker.Settings that belong to the script
// and not to a version: a version upload does not take them, so they are
// changed after the switch, as wrangler does it.
var ScriptSettings = []string{"logpush", "observability", "streaming_tail_consumers", "tags", "tail_consumers"}

// Module is one module of a Worker.
type Module struct {
	Name string
	// Type is the part's content type: "application/javascript+module",
	// "application/wasm", "application/octet-stream" or "text/plain".
	Type    string
	Content []byte
}

// Binding is one binding of a Worker version.
type Binding struct {
	Name string
	// Type is as in the API: "kv_namespace", "json", "plain_text", "inherit" …
	Type string
	// Fields are its other members, by name.
	Fields map[string]json.RawMessage
}

// Upload is a whole version as it is sent.
type Upload struct {
	Worker
	// Message and Tag are the annotations workers/message (≤ 1000 bytes) and
	// workers/tag (≤ 100 bytes).
	Message, Tag string
	// Apply is the metadata's "migrations" object, or nil where there is nothing
	// to apply. Only PutScript sends it.
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
	// Keeps names blobs that the version needs beside those of its manifest.
	Keeps []Ref
}

// Activation is one of Cloudflare's deployments: which versions were active from Created on.
type Activation struct {
	ID      string
	Created time.Time
	// Versions has one entry, or two while traffic is split.
	Versions []Share
	// Message is the annotation workers/message.
	Message string
	// Author is the e-mail address that the API names, or "".
	Author string
}

// Share is a version's part of the traffic in percent.
type Share struct {
	Version string
	Percent float64
}

// Workers is one Worker script of an account. Its methods are safe for
// concurrent use. Those that switch (Activate, PutScript) are sent once: when
// an answer is lost they return an error that wraps ErrUnknown, and the caller
// asks which version is active before it does anything else.
type Workers interface {
	// Activations lists the deployments, the active one first, or ErrNotFound
	// where there is no such script.
	Activations(ctx context.Context) ([]Activation, error)
	// Version reads one version with its bindings.
	Version(ctx context.Context, id string) (Version, error)
	// UploadVersion creates a version that no visitor sees and returns its id.
	// It may be retried: a version that nobody names is harmless.
	UploadVersion(ctx context.Context, u Upload) (id string, err error)
	// MigrationTag returns the tag of the last Durable Object migration that the
	// script has applied, or "".
	MigrationTag(ctx context.Context) (string, error)
	// Activate gives the versions all traffic: the switch. Without force it is
	// refused with ErrSecretChanged for a version that holds an older value of a
	// secret than the active one.
	Activate(ctx context.Context, versions []Share, message string, force bool) error
	// PutScript uploads and switches in one step, for the first deployment and
	// for migrations.
	PutScript(ctx context.Context, u Upload) error
	// PatchSettings changes settings of the script, those that no version carries
	// (see [ScriptSettings]). The others stay as they are.
	PatchSettings(ctx context.Context, settings map[string]json.RawMessage) error
	// URL returns the address under workers.dev that the script has or would
	// have, or "" where the account has no subdomain.
	URL(ctx context.Context) (string, error)
	// EnableURL makes the script reachable under workers.dev.
	EnableURL(ctx context.Context) error
}

// main is the version with the larger share of the traffic.
func (a Activation) main() string {
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

// only reports whether the version has all the traffic.
func (a Activation) only(version string) bool {
	return len(a.Versions) == 1 && a.Versions[0].Version == version
}

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return b
}
