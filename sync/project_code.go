package kvsync

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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

// WorkerError lists what a Worker has that a project's Dynamic Worker cannot
// have. Nothing was sent.
type WorkerError struct {
	Project  string
	Problems []Problem
}

// Error lists the problems, a line each.
func (e *WorkerError) Error() string {
	lines := []string{"the Worker of project " + e.Project + " cannot be a Dynamic Worker, nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// checkProject refuses code that a Dynamic Worker could not run as its author
// means it, and says what has no effect there.
func checkProject(id string, w Worker) (notices []Problem, err error) {
	var refused []Problem
	for _, b := range w.Bindings {
		if b.Name == bindingAssets {
			refused = append(refused, Problem{Path: b.Name, Reason: "a project's code gets its assets from its loader as env." + bindingAssets + ", which nothing else can be",
				Fix: "give the variable another name"})
		} else if _, ok := variable(b); !ok {
			refused = append(refused, Problem{Path: b.Name, Reason: "a binding of the type " + b.Type + " cannot be given to a Dynamic Worker",
				Fix: "remove it from the project's configuration; what its code may use beside variables, the loader passes to it"})
		}
	}
	if len(w.Migrations) > 0 {
		refused = append(refused, Problem{Path: "migrations", Reason: "a Dynamic Worker has no Durable Objects of its own", Fix: "remove them from the project's configuration"})
	}
	if len(refused) > 0 {
		return nil, &WorkerError{Project: id, Problems: refused}
	}
	for name := range w.Settings {
		notices = append(notices, Problem{Path: name, Reason: "this setting has no effect on the Dynamic Worker of project " + id, Fix: "set it for its loader"})
	}
	return notices, nil
}
