package scripts

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// setSettings stores the members that belong to the script and not to a version.
func (sc *Script) setSettings(members map[string]json.RawMessage) {
	sc.Settings = maps.Clone(sc.Settings)
	if sc.Settings == nil {
		sc.Settings = map[string]json.RawMessage{}
	}
	for _, name := range settingsMembers {
		if raw, ok := members[name]; ok {
			sc.Settings[name] = raw
		}
	}
}

func (sc *Script) settingsJSON() map[string]any {
	out := map[string]any{"tags": []string{}, "logpush": false, "tail_consumers": nil}
	for name, raw := range sc.Settings {
		out[name] = raw
	}
	return out
}

func (s *Store) scriptSettingsGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error { return c.Reply(sc.settingsJSON()) })
}

func (s *Store) scriptSettingsPatch(c *api.Call) *api.Error {
	var members map[string]json.RawMessage
	if apiErr := c.Decode(&members); apiErr != nil {
		return apiErr
	}
	return s.withScript(c, func(sc *Script) *api.Error {
		sc.setSettings(members)
		if apiErr := s.save(c.Account, sc); apiErr != nil {
			return apiErr
		}
		return c.Reply(sc.settingsJSON())
	})
}

// settingsGet returns the settings of the script and of its active version.
func (s *Store) settingsGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		v := sc.activeVersion()
		out := sc.settingsJSON()
		out["bindings"], out["compatibility_date"], out["compatibility_flags"] = allWithoutSecrets(v.Bindings), v.Date,
			api.OrEmpty(v.Flags)
		out["usage_model"] = "standard"
		if sc.Migration != "" {
			out["migration_tag"] = sc.Migration
		}
		for name, raw := range v.Runtime {
			out[name] = raw
		}
		return c.Reply(out)
	})
}

// settingsPatch deploys a version with changed settings and the same code.
func (s *Store) settingsPatch(c *api.Call) *api.Error {
	up, apiErr := s.readUpload(c)
	if apiErr != nil {
		return apiErr
	}
	return s.deployChange(c, func(sc *Script, v *Version) *api.Error {
		if _, ok := up.metadata.all["bindings"]; ok {
			bindings, apiErr := sc.resolveBindings(up.metadata.Bindings, up.metadata.Keep, true)
			if apiErr == nil {
				apiErr = s.checkBindings(s.account(c.Account), sc, bindings)
			}
			if apiErr != nil {
				return apiErr
			}
			v.Bindings = bindings
		}
		if up.metadata.Date != "" {
			v.Date = up.metadata.Date
		}
		if up.metadata.Flags != nil {
			v.Flags = up.metadata.Flags
		}
		v.Runtime = maps.Clone(v.Runtime)
		for _, name := range runtimeMembers {
			if raw, ok := up.metadata.all[name]; ok {
				v.Runtime[name] = raw
			}
		}
		sc.setSettings(up.metadata.all)
		return nil
	}, func(sc *Script, v *Version) any { return map[string]any{"bindings": allWithoutSecrets(v.Bindings)} })
}

// deployChange deploys a copy of the latest version that change has modified. result returns
// the result of the response.
func (s *Store) deployChange(c *api.Call, change func(*Script, *Version) *api.Error,
	result func(*Script, *Version) any) *api.Error {
	var answer any
	apiErr := s.withScript(c, func(sc *Script) *api.Error {
		v := *sc.latest()
		v.ID, v.Created, v.Source, v.Bindings = api.NewUUID(), api.Now(), source(c.R), slices.Clone(v.Bindings)
		v.Annotations = map[string]string{"workers/triggered_by": "secret"}
		if apiErr := change(sc, &v); apiErr != nil {
			return apiErr
		}
		sc.addVersion(&v)
		sc.deploy([]Share{{v.ID, 100}}, v.Source, map[string]string{"workers/triggered_by": "secret"})
		answer = result(sc, &v)
		return s.save(c.Account, sc)
	})
	if apiErr != nil {
		return apiErr
	}
	s.runtime.Activate(c.Account)
	return c.Reply(answer)
}

func (s *Store) secretsList(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		list := []any{}
		for _, b := range sc.latest().Bindings {
			if b.Text("type") == "secret_text" || b.Text("type") == "secret_key" {
				list = append(list, b.withoutSecrets())
			}
		}
		return c.ReplyList(list)
	})
}

func (s *Store) secretPut(c *api.Call) *api.Error {
	var b Binding
	if apiErr := c.Decode(&b); apiErr != nil {
		return apiErr
	}
	if b.Text("name") == "" || b["text"] == nil {
		return api.Failure(http.StatusBadRequest, 10021, "a secret needs a name and a text")
	}
	b["type"] = json.RawMessage(`"secret_text"`)
	return s.deployChange(c, func(_ *Script, v *Version) *api.Error {
		v.Bindings = append(without(v.Bindings, b.Text("name")), b)
		return nil
	}, func(*Script, *Version) any { return b.withoutSecrets() })
}

func (s *Store) secretDelete(c *api.Call) *api.Error {
	name := c.R.PathValue("secret")
	return s.deployChange(c, func(_ *Script, v *Version) *api.Error {
		if _, ok := v.secrets()[name]; !ok {
			return api.Failure(http.StatusNotFound, 10056, "Binding %q was not found.", name)
		}
		v.Bindings = without(v.Bindings, name)
		return nil
	}, func(*Script, *Version) any { return nil })
}

func without(bindings []Binding, name string) []Binding {
	return slices.DeleteFunc(bindings, func(b Binding) bool { return b.Text("name") == name })
}

func (s *Store) schedulesGet(c *api.Call) *api.Error {
	return s.withScript(c, func(*Script) *api.Error { return c.Reply(map[string]any{"schedules": []any{}}) })
}

func (s *Store) subdomainGet(c *api.Call) *api.Error {
	if s.options.Subdomain == "-" {
		return api.Failure(http.StatusNotFound, 10007, "workers.dev subdomain not found: register one first")
	}
	return c.Reply(map[string]any{"subdomain": s.options.Subdomain})
}

func (s *Store) scriptSubdomainGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		return c.Reply(map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews})
	})
}

func (s *Store) scriptSubdomainSet(c *api.Call) *api.Error {
	var body struct {
		Enabled  bool  `json:"enabled"`
		Previews *bool `json:"previews_enabled"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	return s.withScript(c, func(sc *Script) *api.Error {
		sc.Enabled = body.Enabled
		if body.Previews != nil {
			sc.Previews = *body.Previews
		}
		if apiErr := s.save(c.Account, sc); apiErr != nil {
			return apiErr
		}
		return c.Reply(map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews})
	})
}

func (s *Store) scriptSubdomainDelete(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		sc.Enabled, sc.Previews = false, false
		if apiErr := s.save(c.Account, sc); apiErr != nil {
			return apiErr
		}
		return c.Reply(map[string]any{"enabled": false, "previews_enabled": false})
	})
}
