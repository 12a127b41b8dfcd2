package wrangler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
)

// scope says whether an environment inherits a section from the top level. Each section has
// the same scope as in wrangler.
type scope int

const (
	inherited scope = iota // an environment inherits the section
	perEnv                 // an environment does not inherit the section
	topLevel               // an environment cannot have the section
)

// section is one key of a wrangler file.
type section struct {
	scope scope
	read  func(w *reader, n *tree.Node)
}

// sections lists every key of wrangler 4. init fills it, because some read functions refer to
// it.
var sections = map[string]section{}

// Sections lists the keys of a wrangler file that Read knows, sorted.
func Sections() []string { return slices.Sorted(maps.Keys(sections)) }

func init() {
	maps.Copy(sections, workerSections)
	maps.Copy(sections, siteSections)
	maps.Copy(sections, unusedSections)
	maps.Copy(sections, refusedSections)
	for name := range listKinds {
		if !strings.Contains(name, ".") {
			sections[name] = section{perEnv, func(w *reader, n *tree.Node) { w.bindingList(name, n) }}
		}
	}
	for name, kind := range singleKinds {
		sections[name] = section{perEnv, func(w *reader, n *tree.Node) { w.binding(kind, n) }}
	}
}

// workerSections describe the Worker: its name, its code, and the metadata of its
// version.
var workerSections = map[string]section{
	"name":                    {inherited, setting("name", func(f *File) *string { return &f.Name })},
	"account_id":              {inherited, setting("account-id", func(f *File) *string { return &f.Account })},
	"main":                    {inherited, setting("worker", func(f *File) *string { return &f.Code.Main })},
	"compatibility_date":      {inherited, (*reader).compatibilityDate},
	"compatibility_flags":     {inherited, (*reader).compatibilityFlags},
	"rules":                   {inherited, (*reader).rules},
	"no_bundle":               {inherited, func(w *reader, n *tree.Node) { w.out.Code.NoBundle = w.Flag(n) }},
	"base_dir":                {inherited, setting("base_dir", func(f *File) *string { return &f.Code.BaseDir })},
	"find_additional_modules": {inherited, (*reader).additionalModules},
	"preserve_file_names":     {inherited, func(w *reader, n *tree.Node) { w.out.Code.PreserveFileNames = w.Flag(n) }},
	"minify":                  {inherited, func(w *reader, n *tree.Node) { w.out.Code.Minify = w.Flag(n) }},
	"keep_names":              {inherited, func(w *reader, n *tree.Node) { w.out.Code.KeepNames = w.Flag(n) }},
	"jsx_factory":             {inherited, func(w *reader, n *tree.Node) { w.out.Code.JSXFactory = w.Text(n) }},
	"jsx_fragment":            {inherited, func(w *reader, n *tree.Node) { w.out.Code.JSXFragment = w.Text(n) }},
	"tsconfig":                {inherited, setting("tsconfig", func(f *File) *string { return &f.Code.Tsconfig })},
	"define":                  {perEnv, func(w *reader, n *tree.Node) { w.out.Code.Define = w.TextMap(n) }},
	"alias":                   {topLevel, func(w *reader, n *tree.Node) { w.out.Code.Alias = w.TextMap(n) }},

	"vars":                     {perEnv, (*reader).vars},
	"unsafe":                   {perEnv, (*reader).unsafe},
	"migrations":               {inherited, (*reader).migrations},
	"limits":                   {inherited, metadata("limits")},
	"placement":                {inherited, (*reader).placement},
	"observability":            {inherited, metadata("observability")},
	"logpush":                  {inherited, metadata("logpush")},
	"cache":                    {inherited, (*reader).cache},
	"tail_consumers":           {perEnv, metadata("tail_consumers")},
	"streaming_tail_consumers": {perEnv, metadata("streaming_tail_consumers")},
	"secrets":                  {perEnv, (*reader).secrets},
	"durable_objects":          {perEnv, nestedBindings("durable_objects", "bindings")},
	"logfwdr":                  {inherited, nestedBindings("logfwdr", "bindings")},
	"queues":                   {perEnv, (*reader).queues},
}

