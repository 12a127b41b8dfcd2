package kvsync

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// script is a Worker script. Cloudflare keeps its versions and activations.
type script struct {
	cloud.Workers
	name string
}

var errCompanion = errors.New("a companion must be given for a site with an overlay, and for no other site")

func (script) Admit(w cloud.Worker, overlay bool) ([]manifest.Problem, error) {
	if overlay != (w.Companion != nil) {
		return nil, errCompanion
	}
	return nil, nil
}

func (s script) Fits(w cloud.Worker, served int, limits site.Limits) error {
	size := served
	for _, m := range w.Modules {
		size += len(m.Content)
	}
	if size <= limits.Script {
		return nil
	}
	return guard.Stop(guard.Size, finding.CaseScriptSize, finding.Facts{
		Site: s.name, What: humanize.Mebibytes(int64(served)), Than: humanize.Mebibytes(int64(limits.Script)),
		From: humanize.Mebibytes(int64(size)),
	})
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

func (p projectTarget) Fits(w cloud.Worker, served int, limits site.Limits) error {
	facts := func(size, limit int) finding.Facts {
		return finding.Facts{Site: "project " + p.ID, What: humanize.Mebibytes(int64(size)),
			Than: humanize.Mebibytes(int64(limit))}
	}
	if served > limits.Value {
		return guard.Stop(guard.Size, finding.CaseServedSize, facts(served, limits.Value))
	}
	code, err := project.CodeSize(w)
	if err != nil {
		return err
	}
	if code > limits.Value/2 {
		return guard.Stop(guard.Size, finding.CaseCodeSize, facts(code, limits.Value/2))
	}
	return nil
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
