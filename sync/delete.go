package kvsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/deletion"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Deletion is what [Engine.Delete] deletes.
type Deletion struct {
	*deletion.Plan
	before []cloud.Activation
}

// PlanDelete says what Delete would delete. It only reads. It refuses a Worker of
// another tool, which takeOver allows to delete, and a site of which nothing is there.
func (e *Engine) PlanDelete(ctx context.Context, takeOver bool) (*Deletion, error) {
	if err := e.layout.Lacks(layout.CommandDelete); err != nil {
		return nil, err
	}
	l, err := e.client.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	if l.Foreign && !takeOver {
		return nil, guard.Stop(guard.Foreign, finding.CaseForeignDelete, finding.Facts{Site: e.client.Site})
	}
	of := e.layout
	if l.Meta != nil {
		of = e.layoutOf(l.Meta)
	}
	is := deletion.Live{Exists: l.Exists() || l.Foreign, Bindings: l.Version.Bindings, Keys: e.client.Keys(),
		Activation: version.ActiveID(l.Activations)}
	if l.Meta != nil {
		is.Deployment = l.Meta.Deployment
	}
	if is.Namespace, err = e.client.FindNamespace(ctx, l)(); err != nil {
		return nil, err
	}
	elsewhere := ""
	if l.Meta != nil && l.Meta.Namespace != "" && l.Meta.Namespace != is.Namespace && !e.client.Target.InKV() {
		// The keys of what is live are in the namespace that it names.
		is.Namespace, elsewhere = l.Meta.Namespace, is.Namespace
	}
	what := deletion.Subject{Site: e.client.Site, Account: e.client.Account, Workers: e.client.Target,
		Send: e.send, Project: e.client.Target.InKV(), Leftovers: of.Leftovers}
	_, what.InPlace = e.client.Target.(inPlace)
	plan, err := deletion.Make(ctx, what, is)
	if err != nil {
		return nil, err
	}
	if plan.Empty() {
		return nil, guard.Stop(guard.Target, finding.CaseNothingToDelete, finding.Facts{Site: e.client.Site})
	}
	if plan.Bound, err = e.bound(ctx, l.Version.Bindings); err != nil {
		return nil, err
	}
	if elsewhere != "" {
		plan.Notices = append(plan.Notices, manifest.ProblemOf("", finding.CaseDeleteElsewhere,
			finding.Facts{Site: e.client.Site, Name: elsewhere}))
	}
	return &Deletion{Plan: plan, before: l.Activations}, nil
}

// bound returns the namespaces that have the title that a deploy gives, and that the bindings name.
func (e *Engine) bound(ctx context.Context, bindings []cloud.Binding) ([]deletion.Namespace, error) {
	var found []deletion.Namespace
	for _, b := range bindings {
		var bound string
		if b.Type != "kv_namespace" || cloud.IsOwnBinding(b.Name) || json.Unmarshal(b.Fields["namespace_id"], &bound) != nil {
			continue
		}
		title := layout.ProvisionedTitle(e.client.Site, b.Name)
		id, err := e.client.Account.FindNamespace(ctx, title)
		if err != nil && !errors.Is(err, cloud.ErrNotFound) {
			return nil, fmt.Errorf("find the namespace %q: %w", title, err)
		}
		if err == nil && id == bound {
			found = append(found, deletion.Namespace{Binding: b.Name, Title: title, ID: id})
		}
	}
	return found, nil
}

// Delete deletes a site or a project as planned, unless somebody deployed meanwhile. It
// never touches a key of another one.
func (e *Engine) Delete(ctx context.Context, d *Deletion) error {
	err := e.checkNotOvertaken(ctx, d.before)
	if err == nil {
		e.client.Note(site.StageSwitch, "taking %s offline", e.client.Site)
		err = d.Execute(ctx)
	}
	if d.Offline {
		e.client.ForgetLive()
	}
	if errors.Is(err, cloud.ErrOvertaken) {
		return guard.Stop(guard.Overtaken, finding.CaseSwitched, finding.Facts{Site: e.client.Site})
	}
	return err
}
