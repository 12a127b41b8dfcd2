package scripts

import (
	"errors"
	"io/fs"
	"net/http"
	"os"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// reference is a binding of another script, as wrangler shows it before it deletes a script.
type reference struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Name        string `json:"name"`
	Namespace   string `json:"durable_object_namespace_id,omitempty"`
	Class       string `json:"durable_object_namespace_name,omitempty"`
}

// references are the bindings of deployed scripts to a script: to the script itself, and to
// Durable Objects that it implements.
type references struct {
	services, objects []reference
}

// references returns the bindings to a script. The store is locked.
func (a *Account) references(sc *Script) (found references) {
	for _, other := range a.Sorted() {
		d := other.Active()
		if d == nil {
			continue
		}
		for _, share := range d.Versions {
			for _, b := range other.Version(share.Version).Bindings {
				ref := reference{Service: other.Name, Environment: "production", Name: b.Text("name")}
				switch b.Text("type") {
				case "service":
					if b.Text("service") == sc.Name {
						found.services = append(found.services, ref)
					}
				case "durable_object_namespace":
					if owner, class := a.Owner(b.Text("namespace_id")); owner == sc {
						ref.Namespace, ref.Class = b.Text("namespace_id"), sc.Name+"_"+class
						found.objects = append(found.objects, ref)
					}
				}
			}
		}
	}
	return found
}

// fromOthers returns the references of other scripts.
func (list references) fromOthers(sc *Script) references {
	var others references
	for _, ref := range list.services {
		if ref.Service != sc.Name {
			others.services = append(others.services, ref)
		}
	}
	for _, ref := range list.objects {
		if ref.Service != sc.Name {
			others.objects = append(others.objects, ref)
		}
	}
	return others
}

func (s *Store) referencesGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		found := s.account(c.Account).references(sc)
		return c.Reply(map[string]any{
			"services": map[string]any{
				"incoming": api.OrEmpty(found.services), "outgoing": []any{}, "pages_function": false,
			},
			"durable_objects": api.OrEmpty(found.objects), "dispatch_outbounds": []any{},
		})
	})
}

// tailsByConsumer lists the scripts whose logs a script consumes.
func (s *Store) tailsByConsumer(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		list := []any{}
		for _, other := range s.account(c.Account).Sorted() {
			for _, consumer := range other.tailConsumers() {
				if consumer == sc.Name {
					list = append(list, map[string]any{
						"consumer": map[string]any{"script": sc.Name}, "producer": map[string]any{"script": other.Name},
						"tag": "", "created_on": other.Modified, "modified_on": other.Modified,
					})
				}
			}
		}
		return c.Reply(list)
	})
}

// checkUnused refuses a script that others are bound to.
func (s *Store) checkUnused(c *api.Call, sc *Script) *api.Error {
	others := s.account(c.Account).references(sc).fromOthers(sc)
	switch {
	case len(others.services) > 0:
		return api.Failure(http.StatusConflict, 10142, "Worker %q is bound to this Worker as %s; delete that binding first, "+
			"or repeat with force=true", others.services[0].Service, others.services[0].Name)
	case len(others.objects) > 0:
		return api.Failure(http.StatusConflict, 10064, "Worker %q is bound to Durable Objects of this Worker as %s; delete "+
			"that binding first, or repeat with force=true", others.objects[0].Service, others.objects[0].Name)
	}
	return nil
}

func (s *Store) scriptDelete(c *api.Call) *api.Error {
	s.mu.Lock()
	sc, apiErr := s.script(c)
	if apiErr == nil && c.R.URL.Query().Get("force") != "true" {
		apiErr = s.checkUnused(c, sc)
	}
	if apiErr == nil {
		err := os.Remove(s.accountFile(c.Account, "scripts", sc.Name+".json"))
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			delete(s.accounts[c.Account].Scripts, sc.Name)
		} else {
			apiErr = api.Internal(err)
		}
	}
	s.mu.Unlock()
	if apiErr != nil {
		return apiErr
	}
	s.runtime.Remove(c.Account, sc.Name)
	if apiErr := s.options.Deleted(c.Account, sc.Name); apiErr != nil {
		return apiErr
	}
	if apiErr := s.dropObjects(c.Account, removedNamespaces(sc.Classes, nil)); apiErr != nil {
		return apiErr
	}
	return c.Reply(nil)
}
