package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

// metadataOf returns the metadata of a Worker in the same form as wrangler's.
func metadataOf(t *testing.T, w cloud.Worker) map[string]any {
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

// The metadata equals that of wrangler, which testdata/README.md says how to record.
func TestMetadataEqualsWranglers(t *testing.T) {
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
			delete(want, "keep_bindings") // the engine adds it
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
	want := []cloud.Migration{
		{Tag: "v1", Step: json.RawMessage(`{"new_sqlite_classes":["Room","Old"]}`)},
		{Tag: "v2", Step: json.RawMessage(`{"deleted_classes":["Old"]}`)},
	}
	if d := cmp.Diff(want, s.Worker.Migrations); d != "" {
		t.Errorf("migrations (-want +got):\n%s", d)
	}
}

// languages is the same configuration in the three languages that wrangler reads.
var languages = map[string]string{
	"wrangler.json": `{"name": "one", "main": "src/index.ts", "account_id": "acc", "compatibility_date": "2026-02-03",
		"compatibility_flags": ["nodejs_compat"], "vars": {"A": "x", "N": 1, "F": 1.5, "B": false, "O": {"k": ["v"]}},
		"kv_namespaces": [{"binding": "KV1", "id": "1"}, {"binding": "KV2", "id": "2"}],
		"durable_objects": {"bindings": [{"name": "DO", "class_name": "C"}]},
		"migrations": [{"tag": "v1", "new_classes": ["C"], "renamed_classes": [{"from": "A", "to": "B"}]}],
		"rules": [{"type": "Text", "globs": ["**/*.md"], "fallthrough": true}],
		"assets": {"directory": "public", "not_found_handling": "404-page"}, "workers_dev": false,
		"define": {"V": "\"1\""}, "minify": true, "keep_names": false,
		"limits": {"cpu_ms": 100}, "secrets": {"required": ["S"]}}`,
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
		"define": {"V": "\"1\""}, "minify": true, "keep_names": false,
		"limits": {"cpu_ms": 100}, "secrets": {"required": ["S"]},
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

func TestWranglerFileLanguages(t *testing.T) {
	var first *Settings
	var reasons []string
	for _, name := range wranglerFiles {
		s, notices := mustLoad(t, Inputs{Root: project(t, siteFiles(map[string]string{name: languages[name]}))})
		s.Root, s.Code.Root, s.Files, s.origins, s.Variables = "", "", nil, nil, Variables{}
		var r []string
		for _, n := range notices {
			r = append(r, n.Reason)
		}
		if first == nil {
			first, reasons = s, r
		}
		if d := cmp.Diff(first, s, cmp.AllowUnexported(Settings{}), withoutOrigins); d != "" {
			t.Errorf("%s differs from %s:\n%s", name, wranglerFiles[0], d)
		}
		if len(r) != len(reasons) {
			t.Errorf("%s: notices %v, not %v", name, r, reasons)
		}
	}
	if len(first.Worker.Bindings) != 8 || first.Code.KeepNames || !first.Code.Minify || *first.WorkersDev ||
		first.RequiredSecrets[0] != "S" {
		t.Errorf("settings %+v", first)
	}
}

// schemaKeys are the top-level keys of config-schema.json of wrangler 4.164.0.
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

func TestEveryWranglerKeyIsKnown(t *testing.T) {
	for _, name := range strings.Fields(schemaKeys) {
		if !slices.Contains(wrangler.Sections(), name) {
			t.Errorf("%s is not known", name)
		}
	}
}
