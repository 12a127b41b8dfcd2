package scripts

import (
	"maps"
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// isSecret reports whether a binding is a secret.
func (b Binding) isSecret() bool {
	t := b.Text("type")
	return t == "secret_text" || t == "secret_key"
}

// secrets returns the secrets of a version by name, for comparisons.
func (v *Version) secrets() map[string]string {
	secrets := map[string]string{}
	for _, b := range v.Bindings {
		if b.isSecret() {
			secrets[b.Text("name")] = string(b["text"]) + string(b["key_base64"]) + string(b["key_jwk"])
		}
	}
	return secrets
}

// changedSecrets returns the names of the secrets that differ between two versions, in order.
func changedSecrets(a, b *Version) []string {
	one, other := a.secrets(), b.secrets()
	differ := map[string]bool{}
	for _, pair := range [][2]map[string]string{{one, other}, {other, one}} {
		for name, value := range pair[0] {
			if found, ok := pair[1][name]; !ok || found != value {
				differ[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(differ))
}

// setSecret sets a secret of a version, and returns it as the API shows it.
func (v *Version) setSecret(name string, b Binding) (Binding, *api.Error) {
	if name == "" || b["text"] == nil && b["key_base64"] == nil && b["key_jwk"] == nil {
		return nil, api.Failure(http.StatusBadRequest, 10021, "a secret needs a name and a text")
	}
	b = maps.Clone(b)
	b["name"] = quoted(name)
	if !b.isSecret() {
		b["type"] = quoted("secret_text")
	}
	i := slices.IndexFunc(v.Bindings, func(other Binding) bool { return other.Text("name") == name })
	if i >= 0 && !v.Bindings[i].isSecret() {
		return nil, api.Failure(http.StatusBadRequest, 10053,
			"Binding name '%s' already in use. Please use a different name and try again.", name)
	}
	v.Bindings = append(without(v.Bindings, name), b)
	return b.withoutSecrets(), nil
}

// patchSecrets sets and deletes secrets: a value of null deletes one, if there is one. It
// returns the secrets that are set.
func (v *Version) patchSecrets(patch map[string]Binding) (map[string]Binding, *api.Error) {
	set := map[string]Binding{}
	for _, name := range slices.Sorted(maps.Keys(patch)) {
		if patch[name] == nil {
			if _, ok := v.secrets()[name]; ok {
				v.Bindings = without(v.Bindings, name)
			}
			continue
		}
		shown, apiErr := v.setSecret(name, patch[name])
		if apiErr != nil {
			return nil, apiErr
		}
		set[name] = shown
	}
	return set, nil
}

func without(bindings []Binding, name string) []Binding {
	return slices.DeleteFunc(bindings, func(b Binding) bool { return b.Text("name") == name })
}

// errNoSecret is the refusal of a secret that does not exist.
func errNoSecret(name string) *api.Error {
	return api.Failure(http.StatusNotFound, 10056, "Binding %q was not found.", name)
}

func (s *Store) secretsList(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		list := []any{}
		for _, b := range sc.latest().Bindings {
			if b.isSecret() {
				list = append(list, b.withoutSecrets())
			}
		}
		return api.ReplyPage(c, list, api.Whole)
	})
}

func (s *Store) secretGet(c *api.Call) *api.Error {
	name := c.R.PathValue("secret")
	return s.withScript(c, func(sc *Script) *api.Error {
		for _, b := range sc.latest().Bindings {
			if b.isSecret() && b.Text("name") == name {
				return c.Reply(b.withoutSecrets())
			}
		}
		return errNoSecret(name)
	})
}

func (s *Store) secretPut(c *api.Call) *api.Error {
	var b Binding
	if apiErr := c.Decode(&b); apiErr != nil {
		return apiErr
	}
	var shown Binding
	return s.deployChange(c, undeployedSecret, func(_ *Script, v *Version) (apiErr *api.Error) {
		shown, apiErr = v.setSecret(b.Text("name"), b)
		return apiErr
	}, func(*Script, *Version) any { return shown })
}

func (s *Store) secretsBulk(c *api.Call) *api.Error {
	var body struct {
		Secrets map[string]Binding `json:"secrets"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	var set map[string]Binding
	return s.deployChange(c, undeployedSecret, func(_ *Script, v *Version) (apiErr *api.Error) {
		set, apiErr = v.patchSecrets(body.Secrets)
		return apiErr
	}, func(*Script, *Version) any { return set })
}

func (s *Store) secretDelete(c *api.Call) *api.Error {
	name := c.R.PathValue("secret")
	return s.deployChange(c, undeployedSecret, func(_ *Script, v *Version) *api.Error {
		if _, ok := v.secrets()[name]; !ok {
			return errNoSecret(name)
		}
		v.Bindings = without(v.Bindings, name)
		return nil
	}, func(*Script, *Version) any { return nil })
}
