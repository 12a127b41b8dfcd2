package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// wranglerFile is what a wrangler file says that concerns kv-sync.
type wranglerFile struct {
	Worker kvsync.Worker
	Code   bundle.Options
	// Serving, Directory and Exclude come from "assets", "site" and
	// "pages_build_output_dir". Directory is relative to the file.
	Serving   kvsync.Serving
	Directory string
	Exclude   []string
	Name      string
	Account   string
	// Build is what the file says that wrangler runs. Dir is relative to the file.
	Build Build
	// WorkersDev is nil where the file does not say.
	WorkersDev *bool
	// Secrets are names that the Worker needs as secrets.
	Secrets []string
	// lines says where in the file a setting stands.
	lines map[string]int
	// given are the settings that kv-sync.toml, variables and flags may set too.
	given map[string]given
}

// wrangler reads one wrangler file.
type wrangler struct {
	reader
	out   *wranglerFile
	bound map[string]*node
}

// scope says where a section counts when one of "env" is chosen. Wrangler
// decides which is which.
type scope int

const (
	inherited scope = iota // an environment that lacks it has the top level's
	perEnv                 // an environment that lacks it has none
	topLevel               // may stand at the top level only
)

// section is one key of a wrangler file.
type section struct {
	scope scope
	read  func(w *wrangler, n *node)
}

// sections lists every key that wrangler 4 knows. It is filled at start, for
// some readers look into it.
var sections map[string]section