// siteSections describe the site, and settings that are not part of a version. kv-sync does
// not change these settings.
var siteSections = map[string]section{
	"assets":                 {inherited, (*reader).assets},
	"site":                   {topLevel, (*reader).site},
	"pages_build_output_dir": {topLevel, (*reader).pages},

	"route":        {inherited, (*reader).routes},
	"routes":       {inherited, (*reader).routes},
	"workers_dev":  {inherited, func(w *reader, n *tree.Node) { on := w.Flag(n); w.out.WorkersDev = &on }},
	"preview_urls": {inherited, notApplied("whether previews have URLs")},
	"triggers":     {inherited, (*reader).triggers},
	"build":        {inherited, (*reader).build},
}

// unusedSections affect only wrangler itself.
var unusedSections = map[string]section{
	"$schema":      {topLevel, func(*reader, *tree.Node) {}},
	"env":          {topLevel, func(*reader, *tree.Node) {}},
	"dev":          {topLevel, (*reader).dev},
	"send_metrics": {topLevel, notUsed("kv-sync sends no metrics")},
	"keep_vars": {topLevel,
		notUsed("kv-sync always keeps the bindings and variables that no file defines")},
	"dependencies_instrumentation": {topLevel, notUsed("kv-sync reports no packages")},
	"upload_source_maps": {inherited,
		notUsed("kv-sync uploads no source maps, so stack traces show lines of the bundle")},
}

const (
	useWrangler  = "deploy this Worker with wrangler"
	useDashboard = "set it in the dashboard, and remove it here"
)

// refusedSections change the Worker in a way that kv-sync does not support, so they cannot be
// ignored.
var refusedSections = map[string]section{
	"wasm_modules":       {topLevel, unsupported("import the .wasm file in the Worker's code instead")},
	"text_blobs":         {topLevel, unsupported("import the text file in the Worker's code instead")},
	"data_blobs":         {topLevel, unsupported("import the data file in the Worker's code instead")},
	"node_compat":        {inherited, unsupported(`add "nodejs_compat" to compatibility_flags instead`)},
	"containers":         {perEnv, unsupported(useWrangler)},
	"cloudchamber":       {perEnv, unsupported(useWrangler)},
	"python_modules":     {inherited, (*reader).pythonModules},
	"exports":            {inherited, unsupported(useWrangler)},
	"connect":            {perEnv, unsupported(useWrangler)},
	"access":             {inherited, unsupported(useDashboard)},
	"previews":           {inherited, notUsed("it concerns previews only, which kv-sync does not deploy")},
	"addresses":          {topLevel, unsupported(useDashboard)},
	"first_party_worker": {inherited, unsupported(tree.RemoveIt)},
	"compliance_region":  {inherited, (*reader).complianceRegion},
	"analytics":          {perEnv, unsupported("use analytics_engine_datasets instead")},
	"agent_memory":       {perEnv, unsupported(useWrangler)},
	"artifacts":          {perEnv, unsupported(useWrangler)},
	"flagship":           {perEnv, unsupported(useWrangler)},
	"k2":                 {perEnv, unsupported(useWrangler)},
	"unsafe_hello_world": {perEnv, unsupported(tree.RemoveIt)},
}

// setting returns a function that reads a text into a field, and records the place of key.
func setting(key string, field func(*File) *string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) {
		*field(w.out) = w.Text(n)
		w.record(key, n)
	}
}

// metadata returns a function that sends a section unchanged in the upload's metadata.
func metadata(name string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) { w.addMetadata(name, n.JSON()) }
}

// nestedBindings returns a function that reads a list of bindings inside of a section.
func nestedBindings(outer, inner string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) {
		t := w.Object(n)
		w.RefuseUnknown(t, inner)
		if b := t.Get(inner); b != nil {
			w.bindingList(outer+"."+inner, b)
		}
	}
}

// notUsed returns a function that reports a section without effect.
func notUsed(why string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) { w.Notice(n, n.Path+" is not used: "+why, "") }
}

// unsupported returns a function that refuses a section. An empty one, which build tools write,
// changes nothing.
func unsupported(fix string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) {
		if !n.Empty() {
			w.Refuse(n, n.Path+" is not supported by kv-sync", fix)
		}
	}
}

// notApplied returns a function that reports a section about something that kv-sync never
// changes.
func notApplied(what string) func(*reader, *tree.Node) {
	return func(w *reader, n *tree.Node) {
		w.Notice(n, fmt.Sprintf("%s is not applied: kv-sync never changes %s", n.Path, what),
			"change it with wrangler or in the dashboard")
	}
}
