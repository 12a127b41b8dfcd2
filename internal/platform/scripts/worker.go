package scripts

import (
	"maps"
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// The newer API of Workers is under /workers/workers. wrangler uses it for a few requests.

func (s *Store) workerGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		consumers, none := []any{}, []any{}
		for _, name := range sc.tailConsumers() {
			consumers = append(consumers, map[string]any{"name": name})
		}
		out := sc.settingsJSON()
		if out["observability"] == nil {
			out["observability"] = map[string]any{"enabled": false}
		}
		maps.Copy(out, map[string]any{
			"id": sc.Tag, "name": sc.Name, "created_on": sc.Created, "updated_on": sc.Modified,
			"subdomain": s.subdomainJSON(sc), "tail_consumers": consumers,
			"references": map[string]any{ // clients read the references from the older API
				"dispatch_namespace_outbounds": none, "domains": none, "durable_objects": none, "queues": none, "workers": none,
			},
		})
		return c.Reply(out)
	})
}

// latestPatch adds a copy of the newest version with other bindings and annotations. It
// deploys nothing.
func (s *Store) latestPatch(c *api.Call) *api.Error {
	var body struct {
		Env         map[string]Binding `json:"env"`
		Annotations map[string]string  `json:"annotations"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if apiErr := checkAnnotations(body.Annotations); apiErr != nil {
		return apiErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, _ := s.script(c)
	if sc == nil || sc.latest() == nil {
		return api.Failure(http.StatusNotFound, 10222, "Worker %q has no versions.", c.R.PathValue("script"))
	}
	v := sc.changed(c.R, "secret")
	maps.Copy(v.Annotations, body.Annotations)
	if apiErr := v.patchEnv(body.Env); apiErr != nil {
		return apiErr
	}
	if apiErr := s.checkBindings(s.account(c.Account), sc, v.Bindings); apiErr != nil {
		return apiErr
	}
	sc.addVersion(v)
	if apiErr := s.save(c.Account, sc); apiErr != nil {
		return apiErr
	}
	return c.Reply(map[string]any{
		"id": v.ID, "number": v.Number, "created_on": v.Created, "source": v.Source, "urls": []string{},
		"annotations": v.Annotations, "bindings": allWithoutSecrets(v.Bindings), "main_module": v.Main,
		"compatibility_date": v.Date, "compatibility_flags": api.OrEmpty(v.Flags),
	})
}

// patchEnv sets and removes bindings: a value of null removes one, if there is one.
func (v *Version) patchEnv(env map[string]Binding) *api.Error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		b := env[name]
		switch {
		case b == nil:
			v.Bindings = without(v.Bindings, name)
		case b.isSecret():
			if _, apiErr := v.setSecret(name, b); apiErr != nil {
				return apiErr
			}
		default:
			b["name"] = quoted(name)
			v.Bindings = append(without(v.Bindings, name), b)
		}
	}
	return nil
}
