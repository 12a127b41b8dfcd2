package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// metadata is what wrangler sends, and what we would.
func metadataOf(t *testing.T, w kvsync.Worker) map[string]any {
	t.Helper()
	bindings := map[string]any{}
	for _, b := range w.Bindings {
		m := map[string]any{"name": b.Name, "type": b.Type}
		for k, v := range b.Fields {
			m[k] = decoded(t, v)
		}
		bindings[b.Name] = m
	}
	out := map[string]any{"bindings": bindings, "compatibility_date": w.CompatibilityDate}
	if len(w.CompatibilityFlags) > 0 {
		flags, err := json.Marshal(w.CompatibilityFlags)
		if err != nil {
			t.Fatal(err)
		}
		out["compatibility_flags"] = decoded(t, flags)
	}
	for k, v := range w.Settings {
		out[k] = decoded(t, v)
	}
	return out
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

// The metadata is the same as the real wrangler's (testdata/README.md says how
// it was captured), binding by binding and setting by setting.
func TestMetadataIsWranglers(t *testing.T) {
	for dir, env := range map[string]string{"every": "", "environment": "staging"} {
		t.Run(dir, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", dir, "metadata.json"))
			if err != nil {
				t.Fatal(err)
			}
			want := decoded(t, raw).(map[string]any)
			bindings := map[string]any{}
			for _, b := range want["bindings"].([]any) {
				bindings[b.(map[string]any)["name"].(string)] = b
			}
			if len(bindings) < 4 {
				t.Fatalf("the capture has %d bindings", len(bindings))
			}
			want["bindings"] = bindings
			delete(want, "main_module")
			delete(want, "keep_bindings") // the engine's business
			flags := map[string]string{"directory": "public"}
			if env != "" {
				flags["env"] = env
			}
			s, _, err := Load(Inputs{Root: filepath.Join("testdata", dir), Flags: flags})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, metadataOf(t, s.Worker)); d != "" {
				t.Errorf("metadata (-wrangler +ours):\n%s", d)
			}
			if env != "" && s.Name != "site-staging" {
				t.Errorf("name %s", s.Name)
			}
		})
	}
}

func TestMigrations(t *testing.T) {
	s, _ := mustLoad(t, Inputs{Root: "testdata/every", Flags: map[string]string{"directory": "public"}})
	want := []kvsync.Migration{
		{Tag: "v1", Step: json.RawMessage(`{"new_sqlite_classes":["Room","Old"]}`)},
		{Tag: "v2", Step: json.RawMessage(`{"deleted_classes":["Old"]}`)},
	}
	if d := cmp.Diff(want, s.Worker.Migrations); d != "" {
		t.Errorf("migrations (-want +got):\n%s", d)
	}
}

// One configuration in wrangler's three languages.
var languages = map[string]string{
	"wrangler.json": `{"name": "one", "main": "src/index.ts", "account_id": "acc", "compatibility_date": "2026-02-03",
		"compatibility_flags": ["nodejs_compat"], "vars": {"A": "x", "N": 1, "F": 1.5, "B": false, "O": {"k": ["v"]}},
		"kv_namespaces": [{"binding": "KV1", "id": "1"}, {"binding": "KV2", "id": "2"}],
		"durable_objects": {"bindings": [{"name": "DO", "class_name": "C"}]},
		"migrations": [{"tag": "v1", "new_classes": ["C"], "renamed_classes": [{"from": "A", "to": "B"}]}],
		"rules": [{"type": "Text", "globs": ["**/*.md"], "fallthrough": true}],
		"assets": {"directory": "public", "not_found_handling": "404-page"}, "workers_dev": false,
		"define": {"V": "\"1\""}, "minify": true, "keep_names": false, "limits": {"cpu_ms": 100}, "secrets": {"required": ["S"]}}`,
	"wrangler.jsonc": `// the same
	{
		/* block */ "name": "one", "main": "src/index.ts", "account_id": "acc", "compatibility_date": "2026-02-03",
		"compatibility_flags": ["nodejs_compat",],
		"vars": {"A": "x", "N": 1, "F": 1.5, "B": false, "O": {"k": ["v"]}}, // vars
		"kv_namespaces": [{"binding": "KV1", "id": "1"}, {"binding": "KV2", "id": "2"},],
		"durable_objects": {"bindings": [{"name": "DO", "class_name": "C"}]},
		"migrations": [{"tag": "v1", "new_classes": ["C"], "renamed_classes": [{"from": "A", "to": "B"}]}],
		"rules": [{"type": "Text", "globs": ["**/*.md"], "fallthrough": true}],
		"assets": {"directory": "public", "not_found_handling": "404-page"}, "workers_dev": false,
		"define": {"V": "\"1\""}, "minify": true, "keep_names": false, "limits": {"cpu_ms": 100}, "secrets": {"required": ["S"]},
	}`,
	"wrangler.toml": `
name = "one"
main = "src/index.ts"
account_id = "acc"
compatibility_date = "2026-02-03"
compatibility_flags = [
  "nodejs_compat", # a comment with [ and "
]
workers_dev = false
minify = true
keep_names = false
define = { V = '"1"' }
limits.cpu_ms = 100
secrets = { required = ["S"] }

[assets]
directory = "public"
not_found_handling = "404-page"

[vars]
A = "x"
N = 1
F = 1.5
B = false
O = { k = ["v"] }

[[kv_namespaces]]
binding = "KV1"
id = "1"

[[kv_namespaces]]
binding = "KV2"
id = "2"

[durable_objects]
bindings = [{ name = "DO", class_name = "C" }]

[[migrations]]
tag = "v1"
new_classes = ["C"]
renamed_classes = [{ from = "A", to = "B" }]

[[rules]]
type = "Text"
globs = ["**/*.md"]
fallthrough = true
`,
}

