package layout

import (
	"context"
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

// Release is a deployment before it is sent: the version to upload, and the values that
// are written with its blobs.
type Release struct {
	ID     string
	Meta   version.Meta
	Upload cloud.Upload
	Values []*upload.Item // the stored manifest and the records
	// Started is the earliest time at which a blob of the deployment may have been
	// written by this run.
	Started time.Time
}

// Served identifies what a deployment serves: a manifest, or the hash of an
// index.
type Served struct {
	Manifest, Index string
	// Next is that of [version.Meta]. InParts is set if Manifest is a root.
	Next    string
	InParts bool
	// Keeper is the layout, for the keys of the records.
	Keeper Keeper
}

// Describe makes the release of a plan: the metadata of its version, and its record.
func (r *Run) Describe(l *version.Live, d *Draft, serves Served, url string) (*Release, error) {
	c := r.Client
	out := &Release{ID: manifest.DeploymentID(r.Nonce), Started: d.started(r)}
	o := d.Manifest.Origin
	out.Meta = version.Meta{
		Format: version.FormatWhole, Site: c.ID(), Deployment: out.ID, Manifest: serves.Manifest, Next: serves.Next,
		Index:  serves.Index,
		Source: o.ID,
		Worker: d.Hash,
		Commit: o.Commit, Namespace: r.Namespace, URL: url, Pruned: c.Time().Unix(), Files: d.Manifest.Len(),
		Overlay: c.OverlayOf(d.Worker), Forgets: d.Forgot != nil, Repository: o.Repository, Policy: c.Policy(),
	}
	if serves.InParts {
		out.Meta.Format = version.Format
	}
	if l.Meta != nil {
		out.Meta.Migration = l.Meta.Migration
	}
	if o.Commit == "" {
		out.Meta.After = l.Commit()
	}
	if l.Meta != nil && !d.PruneDue {
		out.Meta.Pruned = l.Meta.Pruned
	}
	if n := len(d.Worker.Migrations); n > 0 {
		out.Meta.Migration = d.Worker.Migrations[n-1].Tag
	}
	described := version.Record{
		Format: version.RecordFormat, Deployment: out.ID, Site: c.ID(),
		Manifest: serves.Manifest, Next: serves.Next, Index: serves.Index,
		Source: o.ID,
		Commit: o.Commit,
		Branch: o.Branch, Subject: o.Subject, Author: o.Author, Dirty: o.Dirty, Repository: o.Repository, Actor: c.Actor,
		Time:     c.Time().UTC().Truncate(time.Second),
		Previous: d.Live, Files: d.Manifest.Len(), Added: len(d.Added), Changed: len(d.Changed),
		Removed: len(d.Removed), Unchanged: d.Unchanged, Policy: c.Policy(),
		Forgot: d.Forgot,
	}
	if !c.Target.InKV() {
		described.Past = version.PastOf(l)
	}
	record, err := json.Marshal(described)
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	out.Values = []*upload.Item{upload.Value("the record", serves.Keeper.RecordKey(out.ID), record)}
	if hold := l.CarriedHold(o); hold != "" && !c.Target.InKV() {
		b, err := r.carriedHold(l, out.ID, hold).Encode()
		if err != nil {
			return nil, err
		}
		out.Values = append(out.Values, upload.Value("the hold", serves.Keeper.Holds(out.ID)+r.Nonce.String(), b))
	}
	return out, nil
}

// carriedHold returns the record of a hold that a new deployment takes over from the live
// one.
func (r *Run) carriedHold(l *version.Live, deployment, hold string) *version.HoldRecord {
	out := &version.HoldRecord{Format: version.HoldFormat, Site: r.Client.ID(), Deployment: deployment, Hold: hold,
		Over: version.ActiveID(l.Activations)}
	if l.Recalled != nil && l.Recalled.Hold == hold {
		out.Held = l.Recalled.Held
	}
	return out
}

// Version returns the Worker as it is sent: with the bindings of its author, those of
// kv-sync, and all others of the active version. It inherits from no other version, so
// that settings of a refused or a preview version cannot reach production.
func (r *Run) Version(l *version.Live, w cloud.Worker, o manifest.Origin, meta version.Meta) (cloud.Upload, error) {
	says := version.Message{Deployment: meta.Deployment, Commit: o.Commit, Hold: l.CarriedHold(o),
		Over: version.ActiveID(l.Activations), Has: version.Contained(l.Activations)}
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
		namespaceBinding(cloud.BindingBlobs, meta.Namespace),
		cloud.Binding{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": described}})
	if companion {
		u.Bindings = append(u.Bindings, cloud.Binding{Name: cloud.BindingOverlay, Type: "durable_object_namespace",
			Fields: map[string]json.RawMessage{
				"class_name":  cloud.JSONString(overlay.Class),
				"script_name": cloud.JSONString(overlay.CompanionName(r.Client.Site)),
			}})
	}
	for _, b := range l.CarriedOver(mine) {
		u.Bindings = append(u.Bindings, inherited(l, b.Name))
	}
	return u, nil
}

// inherited returns a binding that the new version inherits from the active one.
func inherited(l *version.Live, name string) cloud.Binding {
	return cloud.Binding{Name: name, Type: "inherit",
		Fields: map[string]json.RawMessage{"version_id": cloud.JSONString(l.Version.ID)}}
}

// namespaceBinding returns a binding of a KV namespace.
func namespaceBinding(name, id string) cloud.Binding {
	return cloud.Binding{Name: name, Type: typeKV,
		Fields: map[string]json.RawMessage{"namespace_id": cloud.JSONString(id)}}
}

// Prepared is a release after all its keys were confirmed, and the version to switch to.
// The version is "" if the switch uploads it.
type Prepared struct {
	*Release
	Version string
	// InPlace is the switch of a layout that overwrites files in place; else nil.
	InPlace func(context.Context) error
	// Enabled returns the result of switching on the address of a first deployment.
	Enabled chan error
}

// UploadVersion uploads the code of the release, unless the script does not exist or
// the switch uploads it.
func (r *Run) UploadVersion(ctx context.Context, l *version.Live, rel *Prepared) (err error) {
	if !l.Exists() || rel.Upload.Apply != nil {
		return nil
	}
	if rel.Version, err = r.Client.Target.UploadVersion(ctx, rel.Upload); err != nil {
		return fmt.Errorf("upload the new version of %s: %w", r.Client.Site, err)
	}
	return nil
}

// Migrations returns the Durable Object migrations that the script has not applied yet,
// or nil.
func (r *Run) Migrations(ctx context.Context, l *version.Live, w cloud.Worker) (*cloud.MigrationPlan, error) {
	if len(w.Migrations) == 0 {
		return nil, nil
	}
	var tag string
	switch {
	case l.Meta != nil:
		tag = l.Meta.Migration
	case l.Exists():
		var err error
		if tag, err = r.Client.Target.MigrationTag(ctx); err != nil {
			return nil, fmt.Errorf("read the migrations of %s: %w", r.Client.Site, err)
		}
	}
	steps := w.Migrations
	for i, m := range w.Migrations {
		if m.Tag == tag {
			steps = w.Migrations[i+1:]
		}
	}
	if len(steps) == 0 {
		return nil, nil
	}
	if tag != "" && len(steps) == len(w.Migrations) {
		return nil, finding.New(finding.CaseMigrations, finding.Facts{Site: r.Client.Site, What: fmt.Sprintf("%q", tag)})
	}
	plan := &cloud.MigrationPlan{OldTag: tag, NewTag: steps[len(steps)-1].Tag}
	for _, m := range steps {
		plan.Steps = append(plan.Steps, m.Step)
	}
	return plan, nil
}
