package kvsync

import (
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
)

// target is what a deploy switches: a Worker script, or a project.
type target interface {
	cloud.Workers
	// admit refuses a Worker that cannot run there, and returns notices about
	// settings that have no effect.
	admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error)
	// inKV reports whether versions and activations are values in KV. Then a switch
	// is eventually consistent and the last write wins; all versions are ours; each
	// may have 25 MiB; their number is limited; their times are from the machines
	// that deployed; and each activation costs writes.
	inKV() bool
	// distrust sets whether to ignore that something is live, so that it is written
	// again.
	distrust(live bool)
}

// script is a Worker script. Cloudflare keeps its versions and activations.
type script struct{ cloud.Workers }

var errCompanion = errors.New("a site with an overlay, and no other, is deployed with the code of a companion")

func (script) admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error) {
	if overlay != (w.Companion != nil) {
		return nil, errCompanion
	}
	return nil, nil
}

func (script) inKV() bool { return false }

func (script) distrust(bool) {}

// projectTarget is a project. Its versions and activations are values of KV.
type projectTarget struct{ *project.Workers }

func (p projectTarget) admit(w cloud.Worker, _ bool) ([]manifest.Problem, error) {
	if w.Companion != nil { // the loader of a project has the companion
		return nil, errCompanion
	}
	return project.Check(p.ID, w)
}

func (projectTarget) inKV() bool { return true }

func (p projectTarget) distrust(live bool) { p.Distrust(live) }
