package platform

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// setSettings stores the members that belong to the script and not to a version.
func (sc *script) setSettings(members map[string]json.RawMessage) {
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

func (sc *script) settingsJSON() map[string]any {
	out := map[string]any{"tags": []string{}, "logpush": false, "tail_consumers": nil}
	for name, raw := range sc.Settings {
		out[name] = raw
	}
	return out
}

func (c *call) scriptSettingsGet() *apiError {
	return c.withScript(func(sc *script) *apiError { return c.reply(sc.settingsJSON()) })
}

func (c *call) scriptSettingsPatch() *apiError {
	var members map[string]json.RawMessage
	if apiErr := c.decode(&members); apiErr != nil {
		return apiErr
	}
	return c.withScript(func(sc *script) *apiError {
		sc.setSettings(members)
		if apiErr := c.s.save(c.account, sc); apiErr != nil {
			return apiErr
		}
		return c.reply(sc.settingsJSON())
	})
}

// settingsGet returns the settings of the script and of its active version.
func (c *call) settingsGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		v := sc.activeVersion()
		out := sc.settingsJSON()
		out["bindings"], out["compatibility_date"], out["compatibility_flags"] = allWithoutSecrets(v.Bindings), v.Date,
			orEmpty(v.Flags)
		out["usage_model"] = "standard"
		if sc.Migration != "" {
			out["migration_tag"] = sc.Migration
		}
		for name, raw := range v.Runtime {
			out[name] = raw
		}
		return c.reply(out)
	})
}

// settingsPatch deploys a version with changed settings and the same code.
func (c *call) settingsPatch() *apiError {
	up, apiErr := c.readUpload()
	if apiErr != nil {
		return apiErr
	}
	return c.deployChange(func(sc *script, v *version) *apiError {
		if _, ok := up.metadata.all["bindings"]; ok {
			bindings, apiErr := sc.resolveBindings(up.metadata.Bindings, up.metadata.Keep, true)
			if apiErr == nil {
				apiErr = c.s.account(c.account).checkBindings(sc, bindings)
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
	}, func(sc *script, v *version) any { return map[string]any{"bindings": allWithoutSecrets(v.Bindings)} })
}

// deployChange deploys a copy of the latest version that change has modified. result returns
// the result of the response.
func (c *call) deployChange(change func(*script, *version) *apiError, result func(*script, *version) any) *apiError {
	var answer any
	apiErr := c.withScript(func(sc *script) *apiError {
		v := *sc.latest()
		v.ID, v.Created, v.Source, v.Bindings = newUUID(), now(), source(c.r), slices.Clone(v.Bindings)
		v.Annotations = map[string]string{"workers/triggered_by": "secret"}
		if apiErr := change(sc, &v); apiErr != nil {
			return apiErr
		}
		sc.addVersion(&v)
		sc.deploy([]share{{v.ID, 100}}, v.Source, map[string]string{"workers/triggered_by": "secret"})
		answer = result(sc, &v)
		return c.s.save(c.account, sc)
	})
	if apiErr != nil {
		return apiErr
	}
	c.s.workers.activate(c.ctx, c.account)
	return c.reply(answer)
}

func (c *call) secretsList() *apiError {
	return c.withScript(func(sc *script) *apiError {
		list := []any{}
		for _, b := range sc.latest().Bindings {
			if b.text("type") == "secret_text" || b.text("type") == "secret_key" {
				list = append(list, b.withoutSecrets())
			}
		}
		return c.replyPage(list, len(list))
	})
}

func (c *call) secretPut() *apiError {
	var b binding
	if apiErr := c.decode(&b); apiErr != nil {
		return apiErr
	}
	if b.text("name") == "" || b["text"] == nil {
		return failure(http.StatusBadRequest, 10021, "a secret needs a name and a text")
	}
	b["type"] = json.RawMessage(`"secret_text"`)
	return c.deployChange(func(_ *script, v *version) *apiError {
		v.Bindings = append(without(v.Bindings, b.text("name")), b)
		return nil
	}, func(*script, *version) any { return b.withoutSecrets() })
}

func (c *call) secretDelete() *apiError {
	name := c.r.PathValue("secret")
	return c.deployChange(func(_ *script, v *version) *apiError {
		if _, ok := v.secrets()[name]; !ok {
			return failure(http.StatusNotFound, 10056, "Binding %q was not found.", name)
		}
		v.Bindings = without(v.Bindings, name)
		return nil
	}, func(*script, *version) any { return nil })
}

func without(bindings []binding, name string) []binding {
	return slices.DeleteFunc(bindings, func(b binding) bool { return b.text("name") == name })
}

func (c *call) schedulesGet() *apiError {
	return c.withScript(func(*script) *apiError { return c.reply(map[string]any{"schedules": []any{}}) })
}

func (c *call) subdomainGet() *apiError {
	if c.s.options.Subdomain == "-" {
		return failure(http.StatusNotFound, 10007, "workers.dev subdomain not found: register one first")
	}
	return c.reply(map[string]any{"subdomain": c.s.options.Subdomain})
}

func (c *call) scriptSubdomainGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		return c.reply(map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews})
	})
}

func (c *call) scriptSubdomainSet() *apiError {
	var body struct {
		Enabled  bool  `json:"enabled"`
		Previews *bool `json:"previews_enabled"`
	}
	if apiErr := c.decode(&body); apiErr != nil {
		return apiErr
	}
	return c.withScript(func(sc *script) *apiError {
		sc.Enabled = body.Enabled
		if body.Previews != nil {
			sc.Previews = *body.Previews
		}
		if apiErr := c.s.save(c.account, sc); apiErr != nil {
			return apiErr
		}
		return c.reply(map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews})
	})
}

func (c *call) scriptSubdomainDelete() *apiError {
	return c.withScript(func(sc *script) *apiError {
		sc.Enabled, sc.Previews = false, false
		if apiErr := c.s.save(c.account, sc); apiErr != nil {
			return apiErr
		}
		return c.reply(map[string]any{"enabled": false, "previews_enabled": false})
	})
}
