package wrangler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// reader reads one wrangler file.
type reader struct {
	tree.Reader
	out *File
	// generated reports whether a build tool wrote the file.
	generated bool
	bound     map[string]*tree.Node // where each binding name is defined
}

// Read reads a parsed wrangler file for one environment. "" is the top level. It
// returns errors and notices. by is nil for a file that a person wrote.
func Read(
	file string, top *tree.Table, by *Generated, env string,
) (*File, []manifest.Problem, []manifest.Problem) {
	w := &reader{
		Reader:    tree.Reader{File: file},
		generated: by != nil,
		out:       &File{Places: map[string]tree.Place{}, Code: bundle.Options{KeepNames: true}},
		bound:     map[string]*tree.Node{},
	}
	if by != nil {
		w.Source = by.Source
	}
	chosen := w.environment(top, env)
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		sections[name].read(w, chosen[name])
	}
	w.finish(top, chosen, env)
	slices.SortFunc(w.out.Worker.Bindings, func(a, b cloud.Binding) int { return strings.Compare(a.Name, b.Name) })
	return w.out, w.Errors, w.Notices
}

// finish makes the checks that involve several sections.
func (r *reader) finish(top *tree.Table, chosen map[string]*tree.Node, env string) {
	if env != "" && chosen["name"] == top.Get("name") && r.out.Name != "" {
		r.out.Name += "-" + env // wrangler names the Worker of an environment like this
	}
	if chosen["main"] != nil && chosen["compatibility_date"] == nil {
		r.Notice(chosen["main"], `the file has no "compatibility_date", so `+DefaultCompatibilityDate+" is used",
			"write the date that the Worker was tested with")
	}
}

// environment returns the sections of one environment, and refuses unknown ones.
func (r *reader) environment(top *tree.Table, env string) map[string]*tree.Node {
	chosen := map[string]*tree.Node{}
	for _, name := range top.Names {
		if r.isSection(name, top.Get(name)) {
			chosen[name] = top.Get(name)
		}
	}
	var envs *tree.Table
	if n := top.Get("env"); n != nil {
		envs = r.Object(n)
	}
	if env == "" {
		if envs != nil && len(envs.Names) > 0 {
			r.Notice(top.Get("env"), "the top level of the file is used, none of its environments",
				"choose one with --env "+strings.Join(envs.Names, ", --env "))
		}
		return chosen
	}
	n := envs.Get(env)
	if n == nil {
		fix := "remove --env"
		if envs != nil && len(envs.Names) > 0 {
			fix = "choose " + tree.OrList(envs.Names)
		}
		r.Refuse(top.Get("env"), fmt.Sprintf("there is no environment %q", env), fix)
		return chosen
	}
	r.overrideSections(chosen, n, env)
	return chosen
}

// overrideSections replaces sections of the top level with those of an environment,
// and removes the ones that an environment does not inherit.
func (r *reader) overrideSections(chosen map[string]*tree.Node, n *tree.Node, env string) {
	own := r.Object(n)
	for name, s := range chosen {
		if sections[name].scope != perEnv {
			continue
		}
		delete(chosen, name)
		if own.Get(name) == nil {
			r.Notice(s, fmt.Sprintf("%s is not inherited, so environment %q has none, as with wrangler", name, env),
				fmt.Sprintf("repeat it in %s if the environment needs it", n.Path))
		}
	}
	if own.Get("route") != nil || own.Get("routes") != nil {
		delete(chosen, "route")
		delete(chosen, "routes")
	}
	for _, name := range own.Names {
		e := own.Get(name)
		if !r.isSection(name, e) {
			continue
		}
		if sections[name].scope == topLevel {
			r.Refuse(e, e.Path+" is allowed at the top level only", "move it there")
			continue
		}
		chosen[name] = e
	}
}

// isSection reports whether a section is read. An empty one of an unknown name says nothing. Another
// unknown one is refused in a file that a person wrote. Of a generated file, which a newer tool
// may have written, it is refused only if it describes bindings.
func (r *reader) isSection(name string, n *tree.Node) bool {
	_, known := sections[name]
	switch {
	case known:
		return n.Value != nil
	case n.Empty() || r.generated && slices.Contains(provenance, name):
		return false
	case !r.generated:
		r.Refuse(n, n.Path+" is not understood", tree.Nearest(name, Sections()))
	case describesBinding(n):
		r.Refuse(n, n.Path+" is not known to this kv-sync, and the Worker would be deployed without it",
			"update kv-sync, or "+useWrangler)
	case n.Value != false:
		r.Notice(n, n.Path+" is not used: this kv-sync does not know it", "")
	}
	return false
}

// record records the place of a setting.
func (r *reader) record(key string, n *tree.Node) { r.out.Places[key] = r.Place(n) }

// addMetadata adds a member of the version's metadata.
func (r *reader) addMetadata(name string, value json.RawMessage) {
	if r.out.Worker.Settings == nil {
		r.out.Worker.Settings = map[string]json.RawMessage{}
	}
	r.out.Worker.Settings[name] = value
}
