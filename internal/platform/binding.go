package platform

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// binding is an uploaded binding: "name", "type" and other members.
type binding map[string]json.RawMessage

// text returns the string member with a name, or "".
func (b binding) text(name string) string {
	var s string
	_ = json.Unmarshal(b[name], &s)
	return s
}

func quoted(s string) json.RawMessage {
	raw, _ := json.Marshal(s) //nolint:errchkjson // a string cannot fail
	return raw
}

// withoutSecrets returns the binding without its secrets, as the API shows it.
func (b binding) withoutSecrets() binding {
	if t := b.text("type"); t != "secret_text" && t != "secret_key" {
		return b
	}
	shown := maps.Clone(b)
	for _, secret := range []string{"text", "key_base64", "key_jwk"} {
		delete(shown, secret)
	}
	return shown
}

func allWithoutSecrets(bindings []binding) []binding {
	shown := []binding{}
	for _, b := range bindings {
		shown = append(shown, b.withoutSecrets())
	}
	return shown
}

// resolveBindings replaces inherit bindings by the bindings that they refer to, and adds
// the bindings of the latest version whose types are in keep. An inherit binding refers to
// the version version_id, or else to the latest version. If the binding does not exist
// there, it is an error with strict; otherwise the binding is removed, as at Cloudflare.
func (sc *script) resolveBindings(bindings []binding, keep []string, strict bool) ([]binding, *apiError) {
	resolved := []binding{}
	named := map[string]bool{}
	for _, b := range bindings {
		name := b.text("name")
		switch {
		case name == "" || b.text("type") == "":
			return nil, failure(http.StatusBadRequest, 10021, "a binding needs a name and a type")
		case named[name]:
			return nil, failure(http.StatusBadRequest, 10021, "binding %s occurs twice", name)
		}
		named[name] = true
		if b.text("type") == "inherit" {
			if b = sc.inherited(b); b == nil {
				if strict {
					return nil, failure(http.StatusBadRequest, 10057, "could not resolve inherited binding %q", name)
				}
				continue
			}
		}
		resolved = append(resolved, b)
	}
	if last := sc.latest(); last != nil {
		for _, b := range last.Bindings {
			if slices.Contains(keep, b.text("type")) && !named[b.text("name")] {
				resolved = append(resolved, b)
			}
		}
	}
	return resolved, nil
}

// inherited returns the binding that an inherit binding refers to, or nil.
func (sc *script) inherited(b binding) binding {
	from := sc.latest()
	if id := b.text("version_id"); id != "" && id != "latest" {
		from = sc.version(id)
	}
	if from == nil {
		return nil
	}
	name := b.text("name")
	old := b.text("old_name")
	if old == "" {
		old = name
	}
	for _, candidate := range from.Bindings {
		if candidate.text("name") == old {
			found := maps.Clone(candidate)
			found["name"] = b["name"]
			return found
		}
	}
	return nil
}

// checkBindings refuses bindings to resources that do not exist. It adds the namespace id
// to bindings of Durable Objects. s.mu is held.
func (a *account) checkBindings(sc *script, bindings []binding) *apiError {
	for i, b := range bindings {
		name := b.text("name")
		switch b.text("type") {
		case "kv_namespace":
			if a.namespaces[b.text("namespace_id")] == nil {
				return failure(http.StatusBadRequest, 10041, "KV namespace '%s' not found.", b.text("namespace_id"))
			}
		case "durable_object_namespace":
			id, apiErr := a.objectNamespace(sc, b)
			if apiErr != nil {
				return apiErr
			}
			bindings[i] = maps.Clone(b)
			bindings[i]["namespace_id"] = quoted(id)
		case "service":
			if to := b.text("service"); to != sc.Name && a.scripts[to] == nil {
				return failure(http.StatusBadRequest, 10143, "Could not resolve service binding %q: Worker %q not found", name, to)
			}
		}
	}
	return nil
}

// secrets returns the secrets of a version by name, for comparisons.
func (v *version) secrets() map[string]string {
	secrets := map[string]string{}
	for _, b := range v.Bindings {
		if t := b.text("type"); t == "secret_text" || t == "secret_key" {
			secrets[b.text("name")] = string(b["text"]) + string(b["key_base64"]) + string(b["key_jwk"])
		}
	}
	return secrets
}
