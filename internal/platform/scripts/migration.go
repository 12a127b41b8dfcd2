package scripts

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Class is a Durable Object class that a script implements.
type Class struct {
	SQLite bool `json:"sqlite"`
	// Namespace is the id of the namespace that contains the objects of the class. It does
	// not change when the class is renamed or transferred to another script. Bindings
	// refer to the namespace, so they stay valid.
	Namespace string `json:"namespace"`
}

// migrations are the Durable Object migrations of an upload. They have one of two forms: one
// step, or a list of steps.
type migrations struct {
	OldTag string          `json:"old_tag"`
	NewTag string          `json:"new_tag"`
	Tag    string          `json:"tag"`
	Steps  []migrationStep `json:"steps"`
	migrationStep
}

type migrationStep struct {
	NewClasses         []string     `json:"new_classes"`
	NewSQLiteClasses   []string     `json:"new_sqlite_classes"`
	DeletedClasses     []string     `json:"deleted_classes"`
	RenamedClasses     []movedClass `json:"renamed_classes"`
	TransferredClasses []movedClass `json:"transferred_classes"`
}

// movedClass is a class that is renamed, or transferred from another script.
type movedClass struct {
	From   string `json:"from"`
	Script string `json:"from_script"`
	To     string `json:"to"`
}

// Draft is a copy of a script with the changes of an upload.
type Draft struct {
	*Script
	Added  *Version
	Before map[string]Class // the classes of the script before the upload
	// others are the classes of other scripts, by script, before and after the upload. Classes
	// move between scripts.
	others map[string]otherClasses
	report *reconciliation // of exports, or nil
}

// apply gives a script the classes of the draft. It returns the namespaces that no script has
// any more.
func (d *Draft) apply(sc *Script) (dropped []string) {
	after := maps.Clone(d.Classes)
	for name, classes := range d.others {
		for class, c := range classes.after {
			after[name+"/"+class] = c
		}
	}
	dropped = removedNamespaces(sc.Classes, after)
	sc.Migration, sc.Classes, sc.Declared = d.Migration, d.Classes, d.Declared
	sc.Pending, sc.Lifecycle = d.Pending, d.Lifecycle
	return dropped
}

type otherClasses struct{ before, after map[string]Class }

// classesOf returns the classes of another script, to be changed.
func (d *Draft) classesOf(other *Script) map[string]Class {
	if d.others == nil {
		d.others = map[string]otherClasses{}
	}
	if _, ok := d.others[other.Name]; !ok {
		d.others[other.Name] = otherClasses{other.Classes, cloned(other.Classes)}
	}
	return d.others[other.Name].after
}

// After returns a copy of another script with the classes that it has after the upload.
func (d *Draft) After(other *Script) *Script {
	changed := *other
	if classes, ok := d.others[other.Name]; ok {
		changed.Classes = classes.after
		changed.Pending = maps.Clone(other.Pending)
		maps.DeleteFunc(changed.Pending, func(class, _ string) bool { _, ok := classes.after[class]; return ok })
	}
	return &changed
}

// changeOthers stores the classes that other scripts have after the upload. It refuses if they
// changed meanwhile. s.mu is held.
func (s *Store) changeOthers(a *Account, d *Draft) *api.Error {
	for name, classes := range d.others {
		if other := a.Scripts[name]; other == nil || !maps.Equal(other.Classes, classes.before) {
			return api.Failure(http.StatusConflict, 10077, "the classes of script %q changed during the upload", name)
		}
	}
	for name := range d.others {
		*a.Scripts[name] = *d.After(a.Scripts[name])
		if apiErr := s.save(a.ID, a.Scripts[name]); apiErr != nil {
			return apiErr
		}
	}
	return nil
}

// migrate applies migrations to the classes of a draft. The old tag must be the script's
// current one. So no migration is applied twice, and none is skipped. s.mu is held.
func (a *Account) migrate(d *Draft, m *migrations) *api.Error {
	if m == nil {
		return nil
	}
	if m.OldTag != d.Migration {
		return api.Failure(http.StatusPreconditionFailed, 10079,
			"Error when applying migrations: expected tag %q, the script has %q", m.OldTag, d.Migration)
	}
	d.Classes = maps.Clone(d.Classes)
	if d.Classes == nil {
		d.Classes = map[string]Class{}
	}
	for _, step := range append([]migrationStep{m.migrationStep}, m.Steps...) {
		if apiErr := a.step(d, step); apiErr != nil {
			return apiErr
		}
	}
	d.Migration = m.NewTag
	if d.Migration == "" {
		d.Migration = m.Tag
	}
	return nil
}

