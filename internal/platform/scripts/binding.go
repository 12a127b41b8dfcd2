package scripts

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Binding is an uploaded binding: "name", "type" and other members.
type Binding map[string]json.RawMessage

// Text returns the string member with a name, or "".
func (b Binding) Text(name string) string {
	var s string
	_ = json.Unmarshal(b[name], &s)
	return s
}

func quoted(s string) json.RawMessage {
	raw, _ := json.Marshal(s) //nolint:errchkjson // a string cannot fail
	return raw
}

// withoutSecrets returns the binding without its secrets, as the API shows it.
func (b Binding) withoutSecrets() Binding {
	if !b.isSecret() {
		return b
	}
	shown := maps.Clone(b)
	for _, secret := range []string{"text", "key_base64", "key_jwk"} {
		delete(shown, secret)
	}
	return shown
}

func allWithoutSecrets(bindings []Binding) []Binding {
	shown := []Binding{}
	for _, b := range bindings {
		shown = append(shown, b.withoutSecrets())
	}
	return shown
}

// resolveBindings replaces inherit bindings by the bindings that they refer to, and adds
// the bindings of the latest version whose types are in keep. An inherit binding refers to
// the version version_id, or else to the latest version. If the binding does not exist
// there, it is an error with strict; otherwise the binding is removed, as at Cloudflare.
func (sc *Script) resolveBindings(bindings []Binding, keep []string, strict bool) ([]Binding, *api.Error) {
	resolved := []Binding{}
	named := map[string]bool{}
	for _, b := range bindings {
		name := b.Text("name")
		switch {
		case name == "" || b.Text("type") == "":
			return nil, api.Failure(http.StatusBadRequest, 10021, "a binding needs a name and a type")
		case named[name]:
			return nil, api.Failure(http.StatusBadRequest, 10021, "binding %s occurs twice", name)
		}
		named[name] = true
		if b.Text("type") == "inherit" {
			if b = sc.inherited(b); b == nil {
				if strict {
					return nil, api.Failure(http.StatusBadRequest, 10057, "inherit binding '%s' is invalid: "+
						"the version that it refers to has no such binding", name)
				}
				continue
			}
		}
		resolved = append(resolved, b)
	}
	if last := sc.latest(); last != nil {
		for _, b := range last.Bindings {
			if slices.Contains(keep, b.Text("type")) && !named[b.Text("name")] {
				resolved = append(resolved, b)
			}
		}
	}
	return resolved, nil
}

// inherited returns the binding that an inherit binding refers to, or nil.
func (sc *Script) inherited(b Binding) Binding {
	from := sc.latest()
	if id := b.Text("version_id"); id != "" && id != "latest" {
		from = sc.Version(id)
	}
	if from == nil {
		return nil
	}
	name := b.Text("name")
	old := b.Text("old_name")
	if old == "" {
		old = name
	}
	for _, candidate := range from.Bindings {
		if candidate.Text("name") == old {
			found := maps.Clone(candidate)
			found["name"] = b["name"]
			return found
		}
	}
	return nil
}

// valueMembers are the members that the types of bindings with a value need.
var valueMembers = map[string]string{"plain_text": "text", "secret_text": "text", "json": "json"}

// checkBindings refuses bindings without their value, and bindings to resources that do not
// exist, except for those that have a stand-in. It adds the namespace id to bindings of Durable
// Objects. s.mu is held.
func (s *Store) checkBindings(a *Account, sc *Script, bindings []Binding) *api.Error {
	for i, b := range bindings {
		name, kind := b.Text("name"), b.Text("type")
		if member := valueMembers[kind]; member != "" && b[member] == nil {
			return api.Failure(http.StatusBadRequest, 10021, "binding %s of type %s must have a valid `%s` specified",
				name, kind, member)
		}
		switch kind {
		case "kv_namespace":
			if !s.options.HasNamespace(a.ID, b.Text("namespace_id")) {
				return api.Failure(http.StatusBadRequest, 10041, "KV namespace '%s' not found.", b.Text("namespace_id"))
			}
		case "durable_object_namespace":
			if s.options.StandIns && a.elsewhere(sc, b) {
				continue
			}
			id, apiErr := a.objectNamespace(sc, b)
			if apiErr != nil {
				return apiErr
			}
			bindings[i] = maps.Clone(b)
			bindings[i]["namespace_id"] = quoted(id)
		case "service":
			if to := b.Text("service"); to == "" || !s.options.StandIns && a.elsewhere(sc, b) {
				return api.Failure(http.StatusBadRequest, 10144, "Could not resolve service binding %q: Worker %q not found",
					name, to)
			}
		}
	}
	return nil
}

// elsewhere reports whether a binding of sc names another script, and that script is not deployed
// here.
func (a *Account) elsewhere(sc *Script, b Binding) bool {
	to := b.Text(map[string]string{"service": "service", "durable_object_namespace": "script_name"}[b.Text("type")])
	return to != "" && to != sc.Name && a.Scripts[to] == nil
}

// explain logs how bindings differ here from Cloudflare. It does so only for wrangler, whose user
// does not see it otherwise.
func (s *Store) explain(c *api.Call, sc *Script, bindings []Binding) {
	if source(c.R) != "wrangler" || s.options.Note == nil {
		return
	}
	for _, b := range bindings {
		if note := s.options.Note(b); note != "" {
			s.options.Log("%s: %s", sc.Name, note)
		}
	}
}
