package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/boundary"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// ProjectFile is the name of our own configuration file.
const ProjectFile = "kv-sync.toml"

// wranglerFiles are looked for in wrangler's order.
var wranglerFiles = []string{"wrangler.json", "wrangler.jsonc", "wrangler.toml"}

// Load reads the configuration. Everything that a person has to mend comes back
// as one *Error, notices are worth saying and stop nothing. It reads files and
// nothing else: it runs nothing and sends nothing.
func Load(in Inputs) (*Settings, []kvsync.Problem, error) {
	root, err := filepath.Abs(in.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("find the project %s: %w", in.Root, err)
	}
	inside := in.Boundary
	if inside == nil {
		if inside, err = boundary.New(root); err != nil {
			return nil, nil, fmt.Errorf("find the project %s: %w", in.Root, err)
		}
	}
	if err := checkRoot(inside, root); err != nil {
		return nil, nil, err
	}
	l := &loader{
		in: in, root: root, boundary: inside,
		s: &Settings{
			Root: root, Source: "auto", Layout: "content", BaseURL: DefaultBaseURL,
			Retain: 5, Grace: 24 * time.Hour, origins: map[string]origin{},
		},
	}
	l.files = files{commit: in.Commit, root: inside.Top(), disk: inside}
	if in.CommitRoot != "" {
		if l.files.root, err = filepath.Abs(in.CommitRoot); err != nil {
			return nil, nil, fmt.Errorf("find the repository %s: %w", in.CommitRoot, err)
		}
	}
	l.load()
	if len(l.errors) > 0 {
		order(l.errors)
		return nil, l.notices, &Error{Problems: l.errors}
	}
	order(l.notices)
	return l.s, l.notices, nil
}

func order(list []kvsync.Problem) {
	slices.SortStableFunc(list, func(a, b kvsync.Problem) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
}

// loader collects the settings of one run.
type loader struct {
	in              Inputs
	root            string
	boundary        *boundary.Boundary
	files           files
	s               *Settings
	errors, notices []kvsync.Problem
}

func (l *loader) refuse(where, reason, fix string) {
	l.errors = append(l.errors, kvsync.Problem{Path: where, Reason: reason, Fix: fix})
}

func (l *loader) notice(where, reason, fix string) {
	l.notices = append(l.notices, kvsync.Problem{Path: where, Reason: reason, Fix: fix})
}

// load fills the settings from the weakest source to the strongest.
func (l *loader) load() {
	own := l.projectFile(filepath.Join(l.root, ProjectFile))
	l.share(own)
	w := l.wrangler(own)
	if w != nil {
		l.fromWrangler(w)
	}
	for _, k := range keys {
		if v, ok := l.winner(k, own, w); ok {
			l.set(k, v)
		}
	}
	l.oldNames()
	for name := range l.in.Flags {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
			l.refuse("--"+name, "there is no such setting", "take it away")
		}
	}
	if len(l.errors) > 0 {
		return
	}
	l.complete()
}

// given is a value that somebody gave, and where.
type given struct {
	text string
	from origin
}

// origin is where a value comes from.
type origin struct {
	// place is a flag, a variable, a file or words such as "package.json".
	place string
	// line counts from 1; 0 where place is no file or the line is not known.
	line int
	// file says that a file of the repository sets it.
	file bool
}

// flagPrefix begins the place of a flag, or of an input of the Action.
const flagPrefix = "--"

// flagNames are the flags that are not called as the setting is.
var flagNames = map[string]string{"directory": "dir"}

// person reports whether a flag or an input gives the value: the environment is
// also what earlier steps of a job write, and a file is the repository's.
func (o origin) person() bool { return !o.file && strings.HasPrefix(o.place, flagPrefix) }

func (o origin) String() string {
	if o.line > 0 {
		return fmt.Sprintf("%s:%d", o.place, o.line)
	}
	return o.place
}

