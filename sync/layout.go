package kvsync

import (
	"context"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// maxKeyBytes is the length of a key in Workers KV.
// Source: https://developers.cloudflare.com/kv/platform/limits/
const maxKeyBytes = 512

// Layout describes how blobs, keys and manifests are stored in KV.
type Layout struct {
	// Name is what settings call it.
	Name string
	// InPlace: a deploy overwrites files in place. It creates no deployment that
	// can be listed, verified or rolled back to, and it deploys files only.
	InPlace bool
	// Compiled: the manifest is an index in the code of the Worker, so the code is
	// built after the files are in KV: see [cloud.Worker].Build.
	Compiled bool
	// IgnoreFiles: .gitignore and .ignore leave out files of a folder.
	IgnoreFiles bool

	// title is the default title of the namespace.
	title func(site string) string
	of    func(*Engine) (layout, error)
}

// Layouts lists all layouts, the default one first. It is the only place that registers
// layouts.
func Layouts() []Layout {
	return []Layout{contentLayout, kvAssetsLayout, pathnameLayout}
}

// LayoutNamed finds a layout by its name. "" names the default one.
func LayoutNamed(name string) (Layout, error) {
	for _, l := range Layouts() {
		if l.Name == name || name == "" {
			return l, nil
		}
	}
	return Layout{}, fmt.Errorf("there is no layout %.80q", name)
}

// layout is a layout for one engine. Deploy, rollback, prune, verify and history are
// written once and call it for what differs.
type layout interface {
	// lacks returns why the layout does not have a command, or nil.
	lacks(command string) error
	// plan compares the source of the run with what is live, and refuses what it
	// cannot deploy. d is what is known in every layout. It writes nothing.
	plan(ctx context.Context, l *version.Live, d *draft, r *run) (planned, error)
}

// keeper is a layout that keeps deployments.
type keeper interface {
	layout
	// owns reports whether a version was deployed in this layout; false for nil.
	owns(m *version.Meta) bool
	// recordKey is the key of a deployment's record.
	recordKey(deployment string) string
	// check refuses if something that a deployment serves is missing. The notices
	// say what visitors will miss.
	check(ctx context.Context, d *version.Deployment) (notices []manifest.Problem, err error)
	// prefix begins the key of everything that a deployment serves.
	prefix() string
	// verify adds what is missing or damaged in a deployment to its report.
	verify(ctx context.Context, v *verifier, d *version.Deployment, out *VerifiedDeployment) error
	// counts reports whether a key is the site's, and whether a prune deletes it if
	// no root names it.
	counts(key string) (own, prunable bool)
	// sweep finds what prune may delete. It deletes nothing.
	sweep(ctx context.Context, opt PruneOptions) (*sweep, error)
}

// planned is a draft of one layout.
type planned interface {
	// base is the part of the draft that all layouts have.
	base() *draft
	// write shows the plan, writes everything that the switch relies on, and
	// returns after each key is confirmed; nil if the live version stays.
	write(ctx context.Context) (*prepared, error)
}

// The commands that a layout may lack.
const (
	commandAhead    = "upload ahead"
	commandRollback = "rollback"
	commandPrune    = "prune"
	commandHistory  = "history"
	commandVerify   = "verify"
	commandPull     = "pull"
	commandDelete   = "delete"
)

// keeper is the engine's layout, or why it does not have the command.
func (e *Engine) keeper(command string) (keeper, error) {
	if err := e.layout.lacks(command); err != nil {
		return nil, err
	}
	return e.layout.(keeper), nil
}

// CheckAhead returns why the layout has no upload ahead, or nil. A caller can use it
// before it makes a Worker.
func (e *Engine) CheckAhead() error { return e.layout.lacks(commandAhead) }

// layoutOf is the layout in which a version of ours was deployed. The default layout
// comes last: it does not mark its versions.
func (e *Engine) layoutOf(m *version.Meta) keeper {
	for _, known := range slices.Backward(Layouts()) {
		if l, err := known.of(e); err == nil {
			if k, ok := l.(keeper); ok && k.owns(m) {
				return k
			}
		}
	}
	return &contentAddressed{e}
}
