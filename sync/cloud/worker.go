package cloud

import (
	"context"
	"encoding/json"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Names of the bindings and the module that kv-sync adds to a version.
const (
	// BindingMeta is the json binding that describes the version.
	BindingMeta = "KV_SYNC"
	// BindingBlobs is the kv_namespace binding of the blobs.
	BindingBlobs = "KV_SYNC_BLOBS"
	// BindingOverlay is the durable_object_namespace binding of the overlay.
	BindingOverlay = "KV_SYNC_OVERLAY"
	// ModuleManifest is the data module that holds the served manifest. A Worker
	// imports it as "./kv-sync-manifest.bin" and gets an ArrayBuffer.
	ModuleManifest = "kv-sync-manifest.bin"
	// BindingLoader is the type of the binding of a worker loader.
	BindingLoader = "worker_loader"
)

// IsOwnBinding reports whether a binding of this name is one that kv-sync adds.
func IsOwnBinding(name string) bool {
	return name == BindingMeta || name == BindingBlobs || name == BindingOverlay
}

// MaxScriptBytes is the size of a Worker with all its modules, uncompressed, on every plan.
// Source: https://developers.cloudflare.com/workers/platform/limits/
const MaxScriptBytes = 64 << 20

// Worker is the code and the settings of a Worker version as its author wrote them.
// The engine adds the manifest and its own bindings.
type Worker struct {
	// Main is the name of the module whose default export is called.
	Main    string
	Modules []Module
	// CompatibilityDate is "YYYY-MM-DD". It is never empty: the platform's default is
	// 2021-11-02.
	CompatibilityDate  string
	CompatibilityFlags []string
	Bindings           []Binding
	// Migrations are the Durable Object migrations, oldest first. A Worker with
	// migrations to apply is uploaded as a script, not as a version.
	Migrations []Migration
	// Settings are further members of the upload's metadata that the author
	// set ("limits", "placement", "observability", "logpush" …), by name.
	Settings map[string]json.RawMessage
	// Routing says which requests the code gets before the files. If it is nil, that
	// is unknown, and no removed file stays reachable.
	Routing *manifest.Routing
	// Companion is the code of the script with the overlay's Durable Object; nil if
	// the site has no overlay.
	Companion *Worker
	// Build makes the Worker in a layout that compiles the index of its files into
	// the code. It is nil in other layouts.
	Build *Build
}

// Build makes a Worker whose code has the index of its files.
type Build struct {
	// Make writes the index to where the build looks for it, and builds. It is called
	// after all files of the index are in KV, so the built code works as soon as
	// somebody publishes it.
	Make func(ctx context.Context, index []byte) (Worker, error)
	// Binding is the name under which the code has the namespace, beside
	// [BindingBlobs], or "".
	Binding string
	// Local is the index of an earlier run, from a file of the project, or nil.
	// Files that did not change keep their time from it if KV has no record of
	// them. It is ignored if it is not an index.
	Local []byte
}

// Migration is one step of a Worker's Durable Object migrations.
type Migration struct {
	Tag string
	// Step is the object of the API's "steps" list, without the tag.
	Step json.RawMessage
}

// ScriptSettings are the members of Worker.Settings that belong to the script and not
// to a version. They are changed after the switch, as wrangler does.
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
	// Unnamed is set if the configuration does not name the resource of the binding. The
	// engine finds the resource before an upload.
	Unnamed *Unnamed
}

// Unnamed describes a binding for which the configuration names no resource, for messages.
type Unnamed struct {
	// Setting is the member of the configuration that would name the resource, and Where
	// the place to write it.
	Setting, Where string
	// Create says how to create such a resource.
	Create string
	// Hint is a further name that the configuration gives and that cannot be compared
	// with the active version, such as that of a database; or "".
	Hint string
	// Field is the member of the binding that names the resource in the API.
	Field string
	// StandIn is the value of that member if the active version has no such binding. It is "" if
	// the resource must exist, which is the case in every account of Cloudflare.
	StandIn string
}

// JSONString is a string as the value of a binding's field.
func JSONString(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return b
}
