package kvsync

import (
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
)

// script is a Worker script. Cloudflare keeps its versions and activations.
type script struct{ cloud.Workers }

var errCompanion = errors.New("a site with an overlay, and no other, is deployed with the code of a companion")

func (script) Admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error) {
	if overlay != (w.Companion != nil) {
		return nil, errCompanion
	}
	return nil, nil
}

func (script) InKV() bool { return false }

func (script) Distrust(bool) {}

// projectTarget is a project. Its versions and activations are values of KV.
type projectTarget struct{ *project.Workers }

func (p projectTarget) Admit(w cloud.Worker, _ bool) ([]manifest.Problem, error) {
	if w.Companion != nil { // the loader of a project has the companion
		return nil, errCompanion
	}
	return project.Check(p.ID, w)
}

func (projectTarget) InKV() bool { return true }