func init() {
	sections = map[string]section{
		// What names the Worker and its code.
		"name":                    {inherited, func(w *wrangler, n *node) { w.out.Name = w.text(n); w.at("name", n) }},
		"account_id":              {inherited, func(w *wrangler, n *node) { w.out.Account = w.text(n); w.at("account-id", n) }},
		"main":                    {inherited, func(w *wrangler, n *node) { w.out.Code.Main = w.text(n); w.at("worker", n) }},
		"compatibility_date":      {inherited, (*wrangler).compatibilityDate},
		"compatibility_flags":     {inherited, func(w *wrangler, n *node) { w.out.Worker.CompatibilityFlags = w.texts(n) }},
		"rules":                   {inherited, (*wrangler).rules},
		"no_bundle":               {inherited, func(w *wrangler, n *node) { w.out.Code.NoBundle = w.flag(n) }},
		"base_dir":                {inherited, func(w *wrangler, n *node) { w.out.Code.BaseDir = w.text(n) }},
		"find_additional_modules": {inherited, (*wrangler).additionalModules},
		"preserve_file_names":     {inherited, func(w *wrangler, n *node) { w.out.Code.PreserveFileNames = w.flag(n) }},
		"minify":                  {inherited, func(w *wrangler, n *node) { w.out.Code.Minify = w.flag(n) }},
		"keep_names":              {inherited, func(w *wrangler, n *node) { w.out.Code.KeepNames = w.flag(n) }},
		"jsx_factory":             {inherited, func(w *wrangler, n *node) { w.out.Code.JSXFactory = w.text(n) }},
		"jsx_fragment":            {inherited, func(w *wrangler, n *node) { w.out.Code.JSXFragment = w.text(n) }},
		"tsconfig":                {inherited, func(w *wrangler, n *node) { w.out.Code.Tsconfig = w.text(n) }},
		"define":                  {perEnv, func(w *wrangler, n *node) { w.out.Code.Define = w.textMap(n) }},
		"alias":                   {topLevel, func(w *wrangler, n *node) { w.out.Code.Alias = w.textMap(n) }},

		// What the version carries.
		"vars":                     {perEnv, (*wrangler).vars},
		"unsafe":                   {perEnv, (*wrangler).unsafe},
		"migrations":               {inherited, (*wrangler).migrations},
		"limits":                   {inherited, metadata("limits")},
		"placement":                {inherited, (*wrangler).placement},
		"observability":            {inherited, metadata("observability")},
		"logpush":                  {inherited, metadata("logpush")},
		"cache":                    {inherited, (*wrangler).cache},
		"tail_consumers":           {perEnv, metadata("tail_consumers")},
		"streaming_tail_consumers": {perEnv, metadata("streaming_tail_consumers")},
		"secrets":                  {perEnv, (*wrangler).secrets},
		"durable_objects":          {perEnv, nestedBindings("durable_objects", "bindings")},
		"logfwdr":                  {inherited, nestedBindings("logfwdr", "bindings")},
		"queues":                   {perEnv, (*wrangler).queues},

		// The site.
		"assets":                 {inherited, (*wrangler).assets},
		"site":                   {topLevel, (*wrangler).site},
		"pages_build_output_dir": {topLevel, (*wrangler).pages},

		// What stands outside of a version. Existing settings are never changed.
		"route":        {inherited, (*wrangler).untouchedRoutes},
		"routes":       {inherited, (*wrangler).untouchedRoutes},
		"workers_dev":  {inherited, func(w *wrangler, n *node) { on := w.flag(n); w.out.WorkersDev = &on }},
		"preview_urls": {inherited, untouched("whether previews have URLs")},
		"triggers":     {inherited, (*wrangler).triggers},
		"build":        {inherited, (*wrangler).build},

		// Harmless: they concern wrangler itself.
		"$schema":                      {topLevel, func(*wrangler, *node) {}},
		"env":                          {topLevel, func(*wrangler, *node) {}},
		"dev":                          {topLevel, harmless("it concerns wrangler dev only")},
		"send_metrics":                 {topLevel, harmless("kv-sync sends no metrics")},
		"keep_vars":                    {topLevel, harmless("kv-sync always keeps the bindings and variables that no file defines")},
		"dependencies_instrumentation": {topLevel, harmless("kv-sync reports no packages")},
		"upload_source_maps":           {inherited, harmless("kv-sync uploads no source maps, so stack traces show lines of the bundle")},

		// Refused: leaving them out would change what the Worker is or does.
		"wasm_modules":       {topLevel, unsupported("import the .wasm file in the Worker's code instead")},
		"text_blobs":         {topLevel, unsupported("import the text file in the Worker's code instead")},
		"data_blobs":         {topLevel, unsupported("import the data file in the Worker's code instead")},
		"node_compat":        {inherited, unsupported(`add "nodejs_compat" to compatibility_flags instead`)},
		"containers":         {perEnv, unsupported("deploy this Worker with wrangler")},
		"cloudchamber":       {perEnv, unsupported("deploy this Worker with wrangler")},
		"python_modules":     {inherited, unsupported("deploy this Worker with wrangler")},
		"exports":            {inherited, unsupported("deploy this Worker with wrangler")},
		"connect":            {perEnv, unsupported("deploy this Worker with wrangler")},
		"access":             {inherited, unsupported("set it in the dashboard, and take it out here")},
		"previews":           {inherited, unsupported("take it out")},
		"addresses":          {topLevel, unsupported("set it in the dashboard, and take it out here")},
		"first_party_worker": {inherited, unsupported("take it out")},
		"compliance_region":  {inherited, (*wrangler).complianceRegion},
		"analytics":          {perEnv, unsupported("use analytics_engine_datasets instead")},
		"agent_memory":       {perEnv, unsupported("deploy this Worker with wrangler")},
		"artifacts":          {perEnv, unsupported("deploy this Worker with wrangler")},
		"flagship":           {perEnv, unsupported("deploy this Worker with wrangler")},
		"k2":                 {perEnv, unsupported("deploy this Worker with wrangler")},
		"unsafe_hello_world": {perEnv, unsupported("take it out")},
	}
	for name := range listKinds {
		if !strings.Contains(name, ".") {
			sections[name] = section{perEnv, func(w *wrangler, n *node) { w.bindingList(name, n) }}
		}
	}
	for name, kind := range singleKinds {
		sections[name] = section{perEnv, func(w *wrangler, n *node) { w.binding(kind, n) }}
	}
}

// sectionNames is for saying what an unknown key may have meant.
func sectionNames() []string { return slices.Sorted(maps.Keys(sections)) }

// readWrangler reads a parsed wrangler file for one environment ("" is the top level).
func readWrangler(file string, top *table, env string) (*wranglerFile, []kvsync.Problem, []kvsync.Problem) {
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
	w.settle(top, chosen, env)
	slices.SortFunc(w.out.Worker.Bindings, func(a, b kvsync.Binding) int { return strings.Compare(a.Name, b.Name) })
	return w.out, w.errors, w.notices
}

// settle looks at what only the whole file tells.
func (w *wrangler) settle(top *table, chosen map[string]*node, env string) {
	if env != "" && chosen["name"] == top.get("name") && w.out.Name != "" {
		w.out.Name += "-" + env // as wrangler names a Worker's environments
	}
	if chosen["main"] != nil && chosen["compatibility_date"] == nil {
		w.notice(chosen["main"], `the file has no "compatibility_date", so `+DefaultCompatibilityDate+" is used", "write the date that the Worker was tested with")
	}
}

