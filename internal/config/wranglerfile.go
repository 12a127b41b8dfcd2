package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
)

// wranglerFiles are the names of a wrangler file, in wrangler's order.
var wranglerFiles = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// wranglerFile is a wrangler file, and the settings in it that kv-sync.toml, the environment and
// flags can also set.
type wranglerFile struct {
	*wrangler.File
	values map[string]value
}

// wrangler finds and reads the wrangler file.
func (l *loader) wrangler(own map[string]value) *wranglerFile {
	config, _ := l.lookup(keyNamed("config"), own, nil)
	env, _ := l.lookup(keyNamed("env"), own, nil)
	file, built := "", false
	l.s.Variables = Variables{Dir: l.root, Environment: env.text}
	if config.text != "" {
		file = l.resolve(config.text)
		l.s.Variables.Dir = filepath.Dir(file)
		if !l.confine(file, config.from, "config") {
			return nil
		}
	} else if redirected := l.redirect(); redirected != "" {
		file, built = redirected, true
	} else if file = l.findWrangler(); file == "" {
		if env.text != "" {
			l.refuse(env.from, fmt.Sprintf("there is no wrangler file that could have an environment %q", env.text),
				"remove --env")
		}
		return nil
	}
	name := l.display(file)
	top := l.parse(file, name, true)
	if top == nil {
		return nil
	}
	if l.in.Bare {
		return l.bareWrangler(top, name)
	}
	var by *wrangler.Generated
	if built || wrangler.IsGenerated(top) {
		l.checkEnvironment(top, env)
		env.text, by = "", &wrangler.Generated{Source: l.sourceOf(file, top)}
	}
	read, problems, notices := wrangler.Read(name, top, by, env.text)
	w := &wranglerFile{File: read}
	l.errors, l.notices = append(l.errors, problems...), append(l.notices, notices...)
	l.placeWrangler(w, file, name)
	return w
}

func (l *loader) findWrangler() string {
	found := l.files.existingFiles(l.root, wranglerFiles)
	if len(found) == 0 {
		return ""
	}
	used := origin{place: found[0]}
	if len(found) > 1 {
		l.notice(used, fmt.Sprintf("this file is used, %s is not", strings.Join(found[1:], ", ")),
			`remove the files that are not needed, or choose one with "config"`)
	}
	return filepath.Join(l.root, found[0])
}

// placeWrangler makes the paths of a wrangler file relative to Root instead of to the file. It
// refuses paths outside of the boundary.
func (l *loader) placeWrangler(w *wranglerFile, file, name string) {
	dir := filepath.Dir(file)
	for _, p := range []struct {
		path *string
		key  string
	}{
		{&w.Code.Main, "worker"}, {&w.Code.BaseDir, "base_dir"}, {&w.Code.Tsconfig, "tsconfig"},
		{&w.Directory, "directory"}, {&w.Build.Dir, "build.cwd"},
	} {
		if *p.path == "" {
			continue
		}
		abs := filepath.FromSlash(*p.path)
		if !filepath.IsAbs(abs) {
			abs = filepath.Join(dir, abs)
		}
		l.confine(abs, w.origin(p.key, name), p.key)
		*p.path = l.display(abs)
	}
	for key := range w.Places {
		l.s.origins[key] = w.origin(key, name)
	}
	w.values = map[string]value{
		"name":       {w.Name, w.origin("name", name)},
		"account-id": {w.Account, w.origin("account-id", name)},
	}
}

// origin returns where the file sets a setting; file is the file's own name.
func (w *wranglerFile) origin(key, file string) origin {
	at, ok := w.Places[key]
	if !ok {
		at.File = file
	}
	return origin{at.File, at.Line, true}
}

// applyWrangler copies the settings of the wrangler file. Other sources may override them.
func (l *loader) applyWrangler(w *wranglerFile) {
	s := l.s
	s.Worker, s.Code, s.Serving = w.Worker, w.Code, w.Serving
	s.Directory, s.Ignore, s.Build = w.Directory, w.Exclude, Build(w.Build)
	s.WorkersDev, s.RequiredSecrets = w.WorkersDev, w.Secrets
}