func (a *Account) step(d *Draft, step migrationStep) *api.Error {
	for sqlite, names := range map[bool][]string{false: step.NewClasses, true: step.NewSQLiteClasses} {
		for _, name := range names {
			if apiErr := d.implement(name, Class{SQLite: sqlite, Namespace: api.NewID()}); apiErr != nil {
				return apiErr
			}
		}
	}
	for _, name := range step.DeletedClasses {
		if _, ok := d.Classes[name]; !ok {
			return api.Failure(http.StatusBadRequest, 10075, "Cannot apply delete-class migration to unknown class %q", name)
		}
		delete(d.Classes, name)
	}
	for _, r := range step.RenamedClasses {
		renamed, ok := d.Classes[r.From]
		if !ok {
			return api.Failure(http.StatusBadRequest, 10076, "Cannot apply rename-class migration to unknown class %q", r.From)
		}
		delete(d.Classes, r.From)
		if apiErr := d.implement(r.To, renamed); apiErr != nil {
			return apiErr
		}
	}
	for _, t := range step.TransferredClasses {
		from := a.Scripts[t.Script]
		if from == nil || from.Name == d.Name {
			return api.Failure(http.StatusBadRequest, 10077, "Cannot apply transfer-class migration from script %q", t.Script)
		}
		transferred, ok := d.classesOf(from)[t.From]
		if !ok {
			return api.Failure(http.StatusBadRequest, 10077,
				"Cannot apply transfer-class migration to unknown class %q of script %q", t.From, t.Script)
		}
		if apiErr := d.implement(t.To, transferred); apiErr != nil {
			return apiErr
		}
		delete(d.classesOf(from), t.From)
	}
	return nil
}

// implement adds a class to a draft.
func (d *Draft) implement(name string, c Class) *api.Error {
	if name == "" {
		return api.Failure(http.StatusBadRequest, 10021, "a migration names a class without a name")
	}
	if _, ok := d.Classes[name]; ok {
		return api.Failure(http.StatusBadRequest, 10074,
			"Cannot apply new-class migration to class %q that is already depended on by existing Durable Objects", name)
	}
	d.Classes[name] = c
	return nil
}

// Owner returns the script and the class that implement a namespace of Durable
// Objects. s.mu is held.
func (a *Account) Owner(namespace string) (sc *Script, name string) {
	for _, sc := range a.Scripts {
		for name, c := range sc.Classes {
			if c.Namespace == namespace {
				return sc, name
			}
		}
	}
	return nil, ""
}

// objectNamespace returns the namespace that a binding of sc refers to. s.mu is held.
func (a *Account) objectNamespace(sc *Script, b Binding) (string, *api.Error) {
	if id := b.Text("namespace_id"); id != "" {
		owner, _ := a.Owner(id)
		if owner != nil && owner.Name != sc.Name || slices.ContainsFunc(slices.Collect(maps.Values(sc.Classes)),
			func(c Class) bool { return c.Namespace == id }) {
			return id, nil
		}
	}
	name, owner := b.Text("class_name"), sc
	if other := b.Text("script_name"); other != "" && other != sc.Name {
		if owner = a.Scripts[other]; owner == nil {
			return "", api.Failure(http.StatusBadRequest, 10061, "Cannot create binding %s: script %q does not exist",
				b.Text("name"), other)
		}
	}
	c, ok := owner.Classes[name]
	if !ok {
		return "", api.Failure(http.StatusBadRequest, 10061,
			"Cannot create binding for class %q that is neither created by a migration nor declared in exports", name)
	}
	return c.Namespace, nil
}

// ObjectsDir returns the folder of an account's Durable Objects. It has a folder for each
// namespace.
func (s *Store) ObjectsDir(accountID string) string {
	return filepath.Join(s.options.Dir, "objects", accountID)
}

// dropObjects deletes the stored objects of deleted classes. No process must have them open.
func (s *Store) dropObjects(accountID string, namespaces []string) *api.Error {
	var errs []error
	for _, id := range namespaces {
		errs = append(errs, os.RemoveAll(filepath.Join(s.ObjectsDir(accountID), id)))
	}
	return api.Internal(errors.Join(errs...))
}

// removedNamespaces returns the namespaces that occur in before but not in after.
func removedNamespaces(before, after map[string]Class) []string {
	left := map[string]bool{}
	for _, c := range after {
		left[c.Namespace] = true
	}
	var ids []string
	for _, c := range before {
		if !left[c.Namespace] {
			ids = append(ids, c.Namespace)
		}
	}
	return ids
}

func (s *Store) objectNamespaces(c *api.Call) *api.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, sc := range s.account(c.Account).Sorted() {
		for _, name := range slices.Sorted(maps.Keys(sc.Classes)) {
			list = append(list, map[string]any{
				"id": sc.Classes[name].Namespace, "name": sc.Name + "_" + name, "script": sc.Name, "class": name,
				"use_sqlite": sc.Classes[name].SQLite,
			})
		}
	}
	return api.ReplyPage(c, list, api.Usual)
}