// environment chooses the sections that count, and refuses unknown ones.
func (w *wrangler) environment(top *table, env string) map[string]*node {
	chosen := map[string]*node{}
	for _, name := range top.names {
		if w.understood(name, top.get(name)) {
			chosen[name] = top.get(name)
		}
	}
	var envs *table
	if n := top.get("env"); n != nil {
		envs = w.object(n)
	}
	if env == "" {
		if envs != nil && len(envs.names) > 0 {
			w.notice(top.get("env"), "the top level of the file is used, none of its environments", "choose one with --env "+strings.Join(envs.names, ", --env "))
		}
		return chosen
	}
	n := envs.get(env)
	if n == nil {
		fix := "take --env away"
		if envs != nil && len(envs.names) > 0 {
			fix = "choose " + orList(envs.names)
		}
		w.refuse(top.get("env"), fmt.Sprintf("there is no environment %q", env), fix)
		return chosen
	}
	own := w.object(n)
	for name, s := range chosen {
		if sections[name].scope == perEnv {
			delete(chosen, name)
			if own.get(name) == nil {
				w.notice(s, fmt.Sprintf("%s is not inherited, so environment %q has none, as with wrangler", name, env),
					fmt.Sprintf("repeat it in %s if it is meant to", n.path))
			}
		}
	}
	if own.get("route") != nil || own.get("routes") != nil {
		delete(chosen, "route")
		delete(chosen, "routes")
	}
	for _, name := range own.names {
		e := own.get(name)
		if !w.understood(name, e) {
			continue
		}
		if sections[name].scope == topLevel {
			w.refuse(e, e.path+" may stand at the top level only", "move it there")
			continue
		}
		chosen[name] = e
	}
	return chosen
}

func (w *wrangler) understood(name string, n *node) bool {
	if _, ok := sections[name]; ok {
		return true
	}
	w.refuse(n, n.path+" is not understood", nearest(name, sectionNames()))
	return false
}

// at remembers where a setting stands.
func (w *wrangler) at(key string, n *node) { w.out.lines[key] = n.line }

func (w *wrangler) setting(name string, value json.RawMessage) {
	if w.out.Worker.Settings == nil {
		w.out.Worker.Settings = map[string]json.RawMessage{}
	}
	w.out.Worker.Settings[name] = value
}

// metadata passes a section on under the API's name.
func metadata(name string) func(*wrangler, *node) {
	return func(w *wrangler, n *node) { w.setting(name, n.json()) }
}

func nestedBindings(outer, inner string) func(*wrangler, *node) {
	return func(w *wrangler, n *node) {
		t := w.object(n)
		w.known(t, inner)
		if b := t.get(inner); b != nil {
			w.bindingList(outer+"."+inner, b)
		}
	}
}

func harmless(why string) func(*wrangler, *node) {
	return func(w *wrangler, n *node) { w.notice(n, n.path+" is not used: "+why, "") }
}

func unsupported(fix string) func(*wrangler, *node) {
	return func(w *wrangler, n *node) { w.refuse(n, n.path+" is not supported by kv-sync", fix) }
}

func untouched(what string) func(*wrangler, *node) {
	return func(w *wrangler, n *node) {
		w.notice(n, fmt.Sprintf("%s is not applied: kv-sync never changes %s", n.path, what), "change it with wrangler or in the dashboard")
	}
}

var datePattern = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)

func (w *wrangler) compatibilityDate(n *node) {
	date := w.text(n)
	if date != "" && !datePattern.MatchString(date) {
		w.refuse(n, fmt.Sprintf("%s is %.40q", n.path, date), "write a date such as "+DefaultCompatibilityDate)
		return
	}
	w.out.Worker.CompatibilityDate = date
}

func (w *wrangler) rules(n *node) {
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.known(t, "type", "globs", "fallthrough")
		kind, globs := t.get("type"), t.get("globs")
		if kind == nil || globs == nil {
			w.refuse(entry, entry.path+` wants "type" and "globs"`, "write both")
			continue
		}
		rule := bundle.Rule{
			Type:  w.oneOf(kind, "ESModule", "CommonJS", "Text", "Data", "CompiledWasm"),
			Globs: w.texts(globs),
		}
		if f := t.get("fallthrough"); f != nil {
			rule.Fallthrough = w.flag(f)
		}
		w.out.Code.Rules = append(w.out.Code.Rules, rule)
	}
}

func (w *wrangler) additionalModules(n *node) {
	if w.flag(n) {
		w.refuse(n, n.path+" is not supported by kv-sync", `set "no_bundle" to send files as they are, or take it out to have all imports bundled`)
	}
}

