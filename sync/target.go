package kvsync

import "errors"

// target is what a deploy switches: a Worker script, or a project.
type target interface {
	Workers
	// admit refuses a Worker that cannot run there, and says which of its settings
	// have no effect.
	admit(w Worker, overlay bool) ([]Problem, error)
	// inKV reports whether versions and activations are values of KV. Then a switch
	// is eventually consistent, and the last write wins; all versions are ours; each
	// may have 25 MiB; their number is bounded; their times are those of the
	// machines that deployed; and each activation costs writes.
	inKV() bool
	// distrust says whether what is live is not believed to be there, so that it is
	// written again.
	distrust(live bool)
}

// script is a Worker script. Cloudflare keeps its versions and activations.
type script struct{ Workers }

var errCompanion = errors.New("a site with an overlay, and no other, is deployed with the code of a companion")

func (script) admit(w Worker, overlay bool) ([]Problem, error) {
	if overlay != (w.Companion != nil) {
		return nil, errCompanion
	}
	return nil, nil
}

func (script) inKV() bool { return false }

func (script) distrust(bool) {}

// projectTarget is a project. Its versions and activations are values of KV.
type projectTarget struct{ *projectWorkers }

func (p projectTarget) admit(w Worker, _ bool) ([]Problem, error) {
	if w.Companion != nil { // that of a project is its loader's
		return nil, errCompanion
	}
	return checkProject(p.ID, w)
}

func (projectTarget) inKV() bool { return true }

func (p projectTarget) distrust(live bool) { p.Distrust(live) }