func (o origin) problem(reason, fix string) kvsync.Problem {
	return kvsync.Problem{Path: o.place, Line: o.line, Reason: reason, Fix: fix}
}

// winner returns the value of a setting that counts: flags beat the
// environment, which beats kv-sync.toml, which beats the wrangler file.
func (l *loader) winner(k key, own map[string]given, w *wranglerFile) (given, bool) {
	if v, ok := l.in.Flags[k.name]; ok {
		return given{v, origin{place: flagPrefix + cmp.Or(flagNames[k.name], k.name)}}, true
	}
	if v, ok := l.variable(k); ok {
		return v, true
	}
	var theirs given
	if w != nil {
		theirs = w.given[k.name]
	}
	if v, ok := own[k.name]; ok {
		if k.name == "name" && theirs.text != "" && theirs.text != v.text {
			l.notices = append(l.notices, v.from.problem(fmt.Sprintf("the name here counts, not the one in %s", theirs.from), ""))
		}
		return v, true
	}
	return theirs, theirs.text != ""
}

// set takes the value of a setting over.
func (l *loader) set(k key, v given) {
	if err := k.set(l.s, v.text); err != nil {
		reason := fmt.Sprintf("%s is %.60q", k.name, v.text)
		switch k.name {
		case "api-token":
			reason = "the API token cannot be right"
		case "api-key":
			reason = "the API key cannot be right"
		}
		l.errors = append(l.errors, v.from.problem(reason, err.Error()))
		return
	}
	l.s.origins[k.name] = v.from
}

// variable returns the value of the first variable that is set.
func (l *loader) variable(k key) (given, bool) {
	if l.in.Getenv == nil {
		return given{}, false
	}
	for _, name := range l.variables(k) {
		if v := l.in.Getenv(name); v != "" {
			return given{v, origin{place: name}}, true
		}
	}
	return given{}, false
}

// oldNames says which variables have a newer name.
func (l *loader) oldNames() {
	if l.in.Bare {
		return // there they are the names
	}
	for _, k := range keys {
		if o := l.s.origins[k.name]; strings.HasPrefix(o.place, "CF_") {
			l.notice(o.place, "it is used, though its name is an old one", "rename it to "+k.env[0])
		}
	}
}

// share adds what the shared file says to a project's own, which cannot be about
// another project.
func (l *loader) share(own map[string]given) {
	if l.in.Shared == "" {
		return
	}
	dir, err := filepath.Abs(l.in.Shared)
	if err != nil || dir == l.root {
		return // it is the project's own
	}
	// Among projects each is called after its folder: here the file would lose silently.
	if v, ok := own["project"]; ok && v.text != l.in.Flags["project"] {
		l.errors = append(l.errors, v.from.problem(fmt.Sprintf("project is %.60q, and its folder is called %s", v.text, filepath.Base(l.root)),
			"rename the folder, or take the line out"))
	}
	for name, v := range l.projectFile(filepath.Join(dir, ProjectFile)) {
		if _, ok := own[name]; !ok && !slices.Contains(ofOneProject, name) {
			own[name] = v
		}
	}
}

// projectFile reads a kv-sync.toml, if it is there.
func (l *loader) projectFile(file string) map[string]given {
	out := map[string]given{}
	display := l.display(file)
	top := l.parse(file, display, false)
	if top == nil {
		return out
	}
	r := reader{file: display}
	for _, name := range top.names {
		n := top.get(name)
		switch {
		case !slices.Contains(fileKeys(), name) && slices.ContainsFunc(keys, func(k key) bool { return k.name == name }):
			r.refuse(n, name+" may not stand in a file", "give it by the environment: "+keyNamed(name).env[0])
		case !slices.Contains(fileKeys(), name):
			r.refuse(n, name+" is not understood", nearest(name, fileKeys()))
		default:
			if v, ok := r.fileValue(keyNamed(name), n); ok {
				out[name] = given{v, origin{display, n.line, true}}
			}
		}
	}
	l.errors = append(l.errors, r.errors...)
	return out
}

