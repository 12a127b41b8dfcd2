package config

import (
	"cmp"
)

// layoutKVAssets is the layout of the Rust crate kv-assets: it has settings that
// the others do not have.
const layoutKVAssets = "kv-assets"

// settleKVAssets looks at what only the layout kv-assets has, and at what it has
// not.
func (l *loader) settleKVAssets() {
	s := l.s
	if s.Layout != layoutKVAssets {
		l.withoutBuild()
		return
	}
	refuse := func(key, reason, fix string) { l.errors = append(l.errors, s.origins[key].problem(reason, fix)) }
	switch {
	case s.Project != "":
		refuse("layout", `the layout "kv-assets" is for sites, and this is a project`, `use the layout "content"`)
	case s.Serving.Overlay:
		refuse("overlay", `the layout "kv-assets" has no overlay`, `take the table out, or use the layout "content"`)
	case s.Code.Routing != nil && (s.Code.Routing.Binding != "" || len(s.Code.Routing.Worker) > 0):
		refuse("assets", `in the layout "kv-assets" the Worker serves the files, and there is no binding of Static Assets`, `take binding and run_worker_first out, or use the layout "content"`)
	}
	s.Code.Routing = nil
	for _, key := range []string{"html-handling", "not-found", "edge-cache"} {
		if o, ok := s.origins[key]; ok {
			l.notices = append(l.notices, o.problem(key+` has no effect in the layout "kv-assets": the Worker's own code serves the files`, "take it out"))
		}
	}
	s.Index = cmp.Or(s.Index, DefaultIndex)
	l.place(&s.Index, "index")
	if _, own := s.origins["build"]; own {
		s.Build.Dir = "."
	}
	s.Build.Dir = cmp.Or(s.Build.Dir, ".")
	for _, b := range s.Worker.Bindings {
		if b.Name == s.Binding {
			refuse("binding", "the binding "+s.Binding+" is there twice, the other is in the wrangler file", "take the other one out: this is the namespace that kv-sync uploads to")
		}
	}
}

// withoutBuild is for the other layouts, where a build that somebody relies on
// is not passed over in silence.
func (l *loader) withoutBuild() {
	s := l.s
	for key, fix := range map[string]string{
		"build": "run it before kv-sync, and take the line out", "index": "take it out", "binding": "take it out",
	} {
		if o, ok := s.origins[key]; ok {
			l.errors = append(l.errors, o.problem(key+` is for the layout "kv-assets"`, fix))
		}
	}
	if l.in.Builds {
		s.Build.Dir = cmp.Or(s.Build.Dir, ".")
		return
	}
	if o, ok := s.origins["build.command"]; ok && s.Build.Line != "" {
		l.notices = append(l.notices, o.problem("build.command is not run: kv-sync takes files as they are", "run the build before kv-sync"))
	}
	s.Build = Build{}
}
