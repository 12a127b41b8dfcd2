package kvsync

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
)

// release is what is known of a deployment before it is sent: the version to upload,
// and the two values that are written with its blobs.
type release struct {
	id     string
	meta   version.Meta
	upload cloud.Upload
	values []*upload.Item // the stored manifest and the record
	stored []byte
	// started is the earliest time at which this run may have written a blob of it.
	started time.Time
}

// servedContent identifies what a deployment serves: a manifest, or the hash of an
// index.
type servedContent struct {
	manifest, index string
	// recordKey returns the key of a deployment's record in the layout.
	recordKey func(deployment string) string
}

// describe makes the release of a plan: the description in its version, and its record.
func (e *Engine) describe(l *version.Live, p *draft, r *run, serves servedContent, url string) (*release, error) {
	out := &release{id: manifest.DeploymentID(r.nonce), started: p.started(r)}
	o := p.manifest.Origin
	out.meta = version.Meta{
		Format: version.Format, Site: e.ID(), Deployment: out.id, Manifest: serves.manifest, Index: serves.index,
		Source: o.ID,
		Worker: p.hash,
		Commit: o.Commit, Namespace: r.namespace, URL: url, Pruned: e.Time().Unix(), Files: len(p.manifest.Assets),
		Overlay: e.overlayOf(p.worker), Repository: o.Repository, Policy: e.Policy(),
	}
	if l.Meta != nil {
		out.meta.Migration = l.Meta.Migration
	}
	if o.Commit == "" {
		out.meta.After = l.Commit()
	}
	if l.Meta != nil && !p.PruneDue {
		out.meta.Pruned = l.Meta.Pruned
	}
	if n := len(p.worker.Migrations); n > 0 {
		out.meta.Migration = p.worker.Migrations[n-1].Tag
	}
	record, err := json.Marshal(version.Record{
		Format: version.RecordFormat, Deployment: out.id, Site: e.ID(), Manifest: serves.manifest, Index: serves.index,
		Source: o.ID,
		Commit: o.Commit,
		Branch: o.Branch, Subject: o.Subject, Author: o.Author, Dirty: o.Dirty, Repository: o.Repository, Actor: e.Actor,
		Time:     e.Time().UTC().Truncate(time.Second),
		Previous: p.Live, Files: len(p.manifest.Assets), Added: len(p.Added), Changed: len(p.Changed),
		Removed: len(p.Removed), Unchanged: p.Unchanged, Policy: e.Policy(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	out.values = []*upload.Item{upload.Value("the record", serves.recordKey(out.id), record)}
	return out, nil
}

// version is the Worker as it is sent: with the bindings of its author, those of
// kv-sync, and all others of the active version. It inherits from the active version
// only, so that settings of a refused or a preview version cannot reach production.
func (e *Engine) version(l *version.Live, w cloud.Worker, o manifest.Origin, meta version.Meta) (cloud.Upload, error) {
	says := version.Message{Deployment: meta.Deployment, Commit: o.Commit, Hold: l.CarriedHold(o),
		Over: activeID(l.Activations)}
	u := cloud.Upload{Worker: w, Message: says.Text(o.Subject), Tag: meta.Deployment}
	mine := map[string]bool{cloud.BindingMeta: true, cloud.BindingBlobs: true}
	companion := w.Companion != nil
	if companion {
		mine[cloud.BindingOverlay] = true
	}
	for _, b := range u.Bindings {
		if mine[b.Name] {
			return cloud.Upload{}, finding.New(finding.CaseBindingTaken, finding.Facts{Name: b.Name})
		}
		mine[b.Name] = true
	}
	for name := range mine {
		meta.Bindings = append(meta.Bindings, name)
	}
	slices.Sort(meta.Bindings)
	described, err := json.Marshal(meta)
	if err != nil {
		return cloud.Upload{}, fmt.Errorf("encode binding %s: %w", cloud.BindingMeta, err)
	}
	u.Bindings = append(slices.Clone(u.Bindings),
		cloud.Binding{Name: cloud.BindingBlobs, Type: "kv_namespace",
			Fields: map[string]json.RawMessage{"namespace_id": cloud.JSONString(meta.Namespace)}},
		cloud.Binding{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": described}})
	if companion {
		u.Bindings = append(u.Bindings, cloud.Binding{Name: cloud.BindingOverlay, Type: "durable_object_namespace",
			Fields: map[string]json.RawMessage{
				"class_name": cloud.JSONString(overlay.Class), "script_name": cloud.JSONString(overlay.CompanionName(e.Site)),
			}})
	}
	for _, b := range l.CarriedOver(mine) {
		u.Bindings = append(u.Bindings, cloud.Binding{Name: b.Name, Type: "inherit",
			Fields: map[string]json.RawMessage{"version_id": cloud.JSONString(l.Version.ID)}})
	}
	return u, nil
}