func TestThreeLanguages(t *testing.T) {
	var first *Settings
	var reasons []string
	for _, name := range wranglerFiles {
		s, notices := mustLoad(t, Inputs{Root: project(t, site(map[string]string{name: languages[name]}))})
		s.Root, s.Code.Root, s.Files, s.origins = "", "", nil, nil
		var r []string
		for _, n := range notices {
			r = append(r, n.Reason)
		}
		if first == nil {
			first, reasons = s, r
		}
		if d := cmp.Diff(first, s, cmp.AllowUnexported(Settings{}), cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Code.Boundary" }, cmp.Ignore())); d != "" {
			t.Errorf("%s differs from %s:\n%s", name, wranglerFiles[0], d)
		}
		if len(r) != len(reasons) {
			t.Errorf("%s: notices %v, not %v", name, r, reasons)
		}
	}
	if len(first.Worker.Bindings) != 8 || first.Code.KeepNames || !first.Code.Minify || *first.WorkersDev || first.RequiredSecrets[0] != "S" {
		t.Errorf("settings %+v", first)
	}
}

// Nothing is dropped in silence: every section leaves a trace in the settings,
// or is named in a notice or an error.
func TestNothingIsDroppedInSilence(t *testing.T) {
	values := map[string]string{
		"$schema": "", "env": "", // these two say nothing
	}
	for name := range sections {
		if _, skip := values[name]; skip {
			continue
		}
		traced := false
		for _, value := range []string{`"404"`, `true`, `{"x": 1}`, `["x"]`, `[{"binding": "B"}]`} {
			top, err := parseJSON([]byte(fmt.Sprintf(`{%q: %s}`, name, value)))
			if err != nil {
				t.Fatal(err)
			}
			empty, _, _ := readWrangler("f", &table{}, "")
			out, problems, notices := readWrangler("f", top, "")
			traced = traced || len(problems)+len(notices) > 0 || cmp.Diff(empty, out, cmp.AllowUnexported(wranglerFile{}, given{}, origin{})) != ""
		}
		if !traced {
			t.Errorf("%s is dropped in silence", name)
		}
	}
}

// schemaKeys are the top-level keys of wrangler 4.164.0's config-schema.json.
const schemaKeys = `$schema access account_id addresses agent_memory ai ai_search ai_search_namespaces alias analytics
	analytics_engine_datasets artifacts assets base_dir browser build cache cloudchamber compatibility_date
	compatibility_flags compliance_region connect containers d1_databases data_blobs define
	dependencies_instrumentation dev dispatch_namespaces durable_objects env exports find_additional_modules
	first_party_worker flagship hyperdrive images jsx_factory jsx_fragment k2 keep_names keep_vars kv_namespaces
	limits logfwdr logpush main media migrations minify mtls_certificates name no_bundle observability
	pages_build_output_dir pipelines placement preserve_file_names preview_urls previews python_modules queues
	r2_buckets ratelimits route routes rules secrets secrets_store_secrets send_email send_metrics services site
	stream streaming_tail_consumers tail_consumers text_blobs triggers tsconfig unsafe unsafe_hello_world
	upload_source_maps vars vectorize version_metadata vpc_networks vpc_services wasm_modules worker_loaders
	workers_dev workflows`

