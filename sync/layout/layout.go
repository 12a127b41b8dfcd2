package layout

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// MaxKeyBytes is the length of a key in Workers KV.
// Source: https://developers.cloudflare.com/kv/platform/limits/
const MaxKeyBytes = 512

// Layout describes how blobs, keys and manifests are stored in KV.
type Layout struct {
	// Name is what settings call it.
	Name string
	// InPlace is set if a deploy overwrites files in place. It creates no deployment that
	// can be listed, verified or rolled back to, and it deploys files only.
	InPlace bool
	// Compiled is set if the manifest is an index in the code of the Worker. The code is then
	// built after the files are in KV: see [cloud.Worker].Build.
	Compiled bool
	// IgnoreFiles is set if .gitignore and .ignore leave out files of a folder.
	IgnoreFiles bool

	// Root is the key without which visitors find no file, if InPlace.
	Root func(manifest.Keys) string
	// Title is the default title of the namespace.
	Title func(site string) string
	// Of returns the layout for one site, or an error if the site cannot have it.
	Of func(*site.Client) (Deployer, error)
}

// Deployer is a layout for one site. Deploy, rollback, prune, verify and history are
// written once and call it for what differs.
type Deployer interface {
	// Lacks returns why the layout does not have a command, or nil.
	Lacks(command string) error
	// Leftovers lists what Target.Delete leaves in KV, in the order in which to delete it.
	Leftovers(ctx context.Context, s cloud.Store) ([]string, error)
	// Plan compares the source of the run with what is live, and refuses what it
	// cannot deploy. d is what is known in every layout. It writes nothing.
	Plan(ctx context.Context, l *version.Live, d *Draft, r *Run) (Planned, error)
}

// Keeper is a layout that keeps deployments.
type Keeper interface {
	Deployer
	// Owns reports whether a version was deployed in this layout; false for nil.
	Owns(m *version.Meta) bool
	// RecordKey is the key of a deployment's record.
	RecordKey(deployment string) string
	// Holds is the prefix of the keys of the records of a deployment's holds.
	Holds(deployment string) string
	// Check refuses if something that a deployment serves is missing. Whatever the live
	// deployment serves, too, is assumed to exist; live is nil if it is not ours. The
	// notices say what visitors will miss.
	Check(ctx context.Context, d, live *version.Deployment) (notices []manifest.Problem, err error)
	// Contents returns the contents that a deployment serves.
	Contents(ctx context.Context, m *version.Meta) (Contents, error)
	// Prefix is the prefix of the key of everything that a deployment serves.
	Prefix() string
	// Verify adds what is missing or damaged in a deployment to its report.
	Verify(ctx context.Context, v *Verifier, d *version.Deployment, out *VerifiedDeployment) error
	// Counts reports whether a key is the site's, and whether a prune deletes it if
	// no root names it.
	Counts(key string) (own, prunable bool)
	// Sweep finds what prune may delete. It deletes nothing.
	Sweep(ctx context.Context, opt PruneOptions) (*Sweep, error)
}

// OfLayout returns l if what is live has the layout. Otherwise it returns an empty value:
// nothing of another layout is reused, not even its namespace.
func OfLayout(l *version.Live, own Keeper) *version.Live {
	if l.Meta == nil || own.Owns(l.Meta) {
		return l
	}
	return &version.Live{}
}

// Planned is a draft of one layout.
type Planned interface {
	// Base is the part of the draft that all layouts have. A [draft] has it.
	Base() *Draft
	// Write shows the plan, writes everything that the switch relies on, and
	// returns after each key is confirmed; nil if the live version stays.
	Write(ctx context.Context) (*Prepared, error)
}

// Ahead is a plan of a layout that has an upload ahead.
type Ahead interface {
	Planned
	// UploadAhead uploads the blobs of the plan, and reports whether a deploy of its
	// commit does not have to upload them.
	UploadAhead(ctx context.Context) (uploaded int, receipt bool, err error)
}

// The commands that a layout may lack.
const (
	CommandAhead    = "upload ahead"
	CommandRollback = "rollback"
	CommandPrune    = "prune"
	CommandHistory  = "history"
	CommandVerify   = "verify"
	CommandPull     = "pull"
	CommandDelete   = "delete"
)
