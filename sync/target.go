package kvsync

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// script is a Worker script. Cloudflare keeps its versions and activations.
type script struct {
	cloud.Workers
	name string
}

var errCompanion = errors.New("a site with an overlay, and no other, is deployed with the code of a companion")

func (script) Admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error) {
	if overlay != (w.Companion != nil) {
		return nil, errCompanion
	}
	return nil, nil
}

func (script) InKV() bool { return false }

func (script) Distrust(bool) {}

// Leftovers implements [site.Target].
func (s script) Leftovers(ctx context.Context, kv cloud.Store) (keys []string, err error) {
	err = cloud.EachKey(ctx, kv, s.Keys().Prefix(), func(k cloud.KeyInfo) error {
		keys = append(keys, k.Name)
		return nil
	})
	return keys, err
}

// Keys implements [site.Target].
func (s script) Keys() manifest.Keys { return manifest.Keys(s.name) }

// projectTarget is a project. Its versions and activations are values of KV.
type projectTarget struct{ *project.Workers }

func (p projectTarget) Admit(w cloud.Worker, _ bool) ([]manifest.Problem, error) {
	if w.Companion != nil { // the loader of a project has the companion
		return nil, errCompanion
	}
	return project.Check(p.ID, w)
}

func (projectTarget) InKV() bool { return true }

// within is a target whose keys are those of a part of it.
type within struct {
	site.Target
	part manifest.Keys
}

// Keys implements [site.Target].
func (w within) Keys() manifest.Keys { return w.part }
