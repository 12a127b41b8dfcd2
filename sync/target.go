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

// inPlace is a target whose files are overwritten in place. It has no activations.
type inPlace struct {
	site.Target
	root func(manifest.Keys) string
}

// Activations implements [cloud.Workers].
func (inPlace) Activations(context.Context) ([]cloud.Activation, error) {
	return nil, cloud.ErrNotFound
}

// Delete implements [cloud.Workers]. Without the manifest the loader finds no file.
func (p inPlace) Delete(ctx context.Context) error {
	return p.Target.(projectTarget).DeleteKey(ctx, p.root(p.Keys()))
}
