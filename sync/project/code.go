package project

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Code is the code of a project in the form that a Worker Loader gets.
type Code struct {
	Main               string                     `json:"main,omitempty"`
	CompatibilityDate  string                     `json:"compatibility_date,omitempty"`
	CompatibilityFlags []string                   `json:"compatibility_flags,omitempty"`
	Modules            map[string]Module          `json:"modules,omitempty"`
	Env                map[string]json.RawMessage `json:"env,omitempty"`
}

// Module has exactly one member, also for an empty file.
type Module struct {
	JS   *string `json:"js,omitempty"`
	Text *string `json:"text,omitempty"`
	Wasm *[]byte `json:"wasm,omitempty"`
	Data *[]byte `json:"data,omitempty"`
}

// BindingAssets is the name of a project's assets in the env of its code.
const BindingAssets = "ASSETS"

// codeOf splits a Worker into the project's code and the served manifest, which does not
// become a module of the code. The code is zero for a project without code.
func codeOf(w cloud.Worker) (code Code, served []byte, err error) {
	if w.Main == "" {
		if i := slices.IndexFunc(w.Modules, func(m cloud.Module) bool { return m.Name == cloud.ModuleManifest }); i >= 0 {
			served = w.Modules[i].Content
		}
		return code, served, nil
	}
	code = Code{Main: w.Main, CompatibilityDate: w.CompatibilityDate, CompatibilityFlags: w.CompatibilityFlags}
	for _, m := range w.Modules {
		if m.Name == cloud.ModuleManifest {
			served = m.Content
			continue
		}
		var pm Module
		text, content := string(m.Content), append([]byte{}, m.Content...) // nil would be null
		switch m.Type {
		case "application/javascript+module":
			pm.JS = &text
		case "text/plain":
			pm.Text = &text
		case "application/wasm":
			pm.Wasm = &content
		case "application/octet-stream":
			pm.Data = &content
		default:
			return code, nil, fmt.Errorf("module %s is of the type %s, which a Dynamic Worker cannot have", m.Name, m.Type)
		}
		if code.Modules == nil {
			code.Modules = make(map[string]Module)
		}
		code.Modules[m.Name] = pm
	}
	for _, b := range w.Bindings {
		if b.Name == cloud.BindingMeta || b.Name == cloud.BindingBlobs {
			continue
		}
		value, ok := variable(b)
		if !ok {
			return code, nil, fmt.Errorf("binding %s is of the type %s, which a Dynamic Worker cannot have", b.Name, b.Type)
		}
		if code.Env == nil {
			code.Env = make(map[string]json.RawMessage)
		}
		code.Env[b.Name] = value
	}
	return code, served, nil
}

// versionRest is an upper bound of the size of a version without its code.
const versionRest = 16 << 10

// CodeSize returns an upper bound of the size of a version with the Worker's code. A value
// of KV must have room for twice that: the pointer contains the version, and a history.
func CodeSize(w cloud.Worker) (int, error) {
	code, _, err := codeOf(w)
	if err != nil {
		return 0, err
	}
	b, err := manifest.EncodeJSON(code)
	if err != nil {
		return 0, fmt.Errorf("encode the code: %w", err)
	}
	return len(b) + versionRest, nil
}

// variable returns the value of a binding that is a variable.
func variable(b cloud.Binding) (json.RawMessage, bool) {
	switch b.Type {
	case "plain_text":
		return b.Fields["text"], true
	case "json":
		return b.Fields["json"], true
	}
	return nil, false
}

// LoaderID returns the id under which a Worker Loader caches a version. Different content
// has a different id.
func LoaderID(project, served string, code Code) (string, error) {
	content := []any{served, nil}
	if code.Main != "" {
		content[1] = code
	}
	b, err := manifest.EncodeJSON(content)
	if err != nil {
		return "", fmt.Errorf("encode the code of project %s: %w", project, err)
	}
	return project + ":" + manifest.HashOf(b).String()[:32], nil
}
