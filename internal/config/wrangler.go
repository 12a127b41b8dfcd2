package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// wrangler reads one wrangler file.
type wrangler struct {
	reader
	out   *wranglerFile
	bound map[string]*node // where each binding name is defined
}

// readWrangler reads a parsed wrangler file for one environment. "" is the top level. It
// returns errors and notices.
func readWrangler(file string, top *table, env string) (*wranglerFile, []manifest.Problem, []manifest.Problem) {
	w := &wrangler{
		reader: reader{file: file},
		out:    &wranglerFile{lines: map[string]int{}, Code: bundle.Options{KeepNames: true}},
		bound:  map[string]*node{},
	}
	chosen := w.environment(top, env)
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		if n := chosen[name]; n.value != nil {
			sections[name].read(w, n)
		}
	}
	w.finish(top, chosen, env)
	slices.SortFunc(w.out.Worker.Bindings, func(a, b cloud.Binding) int { return strings.Compare(a.Name, b.Name) })
	return w.out, w.errors, w.notices
}

// finish makes the checks that involve several sections.
func (w *wrangler) finish(top *table, chosen map[string]*node, env string) {
	if env != "" && chosen["name"] == top.get("name") && w.out.Name != "" {
		w.out.Name += "-" + env // wrangler names the Worker of an environment like this
	}
	if chosen["main"] != nil && chosen["compatibility_date"] == nil {
		w.notice(chosen["main"], `the file has no "compatibility_date", so `+DefaultCompatibilityDate+" is used",
			"write the date that the Worker was tested with")
	}
}

// environment returns the sections of one environment, and refuses unknown ones.
func (w *wrangler) environment(top *table, env string) map[string]*node {
	chosen := map[string]*node{}
	for _, name := range top.names {
		if w.isSection(name, top.get(name)) {
			chosen[name] = top.get(name)
		}
	}
	var envs *table
	if n := top.get("env"); n != nil {
		envs = w.object(n)
	}
	if env == "" {
		if envs != nil && len(envs.names) > 0 {
			w.notice(top.get("env"), "the top level of the file is used, none of its environments",
				"choose one with --env "+strings.Join(envs.names, ", --env "))
		}
		return chosen
	}
	n := envs.get(env)
	if n == nil {
		fix := "remove --env"
		if envs != nil && len(envs.names) > 0 {
			fix = "choose " + orList(envs.names)
		}
		w.refuse(top.get("env"), fmt.Sprintf("there is no environment %q", env), fix)
		return chosen
	}
	w.overrideSections(chosen, n, env)
	return chosen
}

// overrideSections replaces sections of the top level with those of an environment,
// and removes the ones that an environment does not inherit.
func (w *wrangler) overrideSections(chosen map[string]*node, n *node, env string) {
	own := w.object(n)
	for name, s := range chosen {
		if sections[name].scope != perEnv {
			continue
		}
		delete(chosen, name)
		if own.get(name) == nil {
			w.notice(s, fmt.Sprintf("%s is not inherited, so environment %q has none, as with wrangler", name, env),
				fmt.Sprintf("repeat it in %s if the environment needs it", n.path))
		}
	}
	if own.get("route") != nil || own.get("routes") != nil {
		delete(chosen, "route")
		delete(chosen, "routes")
	}
	for _, name := range own.names {
		e := own.get(name)
		if !w.isSection(name, e) {
			continue
		}
		if sections[name].scope == topLevel {
			w.refuse(e, e.path+" is allowed at the top level only", "move it there")
			continue
		}
		chosen[name] = e
	}
}

// isSection refuses a section that wrangler does not have.
func (w *wrangler) isSection(name string, n *node) bool {
	if _, ok := sections[name]; ok {
		return true
	}
	w.refuse(n, n.path+" is not understood", nearest(name, slices.Sorted(maps.Keys(sections))))
	return false
}

// recordLine records the line of a setting.
func (w *wrangler) recordLine(key string, n *node) { w.out.lines[key] = n.line }

// addMetadata adds a member of the version's metadata.
func (w *wrangler) addMetadata(name string, value json.RawMessage) {
	if w.out.Worker.Settings == nil {
		w.out.Worker.Settings = map[string]json.RawMessage{}
	}
	w.out.Worker.Settings[name] = value
}
