package scripts

import (
	"cmp"
	"encoding/json"
	"maps"

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

// tailConsumers returns the names of the scripts that consume the script's logs.
func (sc *Script) tailConsumers() []string {
	var list []struct {
		Service string `json:"service"`
		Name    string `json:"name"` // in the newer API
	}
	_ = json.Unmarshal(sc.Settings["tail_consumers"], &list) // anything else has no consumers
	var names []string
	for _, consumer := range list {
		names = append(names, cmp.Or(consumer.Service, consumer.Name))
	}
	return names
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
	return s.deployChange(c, undeployedSettings, func(sc *Script, v *Version) *api.Error {
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