func (w *wrangler) migrations(n *node) {
	seen := map[string]bool{}
	for _, entry := range w.list(n) {
		t := w.object(entry)
		w.known(t, "tag", "new_classes", "new_sqlite_classes", "renamed_classes", "transferred_classes", "deleted_classes")
		tag := ""
		step := map[string]any{}
		for _, name := range t.names {
			if name == "tag" {
				tag = w.text(t.get(name))
				continue
			}
			w.list(t.get(name))
			step[name] = t.get(name).plain()
		}
		if tag == "" || seen[tag] {
			w.refuse(entry, entry.path+" has no tag of its own", `give each migration a "tag" that no other has, and never change it`)
			continue
		}
		seen[tag] = true
		w.out.Worker.Migrations = append(w.out.Worker.Migrations, kvsync.Migration{Tag: tag, Step: encode(step)})
	}
}

// placement gives the section the shape that wrangler sends.
func (w *wrangler) placement(n *node) {
	t := w.object(n)
	w.known(t, "mode", "hint", "region", "host", "hostname")
	get := func(name string) string {
		if m := t.get(name); m != nil {
			return w.text(m)
		}
		return ""
	}
	mode := "targeted"
	if m := t.get("mode"); m != nil {
		if mode = w.oneOf(m, "off", "smart", "targeted"); mode == "" {
			return
		}
	}
	out := map[string]string{}
	switch hint := get("hint"); {
	case hint != "":
		out["mode"], out["hint"] = "smart", hint
	case mode == "off":
		return
	case mode == "smart":
		out["mode"] = "smart"
	default:
		out["mode"] = "targeted"
		for _, name := range []string{"region", "host", "hostname"} {
			if v := get(name); v != "" {
				out[name] = v
				break
			}
		}
		if len(out) == 1 {
			w.refuse(n, n.path+" names no place", `write "region", "host" or "hostname", or {"mode": "smart"}`)
			return
		}
	}
	w.setting("placement", encode(out))
}

func (w *wrangler) secrets(n *node) {
	t := w.object(n)
	w.known(t, "required")
	if r := t.get("required"); r != nil {
		w.out.Secrets = w.texts(r)
	}
}

func (w *wrangler) queues(n *node) {
	t := w.object(n)
	w.known(t, "producers", "consumers")
	if p := t.get("producers"); p != nil {
		w.bindingList("queues.producers", p)
	}
	if c := t.get("consumers"); c != nil && len(w.list(c)) > 0 {
		untouched("the consumers of queues")(w, c)
	}
}

func (w *wrangler) triggers(n *node) {
	t := w.object(n)
	w.known(t, "crons", "events")
	for _, name := range t.names {
		if m := t.get(name); m.value != nil {
			untouched("a Worker's triggers")(w, m)
		}
	}
}

func (w *wrangler) untouchedRoutes(n *node) {
	if l, ok := n.value.([]*node); ok && len(l) == 0 {
		return
	}
	untouched("routes and domains")(w, n)
}

func (w *wrangler) build(n *node) {
	t := w.object(n)
	if c := t.get("command"); c != nil {
		w.out.Build.Line = w.text(c)
		w.at("build.command", c)
	}
	if c := t.get("cwd"); c != nil {
		w.out.Build.Dir = w.text(c)
		w.at("build.cwd", c)
	}
}

func (w *wrangler) complianceRegion(n *node) {
	if w.text(n) != "public" {
		w.refuse(n, n.path+" is not supported by kv-sync", "deploy this Worker with wrangler")
	}
}

// directory takes the folder of a site from a section that names one.
func (w *wrangler) directory(n *node) {
	dir := w.text(n)
	if dir == "" || w.out.Directory != "" {
		return
	}
	w.out.Directory = dir
	w.at("directory", n)
	w.notice(n, fmt.Sprintf("%s is the directory of the site, which kv-sync puts into KV", n.path), "")
}

func (w *wrangler) site(n *node) {
	t := w.object(n)
	w.known(t, "bucket", "include", "exclude", "entry-point")
	for _, name := range t.names {
		switch m := t.get(name); name {
		case "bucket":
			w.directory(m)
		case "exclude":
			w.out.Exclude = w.texts(m)
		case "include":
			if len(w.list(m)) > 0 {
				w.refuse(m, m.path+" is not supported by kv-sync", `name what is to be left out, in "ignore" of kv-sync.toml or in .assetsignore`)
			}
		case "entry-point":
			w.refuse(m, m.path+" is not supported by kv-sync", `write the file's name as "main"`)
		}
	}
}

func (w *wrangler) pages(n *node) { w.directory(n) }
