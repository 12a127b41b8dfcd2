package cloud

import (
	"context"
	"encoding/json"
)

// Workers is one Worker script of an account. Its methods are safe for concurrent
// use. Those that switch (Activate, PutScript) are sent once: if the answer is lost
// they return an error that wraps ErrUnknown, and the caller asks which version is
// active before it does anything else.
type Workers interface {
	// Activations lists the deployments, the active one first, or returns ErrNotFound
	// if the script does not exist.
	Activations(ctx context.Context) ([]Activation, error)
	// Version reads one version with its bindings.
	Version(ctx context.Context, id string) (Version, error)
	// UploadVersion creates a version that no visitor sees and returns its id.
	// It may be retried: a version that is never activated does no harm.
	UploadVersion(ctx context.Context, u Upload) (id string, err error)
	// MigrationTag returns the tag of the last Durable Object migration that the
	// script has applied, or "".
	MigrationTag(ctx context.Context) (string, error)
	// Activate gives the versions all traffic: the switch. Without force it returns
	// ErrSecretChanged for a version that has an older value of a secret than the
	// active one.
	Activate(ctx context.Context, versions []Share, message string, force bool) error
	// PutScript uploads and switches in one step, for the first deployment and
	// for migrations.
	PutScript(ctx context.Context, u Upload) error
	// PatchSettings changes settings that belong to the script (see [ScriptSettings]).
	// Other settings stay as they are.
	PatchSettings(ctx context.Context, settings map[string]json.RawMessage) error
	// URL returns the address under workers.dev that the script has or would have, or
	// "" if the account has no subdomain.
	URL(ctx context.Context) (string, error)
	// URLEnabled reports whether the script is reachable under workers.dev.
	URLEnabled(ctx context.Context) (bool, error)
	// EnableURL makes the script reachable under workers.dev.
	EnableURL(ctx context.Context) error
	// Delete deletes the script with its versions and Durable Objects. It returns nil
	// if the script does not exist, so it may be repeated. It is refused while another
	// script is bound to this one.
	Delete(ctx context.Context) error
}
