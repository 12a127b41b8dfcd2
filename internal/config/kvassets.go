package config

import (
	"cmp"
	"path"
)

// layoutKVAssets is the layout of the Rust crate kv-assets, which has additional settings.
const layoutKVAssets = "kv-assets"

// finishKVAssets checks the settings that exist only in the layout kv-assets, and those that
// do not exist there.
func (l *loader) finishKVAssets() {
	s := l.s
	if s.Layout != layoutKVAssets {
		l.refuseBuild()
		return
	}
	switch {
	case s.Project != "":
		l.refuse(s.origins["layout"], `the layout "kv-assets" is for sites, and this is a project`,
			`use the layout "content"`)
	case s.Serving.Overlay:
		l.refuse(s.origins["overlay"], `the layout "kv-assets" has no overlay`,
			`remove the table, or use the layout "content"`)
	case s.Code.Routing != nil && (s.Code.Routing.Binding != "" || len(s.Code.Routing.Worker) > 0):
		l.refuse(s.origins["assets"],
			`in the layout "kv-assets" the Worker serves the files, and there is no binding of Static Assets`,
			`remove binding and run_worker_first, or use the layout "content"`)
	}
	s.Code.Routing = nil
	for _, key := range []string{"html-handling", "not-found", "edge-cache", "memory-cache", "cache-status"} {
		if o, ok := s.origins[key]; ok {
			l.notice(o, key+` has no effect in the layout "kv-assets": the Worker's own code serves the files`, "remove it")
		}
	}
	s.Index = cmp.Or(s.Index, DefaultIndex)
	l.place(&s.Index, "index")
	if from, own := s.origins["build"]; own {
		s.Build.Dir = "."
		if from.place == l.own {
			s.Build.Dir = path.Dir(l.own)
		}
	}
	s.Build.Dir = cmp.Or(s.Build.Dir, ".")
	for _, b := range s.Worker.Bindings {
		if b.Name == s.Binding {
			l.refuse(s.origins["binding"], "the binding "+s.Binding+" is also defined in the wrangler file",
				"remove the other one: this is the namespace that kv-sync uploads to")
		}
	}
}

// refuseBuild refuses, in other layouts, the settings of the layout kv-assets. A wrangler
// file's build command that is not run is reported, so that it is not ignored silently.
func (l *loader) refuseBuild() {
	s := l.s
	for key, fix := range map[string]string{
		"build": "run it before kv-sync, and remove this line", "index": "remove it", "binding": "remove it",
	} {
		if o, ok := s.origins[key]; ok {
			l.refuse(o, key+` is for the layout "kv-assets"`, fix)
		}
	}
	if l.in.Builds {
		s.Build.Dir = cmp.Or(s.Build.Dir, ".")
		return
	}
	if o, ok := s.origins["build.command"]; ok && s.Build.Line != "" {
		l.notice(o, "build.command is not run: kv-sync publishes the files as they are", "run the build before kv-sync")
	}
	s.Build = Build{}
}
