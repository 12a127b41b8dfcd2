package development

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/devvars"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxDevVars limits the size of a file with variables for development.
const maxDevVars = 1 << 20

// addVariables adds the variables for development to the Worker's bindings.
func addVariables(set *config.Settings, o Options) ([]manifest.Problem, error) {
	if set.Project != "" {
		return nil, nil // its loader decides what its code gets
	}
	found, err := devvars.Load(devvars.Options{
		Dir: set.Variables.Dir, Environment: set.Variables.Environment, Required: set.RequiredSecrets,
		Vars:   textBindings(set.Worker.Bindings),
		Read:   func(path string) ([]byte, error) { return o.Boundary.ReadCredentials(path, maxDevVars) },
		Getenv: o.Getenv, Environ: os.Environ(),
	})
	if err != nil {
		return nil, err
	}
	for _, file := range found.Candidates {
		o.Counts(file)
	}
	for _, name := range slices.Sorted(maps.Keys(found.Values)) {
		if err := give(set, name, found.Values[name]); err != nil {
			return nil, err
		}
	}
	set.RequiredSecrets = slices.DeleteFunc(set.RequiredSecrets, func(name string) bool {
		_, ok := found.Values[name]
		return ok
	})
	var notices []manifest.Problem
	for _, file := range found.Files {
		notices = append(notices, manifest.Problem{Path: displayBelow(set.Root, file),
			Reason: "the Worker has its variables on the local platform, and only there"})
	}
	return notices, nil
}

// give adds a variable, which replaces one of the same name. It is no secret of the platform: the
// next version would inherit a secret that the file no longer has.
func give(set *config.Settings, name, value string) error {
	if cloud.IsOwnBinding(name) {
		return fmt.Errorf("a variable for development is called %s, which is a binding of kv-sync; choose another name", name)
	}
	w := &set.Worker
	i := slices.IndexFunc(w.Bindings, func(b cloud.Binding) bool { return b.Name == name })
	if i >= 0 && !isText(w.Bindings[i]) {
		return nil // a KV namespace, for instance, stays
	}
	variable := cloud.Binding{Name: name, Type: "plain_text"}
	variable.Fields = map[string]json.RawMessage{"text": cloud.JSONString(value)}
	w.Bindings = slices.Clone(w.Bindings)
	if i >= 0 {
		w.Bindings[i] = variable
		return nil
	}
	w.Bindings = append(w.Bindings, variable)
	slices.SortFunc(w.Bindings, func(a, b cloud.Binding) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func isText(b cloud.Binding) bool { return b.Type == "plain_text" || b.Type == "json" }

// textBindings returns the names of the variables in the wrangler file.
func textBindings(list []cloud.Binding) []string {
	var names []string
	for _, b := range list {
		if isText(b) {
			names = append(names, b.Name)
		}
	}
	return names
}

// displayBelow returns a path relative to a folder, if it is below it.
func displayBelow(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}