// wrangler finds and reads the wrangler file.
func (l *loader) wrangler(own map[string]given) *wranglerFile {
	config, _ := l.winner(keyNamed("config"), own, nil)
	env, _ := l.winner(keyNamed("env"), own, nil)
	file := ""
	if config.text != "" {
		file = l.resolve(config.text)
		if !l.confine(file, config.from, "config") {
			return nil
		}
	} else {
		file = l.findWrangler()
	}
	if file == "" {
		if env.text != "" {
			l.refuse(env.from.String(), fmt.Sprintf("there is no wrangler file in which an environment %q could be", env.text), "take --env away")
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
	w, problems, notices := readWrangler(name, top, env.text)
	l.errors, l.notices = append(l.errors, problems...), append(l.notices, notices...)
	l.placeWrangler(w, file, name)
	return w
}

func (l *loader) findWrangler() string {
	found := l.files.among(l.root, wranglerFiles)
	if len(found) == 0 {
		return ""
	}
	if len(found) > 1 {
		l.notice(found[0], fmt.Sprintf("it is used, and %s is not", strings.Join(found[1:], ", ")), `remove what is not needed, or name one with "config"`)
	}
	if _, err := os.Stat(filepath.Join(l.root, ".wrangler", "deploy", "config.json")); err == nil {
		l.notice(found[0], "it is used, though a build tool wrote another one and names it in .wrangler/deploy/config.json", `name the other one with "config" if it is meant`)
	}
	return filepath.Join(l.root, found[0])
}

// placeWrangler makes the paths in a wrangler file, which begin at the file's
// folder, begin at Root, and holds them inside of the repository.
func (l *loader) placeWrangler(w *wranglerFile, file, name string) {
	dir := filepath.Dir(file)
	for _, p := range []struct {
		value *string
		key   string
	}{
		{&w.Code.Main, "worker"}, {&w.Code.BaseDir, "base_dir"}, {&w.Code.Tsconfig, "tsconfig"}, {&w.Directory, "directory"}, {&w.Build.Dir, "build.cwd"},
	} {
		if *p.value == "" {
			continue
		}
		abs := filepath.FromSlash(*p.value)
		if !filepath.IsAbs(abs) {
			abs = filepath.Join(dir, abs)
		}
		l.confine(abs, origin{name, w.lines[p.key], true}, p.key)
		*p.value = l.display(abs)
	}
	for key, line := range w.lines {
		l.s.origins[key] = origin{name, line, true}
	}
	w.given = map[string]given{
		"name":       {w.Name, origin{name, w.lines["name"], true}},
		"account-id": {w.Account, origin{name, w.lines["account-id"], true}},
	}
}

// fromWrangler takes over what needs no more checks.
func (l *loader) fromWrangler(w *wranglerFile) {
	s := l.s
	s.Worker, s.Code, s.Serving = w.Worker, w.Code, w.Serving
	s.Directory, s.Ignore, s.Build = w.Directory, w.Exclude, w.Build
	s.WorkersDev, s.RequiredSecrets = w.WorkersDev, w.Secrets
}

// complete fills what nobody said, and checks what needs the whole.
func (l *loader) complete() {
	s := l.s
	if l.in.Bare {
		l.completeBare()
		return
	}
	l.place(&s.Directory, "directory")
	l.place(&s.Code.Main, "worker")
	if s.Directory == "" {
		l.detectDirectory()
	}
	l.identify()
	if s.Worker.CompatibilityDate == "" {
		s.Worker.CompatibilityDate = DefaultCompatibilityDate
	}
	s.Code.Root, s.Code.Boundary = s.Root, l.boundary
	s.Code.CompatibilityDate, s.Code.CompatibilityFlags = s.Worker.CompatibilityDate, s.Worker.CompatibilityFlags
	l.settleRouting()
	l.settleCache()
	l.settleOverlay()
	l.settleRetire()
	l.settleKVAssets()
	if s.Code.Main == "" && len(s.Worker.Migrations) > 0 {
		l.refuse(s.Where("worker"), "there are Durable Object migrations, but no Worker that has the classes", `name the Worker's file in "main"`)
	}
}

// identify makes sure that what is deployed has a name: a project its id, a site
// its own. A wrangler file needs a name, which says nothing about a project.
func (l *loader) identify() {
	s := l.s
	switch name := s.origins["name"]; {
	case s.Project == "" && s.Name == "":
		l.detectName()
	case s.Project != "" && s.Name != "" && !name.file:
		l.refuse(name.String(), "a site is named, and a project: "+s.Where("project"), "leave one of the two out")
	case s.Project != "":
		s.Name = ""
		l.withoutCache()
	}
}

// place makes a path relative to Root, and confines it.
func (l *loader) place(value *string, key string) {
	if *value == "" {
		return
	}
	abs := l.resolve(*value)
	from, known := l.s.origins[key]
	if !known {
		from.place = key
	}
	l.confine(abs, from, key)
	*value = l.display(abs)
}

// resolve makes a path absolute; a relative one begins at Root.
func (l *loader) resolve(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(l.root, filepath.FromSlash(name))
}

// display names a path relative to Root with slashes, or absolutely if it lies outside.
func (l *loader) display(abs string) string {
	rel, err := filepath.Rel(l.root, abs)
	if err != nil || !filepath.IsLocal(rel) && !l.inside(abs) {
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}

// inside reports whether a path leads to a place below the boundary's top.
func (l *loader) inside(abs string) bool {
	rel, err := filepath.Rel(l.boundary.Top(), existing(abs))
	return err == nil && filepath.IsLocal(rel)
}

// existing resolves the symlinks of the longest part of a path that is there.
func existing(abs string) string {
	if found, err := filepath.EvalSymlinks(abs); err == nil {
		return found
	}
	parent := filepath.Dir(abs)
	if parent == abs {
		return abs
	}
	return filepath.Join(existing(parent), filepath.Base(abs))
}

// parse reads one file by the language that its name says. A file that need not
// be there and is not gives nil.
func (l *loader) parse(file, name string, wanted bool) *table {
	st, committed, err := l.files.stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !wanted:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		l.refuse(name, "the file is not there", `correct "config"`)
		return nil
	case isOutside(err):
		l.refuse(name, "it is not read: "+pathless(err), "put the file itself there")
		return nil
	case err != nil:
		l.refuse(name, "it cannot be read: "+pathless(err), "correct its permissions")
		return nil
	case !st.Mode().IsRegular():
		l.refuse(name, "it is no regular file", "put a file there, or take it away")
		return nil
	case st.Size() > maxFileBytes:
		l.refuse(name, "it is larger than a configuration file can be", "make it smaller than 256 KiB")
		return nil
	}
	data, err := l.files.read(file, committed)
	if err != nil {
		l.refuse(name, "it cannot be read: "+pathless(err), "correct its permissions")
		return nil
	}
	if l.in.Commit != nil && !committed {
		l.notice(name, "the commit does not have this file, so that of the work tree is used", "")
	}
	top, err := parse(name, data)
	if err != nil {
		p := kvsync.Problem{Path: name, Reason: err.Error(), Fix: "mend the file there"}
		var s *syntaxError
		if errors.As(err, &s) {
			p.Line = s.line
		}
		l.errors = append(l.errors, p)
		return nil
	}
	l.s.Files = append(l.s.Files, name)
	return top
}

func parse(name string, data []byte) (*table, error) {
	switch filepath.Ext(name) {
	case ".json", ".jsonc":
		return parseJSON(data)
	case ".toml":
		return parseTOML(data)
	}
	return nil, &syntaxError{reason: "its name ends in none of .json, .jsonc and .toml"}
}

// pathless is an error's text without the path that os puts before it.
func pathless(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
