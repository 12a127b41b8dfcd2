package layout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// typeKV is the type of the only bindings whose resource a deploy creates.
const typeKV = "kv_namespace"

// FindResources adds to the plan the resources that the configuration does not name. Like
// with wrangler, the new version inherits such a binding from the active version. If that
// has no binding of the name, a KV namespace is found by the title that wrangler would give
// to it, or the deploy will create it. Any other binding gets its stand-in, or is refused if it
// has none. It writes nothing.
func (d *Draft) FindResources(ctx context.Context, l *version.Live, bindings []cloud.Binding, c *site.Client) error {
	for _, b := range bindings {
		if b.Unnamed == nil {
			continue
		}
		facts := finding.Facts{Name: b.Name, Key: b.Unnamed.Setting, Path: b.Unnamed.Where,
			What: b.Unnamed.Create, From: b.Unnamed.Hint}
		resource := plan.Resource{Binding: b.Name}
		switch {
		case slices.ContainsFunc(l.Version.Bindings, func(live cloud.Binding) bool { return inheritable(b, live) }):
			if b.Unnamed.Hint != "" && b.Unnamed.StandIn == "" {
				d.Notices = append(d.Notices, manifest.ProblemOf(b.Unnamed.Where, finding.CaseNameUnchecked, facts))
			}
		case b.Unnamed.StandIn != "":
			continue // Provide gives it to the binding
		case b.Type != typeKV:
			return guard.Stop(guard.Resource, finding.CaseNoResource, facts)
		default:
			var err error
			resource.Title = ProvisionedTitle(c.Site, b.Name)
			resource.ID, err = c.Account.FindNamespace(ctx, resource.Title)
			if err != nil && !errors.Is(err, cloud.ErrNotFound) {
				return fmt.Errorf("find the namespace %q: %w", resource.Title, err)
			}
			if d.takes(resource) || isOwn(resource, l, c) {
				facts.From = resource.Title
				return guard.Stop(guard.Resource, finding.CaseTitleTaken, facts)
			}
		}
		d.Resources = append(d.Resources, resource)
	}
	return nil
}

// takes reports whether another binding gets the same namespace. Bindings A_B and a_b, for
// example, have the same title.
func (d *Draft) takes(resource plan.Resource) bool {
	return slices.ContainsFunc(d.Resources, func(other plan.Resource) bool { return other.Title == resource.Title })
}

// isOwn reports whether a namespace is the one with the files of sites. Code must not get
// write access to it only because of its title: for the binding SYNC of a site "kv" the
// title is "kv-sync".
func isOwn(resource plan.Resource, l *version.Live, c *site.Client) bool {
	return resource.Title == c.NamespaceTitle || resource.ID != "" &&
		(resource.ID == c.Namespace || l.Meta != nil && resource.ID == l.Meta.Namespace)
}

// inheritable reports whether a binding of the active version is the binding b, whose
// resource the configuration does not name.
func inheritable(b, live cloud.Binding) bool {
	if live.Name != b.Name || live.Type != b.Type {
		return false
	}
	for name, value := range b.Fields {
		if !bytes.Equal(live.Fields[name], value) {
			return false
		}
	}
	return len(live.Fields["jurisdiction"]) == 0 || len(b.Fields["jurisdiction"]) > 0
}

// ProvisionedTitle returns the title of the namespace that wrangler creates for a binding.
// Source: workers-sdk, packages/deploy-helpers/src/deploy/helpers/provision-bindings.ts.
func ProvisionedTitle(script, binding string) string {
	return script + "-" + strings.ReplaceAll(strings.ToLower(binding), "_", "-")
}

// Provide creates the namespaces that FindResources did not find, and completes the bindings
// of a Worker.
func (r *Run) Provide(ctx context.Context, l *version.Live, w *cloud.Worker, found []plan.Resource) error {
	w.Bindings = slices.Clone(w.Bindings)
	for i, b := range w.Bindings {
		if b.Unnamed != nil && b.Unnamed.StandIn != "" {
			w.Bindings[i] = standIn(b)
		}
	}
	for _, resource := range found {
		i := slices.IndexFunc(w.Bindings, func(b cloud.Binding) bool { return b.Name == resource.Binding })
		if resource.Title == "" {
			w.Bindings[i] = inherited(l, resource.Binding)
			continue
		}
		id := resource.ID
		if id == "" {
			var err error
			if id, err = r.Client.Account.CreateNamespace(ctx, resource.Title); err != nil {
				return fmt.Errorf("create the namespace %q: %w", resource.Title, err)
			}
		}
		w.Bindings[i] = namespaceBinding(resource.Binding, id)
	}
	return nil
}

// standIn returns a binding that names its stand-in as its resource.
func standIn(b cloud.Binding) cloud.Binding {
	fields := maps.Clone(b.Fields)
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields[b.Unnamed.Field] = cloud.JSONString(b.Unnamed.StandIn)
	return cloud.Binding{Name: b.Name, Type: b.Type, Fields: fields}
}
