package scripts

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Exports declare which Durable Object classes a script has, in place of migrations. A
// deployment reconciles them with the classes that exist: it creates what is missing, and
// deletes, renames or transfers classes as their entries say. Every class needs an entry.
// https://developers.cloudflare.com/durable-objects/reference/durable-objects-migrations/

// export is an entry of exports. It declares a live class, or says what happened to a former one.
type export struct {
	Type          string `json:"type"`
	State         string `json:"state,omitempty"`
	Storage       string `json:"storage,omitempty"`
	RenamedTo     string `json:"renamed_to,omitempty"`
	TransferredTo string `json:"transferred_to,omitempty"`
	TransferFrom  string `json:"transfer_from,omitempty"`
}

// objectExports returns the entries of Durable Object classes by name, or nil if the metadata
// have no exports. Other entries do not concern classes.
func (m *uploadMetadata) objectExports() (map[string]export, *api.Error) {
	raw := m.all["exports"]
	if raw == nil {
		return nil, nil
	}
	entries := map[string]export{}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, api.Failure(http.StatusBadRequest, 10026, "could not parse the exports: %v", err)
	}
	maps.DeleteFunc(entries, func(_ string, e export) bool { return e.Type != "durable-object" })
	if len(entries) > 0 && m.Migrations != nil {
		return nil, api.Failure(http.StatusBadRequest, 10021, "exports and migrations are mutually exclusive")
	}
	return entries, nil
}

// live reports whether an entry declares a class that the script has.
func (e export) live() bool { return e.State == "" || e.State == "created" }

// reconciliation is the report of an upload with exports, as the API shows it.
type reconciliation struct {
	Created         []string         `json:"created"`
	Updated         []string         `json:"updated"`
	Deleted         []string         `json:"deleted"`
	Renamed         []map[string]any `json:"renamed"`
	Transferred     []map[string]any `json:"transferred"`
	TransferPending []map[string]any `json:"transfer_pending"`
	Warnings        []exportDetail   `json:"warnings"`
	Info            []exportDetail   `json:"info"`
	Removable       []string         `json:"removable_entries"`

	refused []exportDetail
}

// exportDetail says why a class is refused, or that its entry did nothing.
type exportDetail struct {
	Class       string   `json:"class"`
	Scenario    string   `json:"scenario"`
	Message     string   `json:"message"`
	Referencing []string `json:"referencing_scripts,omitempty"`
}

// errReconciliation is the refusal of exports, with the problem of each class.
func errReconciliation(details ...exportDetail) *api.Error {
	var messages []string
	for _, d := range details {
		messages = append(messages, fmt.Sprintf("[%s] class '%s': %s", d.Scenario, d.Class, d.Message))
	}
	apiErr := api.Failure(http.StatusBadRequest, 100402, "%s", strings.Join(messages, "; "))
	apiErr.Meta = map[string]any{"details": details}
	return apiErr
}

func (r *reconciliation) refuse(class, scenario, format string, args ...any) {
	r.refused = append(r.refused, exportDetail{Class: class, Scenario: scenario, Message: fmt.Sprintf(format, args...)})
}

// stale notes an entry for a class that does not exist any more.
func (r *reconciliation) stale(class string) {
	r.Info = append(r.Info, exportDetail{Class: class, Scenario: "stale_tombstone",
		Message: "the class has no Durable Object namespace; this entry does nothing"})
	r.Removable = append(r.Removable, class)
}

