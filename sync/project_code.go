package kvsync

import (
	"encoding/json"
	"fmt"
	"slices"
)

// projectCode is what a Worker Loader is given.
type projectCode struct {
	Main               string                     `json:"main,omitempty"`
	CompatibilityDate  string                     `json:"compatibility_date,omitempty"`
	CompatibilityFlags []string                   `json:"compatibility_flags,omitempty"`
	Modules            map[string]projectModule   `json:"modules,omitempty"`
	Env                map[string]json.RawMessage `json:"env,omitempty"`
}

// projectModule has one member, of an empty file too.
type projectModule struct {
	JS   *string `json:"js,omitempty"`
	Text *string `json:"text,omitempty"`
	Wasm *[]byte `json:"wasm,omitempty"`
	Data *[]byte `json:"data,omitempty"`
}

// bindingAssets is what a loader calls a project's assets in its code's env.
const bindingAssets = "ASSETS"

// codeOf divides what is uploaded into the project's code and the served
// manifest, which is no module of it. A project without code has nothing of it.
func codeOf(w Worker) (code projectCode, served []byte, err error) {
	if w.Main == "" {
		if i := slices.IndexFunc(w.Modules, func(m Module) bool { return m.Name == ModuleManifest }); i >= 0 {
			served = w.Modules[i].Content
		}
		return code, served, nil
	}
	code = projectCode{Main: w.Main, CompatibilityDate: w.CompatibilityDate, CompatibilityFlags: w.CompatibilityFlags}
	for _, m := range w.Modules {
		if m.Name == ModuleManifest {
			served = m.Content
			continue
		}
		var pm projectModule
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
			code.Modules = make(map[string]projectModule)
		}
		code.Modules[m.Name] = pm
	}
	for _, b := range w.Bindings {
		if b.Name == BindingMeta || b.Name == BindingBlobs {
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

// variable is the value of a binding that is one.
func variable(b Binding) (json.RawMessage, bool) {
	switch b.Type {
	case "plain_text":
		return b.Fields["text"], true
	case "json":
		return b.Fields["json"], true
	}
	return nil, false
}

// loaderID is the id under which a Worker Loader keeps what it loads: a different
// one for different content.
func loaderID(project, served string, code projectCode) (string, error) {
	content := []any{served, nil}
	if code.Main != "" {
		content[1] = code
	}
	b, err := marshalJSON(content)
	if err != nil {
		return "", fmt.Errorf("encode the code of project %s: %w", project, err)
	}
	return project + ":" + HashOf(b).String()[:32], nil
}