func TestEveryKeyOfWranglerIsKnown(t *testing.T) {
	for _, name := range strings.Fields(schemaKeys) {
		if _, ok := sections[name]; !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

func TestWranglerProblems(t *testing.T) {
	tests := []struct{ name, file, refused, noticed string }{
		{"unknown section", `{"kv_namespace": []}`, `wrangler.json:1: kv_namespace is not understood; did you mean "kv_namespaces"?`, ""},
		{"unknown member", `{"kv_namespaces": [{"binding": "A", "id": "1", "idd": 1}]}`, "kv_namespaces[0].idd is not understood", ""},
		{"no id", `{"kv_namespaces": [{"binding": "A"}]}`, `kv_namespaces[0] has no "id"; kv-sync creates no resources`, ""},
		{"no name", `{"r2_buckets": [{"bucket_name": "b"}]}`, `r2_buckets[0] has no "binding"`, ""},
		{"twice", `{"vars": {"A": ""}, "kv_namespaces": [{"binding": "A", "id": "1"}]}`, "the binding A is there twice", ""},
		{"ours", `{"vars": {"KV_SYNC": ""}}`, "KV_SYNC belongs to kv-sync", ""},
		{"ours too", `{"kv_namespaces": [{"binding": "KV_SYNC_BLOBS", "id": "1"}]}`, "KV_SYNC_BLOBS belongs to kv-sync", ""},
		{"ours also", `{"durable_objects": {"bindings": [{"name": "KV_SYNC_OVERLAY", "class_name": "Overlay"}]}}`, "KV_SYNC_OVERLAY belongs to kv-sync", ""},
		{"wrong type", `{"kv_namespaces": {"A": "1"}}`, "kv_namespaces is an object, not a list", ""},
		{"date", `{"compatibility_date": "2026-13-01"}`, "compatibility_date", ""},
		{"own workflow", `{"workflows": [{"binding": "F", "name": "f", "class_name": "F"}]}`, "which kv-sync cannot create", ""},
		{"migration without a tag", `{"main": "m.js", "migrations": [{"new_classes": []}]}`, "no tag of its own", ""},
		{"containers", `{"containers": []}`, "containers is not supported", ""},
		{"additional modules", `{"find_additional_modules": true}`, "no_bundle", ""},
		{"assets binding taken", `{"main": "m.js", "assets": {"directory": "public", "binding": "DB"}, "vars": {"DB": "x"}}`, "the binding DB is there twice, the other is assets.binding", ""},
		{"assets binding ours", `{"main": "m.js", "assets": {"binding": "KV_SYNC"}}`, "KV_SYNC belongs to kv-sync", ""},
		{"assets binding alone", `{"assets": {"directory": "public", "binding": "ASSETS"}}`, "", "there is no Worker that they could be for"},
		{"worker first pattern", `{"main": "m.js", "assets": {"run_worker_first": ["api/*"]}}`, `"api/*" does not begin with / or !/`, ""},
		{"worker first negative", `{"main": "m.js", "assets": {"run_worker_first": ["!/api/*"]}}`, "sends no pathname to the Worker", ""},
		{"worker first empty", `{"main": "m.js", "assets": {"run_worker_first": []}}`, "sends no pathname to the Worker", ""},
		{"worker first twice", `{"main": "m.js", "assets": {"run_worker_first": ["/a", "/a"]}}`, `"/a" is there twice`, ""},
		{"worker first long", `{"main": "m.js", "assets": {"run_worker_first": ["/` + strings.Repeat("a", 100) + `"]}}`, "more than 100 characters", ""},
		{"worker first word", `{"main": "m.js", "assets": {"run_worker_first": "/api/*"}}`, "not a list", ""},
		{"assets handling", `{"assets": {"html_handling": "auto"}}`, `write "auto-trailing-slash"`, ""},
		{"placement", `{"placement": {"mode": "targeted"}}`, "names no place", ""},
		{"python rule", `{"rules": [{"type": "PythonModule", "globs": []}]}`, `rules[0].type is "PythonModule"`, ""},
		{"unsafe", `{"unsafe": {"capnp": {}}}`, "unsafe.capnp is not understood", ""},
		{"null is nothing", `{"containers": null}`, "", ""},
		{"routes", `{"routes": ["example.com/*"]}`, "", "kv-sync never changes routes and domains"},
		{"crons", `{"triggers": {"crons": ["* * * * *"]}}`, "", "kv-sync never changes a Worker's triggers"},
		{"consumers", `{"queues": {"consumers": [{"queue": "q"}]}}`, "", "the consumers of queues"},
		{"build", `{"build": {"command": "make"}}`, "", "build.command is not run"},
		{"dev", `{"dev": {"port": 1}}`, "", "wrangler dev only"},
		{"no date", `{"main": "m.js"}`, "", DefaultCompatibilityDate + " is used"},
		{"directory", `{"assets": {"directory": "public"}}`, "", "assets.directory is the directory of the site"},
		{"site", `{"site": {"bucket": "./public", "exclude": ["*.map"]}}`, "", "site.bucket is the directory of the site"},
		{"environments", `{"env": {"prod": {}}}`, "", "none of its environments; choose one with --env prod"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, notices, err := Load(Inputs{Root: project(t, site(map[string]string{"wrangler.json": tt.file})), Flags: map[string]string{"name": "x"}})
			switch {
			case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("error %v, want %q", err, tt.refused)
			case tt.refused == "" && err != nil:
				t.Errorf("error %v", err)
			}
			var all []string
			for _, n := range notices {
				all = append(all, n.String())
			}
			if !strings.Contains(strings.Join(all, "\n"), tt.noticed) {
				t.Errorf("notices %q, want %q", all, tt.noticed)
			}
		})
	}
}

func TestLinesOfTOML(t *testing.T) {
	text := `a = 1
b = """
c = 2
"""
list = [
  "x", # ]
  'y',
]
[t]
"quoted.key" = 1
d.e = 2
[[l]]
n = 1
[[l]]
n = 2
[l.sub]
m = 3
[[l.deep]]
k = 1
`
	top, err := parseTOML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	var walk func(n *node)
	walk = func(n *node) {
		got[n.path] = n.line
		switch v := n.value.(type) {
		case *table:
			for _, name := range v.names {
				walk(v.get(name))
			}
		case []*node:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, name := range top.names {
		walk(top.get(name))
	}
	want := map[string]int{
		"a": 1, "b": 2, "list": 5, "list[0]": 5, "list[1]": 5, "t": 9, "t.quoted.key": 10, "t.d": 9, "t.d.e": 11,
		"l": 12, "l[0]": 12, "l[0].n": 13, "l[1]": 14, "l[1].n": 15, "l[1].sub": 16, "l[1].sub.m": 17, "l[1].deep": 18, "l[1].deep[0]": 18, "l[1].deep[0].k": 19,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}

func FuzzWrangler(f *testing.F) {
	for name, text := range languages {
		f.Add(name, []byte(text), "")
	}
	for _, seed := range []string{`{"env":{"a":{"name":null}}}`, `{"name":}`, "\xef\xbb\xbf{}", `{"vars":{"":1}}`, "{\"a\xff\":1}", `{"unsafe":{"bindings":[{}]}}`} {
		f.Add("wrangler.json", []byte(seed), "a")
	}
	for _, seed := range []string{"a.b.c=1", "[[a]]\n[[a.b]]", "a=inf", "a=2020-01-01", "[env.a]\nvars={x='''\n'''}", "'a\"b'=1"} {
		f.Add("wrangler.toml", []byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, name string, data []byte, env string) {
		top, err := parse(name, data)
		if err != nil {
			return
		}
		out, problems, notices := readWrangler(name, top, env)
		for _, p := range append(problems, notices...) {
			if p.Reason == "" || p.Line > strings.Count(string(data), "\n")+1 {
				t.Errorf("problem %+v", p)
			}
		}
		for _, b := range out.Worker.Bindings {
			if b.Name == "" || b.Name == kvsync.BindingMeta || b.Name == kvsync.BindingBlobs {
				t.Errorf("binding %+v", b)
			}
			for k, v := range b.Fields {
				if !json.Valid(v) {
					t.Errorf("%s.%s = %s", b.Name, k, v)
				}
			}
		}
	})
}

func FuzzProjectFile(f *testing.F) {
	f.Add([]byte("name = \"a\"\nretain = 5\nignore = [\"x\"]"))
	f.Add([]byte("memory = 1e9\ngrace = \"-1h\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, ProjectFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, _, err := Load(Inputs{Root: root, Flags: map[string]string{"directory": "."}})
		if err == nil && (!namePattern.MatchString(s.Name) || s.BaseURL != DefaultBaseURL || s.Token != "" || s.Retain < 1) {
			t.Errorf("settings %+v", s)
		}
	})
}