// reconcile applies exports to the classes of a draft. A script that has declared its classes by
// exports once needs exports from then on: with nil, each of its classes is missing. s.mu is held.
func (a *Account) reconcile(d *Draft, exports map[string]export) (*reconciliation, *api.Error) {
	if len(exports) == 0 && !d.Declared {
		return nil, nil
	}
	r := &reconciliation{Created: []string{}, Updated: []string{}, Deleted: []string{}, Renamed: []map[string]any{},
		Transferred: []map[string]any{}, TransferPending: []map[string]any{}, Warnings: []exportDetail{},
		Info: []exportDetail{}, Removable: []string{}}
	before := d.Classes
	d.Classes, d.Pending, d.Declared = cloned(d.Classes), cloned(d.Pending), true
	for class := range before {
		if _, ok := exports[class]; !ok {
			r.refuse(class, "provisioned_class_missing_from_config", "the class has a provisioned Durable Object namespace, "+
				"but is not declared in exports; declare it, or what happened to it")
		}
	}
	// Entries that end a class come first, because a new class may have the name of a renamed one.
	for _, class := range slices.Sorted(maps.Keys(exports)) {
		if !exports[class].live() {
			a.endClass(d, r, class, exports)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(exports)) {
		if e := exports[class]; e.live() {
			d.declare(r, class, e)
		}
	}
	if len(r.refused) > 0 {
		return nil, errReconciliation(r.refused...)
	}
	if !maps.Equal(before, d.Classes) {
		d.Lifecycle++
	}
	return r, nil
}

func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// declare creates a live class that does not exist yet.
func (d *Draft) declare(r *reconciliation, class string, e export) {
	existing, ok := d.Classes[class]
	switch {
	case ok && existing.SQLite != (e.Storage == "sqlite"), !ok && e.Storage != "sqlite":
		r.refuse(class, "storage_type_mismatch", "the storage %q is not that of the class; a new class has sqlite", e.Storage)
	case !ok:
		d.Classes[class] = Class{SQLite: true, Namespace: api.NewID()}
		r.Created = append(r.Created, class)
	}
}

// endClass deletes, renames or transfers a class, or waits for one that is transferred.
func (a *Account) endClass(d *Draft, r *reconciliation, class string, exports map[string]export) {
	e := exports[class]
	existing, ok := d.Classes[class]
	switch {
	case e.State == "expecting-transfer":
		a.awaitClass(d, r, class, e)
	case e.State != "deleted" && e.State != "renamed" && e.State != "transferred":
		r.refuse(class, "invalid_export", "unknown state %q", e.State)
	case !ok:
		r.stale(class)
	case e.State == "deleted":
		if users := a.usersOf(d.Name, existing.Namespace); len(users) > 0 {
			r.refused = append(r.refused, exportDetail{Class: class, Scenario: "tombstone_delete_blocked_by_external_bindings",
				Message: "other Workers are bound to the class", Referencing: users})
			return
		}
		delete(d.Classes, class)
		r.Deleted = append(r.Deleted, class)
	case e.State == "renamed":
		to, declared := exports[e.RenamedTo]
		if _, occupied := d.Classes[e.RenamedTo]; occupied {
			r.refuse(class, "tombstone_renamed_to_occupied", "the class %q has a namespace already", e.RenamedTo)
			return
		}
		if !declared || !to.live() {
			r.refuse(class, "config_references_nonexistent_class", "the class %q is not declared in exports", e.RenamedTo)
			return
		}
		delete(d.Classes, class)
		d.Classes[e.RenamedTo] = existing
		r.Renamed = append(r.Renamed, map[string]any{"from": class, "to": e.RenamedTo})
	default:
		a.handOver(d, r, class, e.TransferredTo)
	}
}

// handOver transfers a class to a script that expects it.
func (a *Account) handOver(d *Draft, r *reconciliation, class, to string) {
	target := a.Scripts[to]
	switch {
	case target == nil:
		r.refuse(class, "transferred_target_missing", "the script %q does not exist", to)
	case target.Pending[class] != d.Name:
		r.refuse(class, "transferred_pending_not_found", "the script %q does not expect the class", to)
	default:
		d.classesOf(target)[class] = d.Classes[class]
		delete(d.Classes, class)
		r.Transferred = append(r.Transferred, map[string]any{"class": class, "phase": "committed", "to": to})
	}
}

// awaitClass records that a class will be transferred from another script.
func (a *Account) awaitClass(d *Draft, r *reconciliation, class string, e export) {
	if _, ok := d.Classes[class]; ok {
		r.Info = append(r.Info, exportDetail{Class: class, Scenario: "transfer_receive_already_applied",
			Message: "the class was transferred; declare it as a live one"})
		return
	}
	from := a.Scripts[e.TransferFrom]
	if from == nil || from.Name == d.Name {
		r.refuse(class, "phase_one_transfer_source_missing", "the script %q does not exist", e.TransferFrom)
		return
	}
	if _, ok := from.Classes[class]; !ok {
		r.refuse(class, "phase_one_transfer_source_namespace_missing", "the script %q has no such class", e.TransferFrom)
		return
	}
	d.Pending[class] = e.TransferFrom
	r.TransferPending = append(r.TransferPending, map[string]any{"class": class, "from": e.TransferFrom})
}

// usersOf returns the other scripts whose deployed versions are bound to a namespace.
func (a *Account) usersOf(owner, namespace string) []string {
	var users []string
	for _, sc := range a.Sorted() {
		d := sc.Active()
		if d == nil || sc.Name == owner {
			continue
		}
		if slices.ContainsFunc(d.Versions, func(s Share) bool {
			return slices.ContainsFunc(sc.Version(s.Version).Bindings, func(b Binding) bool {
				return b.Text("namespace_id") == namespace && b.Text("type") == "durable_object_namespace"
			})
		}) {
			users = append(users, sc.Name)
		}
	}
	return users
}

// unprovisioned refuses a binding to a class that does not exist before the version is deployed.
func unprovisioned(sc *Script, exports map[string]export, bindings []Binding) *api.Error {
	for _, b := range bindings {
		class := b.Text("class_name")
		_, exists := sc.Classes[class]
		e, declared := exports[class]
		own := b.Text("script_name") == "" || b.Text("script_name") == sc.Name
		if b.Text("type") == "durable_object_namespace" && own && declared && e.live() && !exists {
			return api.Failure(http.StatusBadRequest, 100406, "A Durable Object binding references the class %q, which is "+
				"declared in exports but not provisioned yet. Exports are reconciled when the version is deployed.", class)
		}
	}
	return nil
}

// reconcileDeployment applies the exports of a version that is deployed. dropped are the
// namespaces to delete when it serves requests. s.mu is held.
func (s *Store) reconcileDeployment(a *Account, sc *Script, v *Version) (dropped []string, _ *api.Error) {
	changed := *sc
	d := &Draft{Script: &changed, Added: v, Before: sc.Classes}
	if _, apiErr := a.reconcile(d, v.Exports); apiErr != nil {
		return nil, apiErr
	}
	if apiErr := s.changeOthers(a, d); apiErr != nil {
		return nil, apiErr
	}
	dropped = d.apply(sc)
	v.Lifecycle = sc.Lifecycle
	return dropped, nil
}
