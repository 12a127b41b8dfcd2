package wrangler

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kv-sync/kv-sync/internal/config/tree"
)

// Sections of a wrangler file set these values.
func TestSectionValues(t *testing.T) {
	t.Parallel()
	settings := func(f *File) any {
		out := map[string]string{}
		for name, value := range f.Worker.Settings {
			out[name] = string(value)
		}
		return out
	}
	bindings := func(f *File) any {
		var out []string
		for _, b := range f.Worker.Bindings {
			text := b.Name + " " + b.Type
			if b.Unnamed != nil {
				text += fmt.Sprintf(" unnamed %s %s %s", b.Unnamed.Setting, b.Unnamed.Where, b.Unnamed.Hint)
			}
			for _, name := range slices.Sorted(maps.Keys(b.Fields)) {
				text += " " + name + "=" + string(b.Fields[name])
			}
			out = append(out, text)
		}
		return out
	}
	on := true
	for file, tt := range map[string]struct {
		get  func(f *File) any
		want any
	}{
		`"name": "a"`:       {func(f *File) any { return f.Name }, "a"},
		`"account_id": "a"`: {func(f *File) any { return f.Account }, "a"},
		`"main": "w.js"`:    {func(f *File) any { return f.Code.Main }, "w.js"},
		`"compatibility_flags": ["a", "b"]`: {
			func(f *File) any { return f.Worker.CompatibilityFlags }, []string{"a", "b"},
		},
		`"no_bundle": true`:           {func(f *File) any { return f.Code.NoBundle }, true},
		`"base_dir": "src"`:           {func(f *File) any { return f.Code.BaseDir }, "src"},
		`"preserve_file_names": true`: {func(f *File) any { return f.Code.PreserveFileNames }, true},
		`"minify": true`:              {func(f *File) any { return f.Code.Minify }, true},
		`"keep_names": false`:         {func(f *File) any { return f.Code.KeepNames }, false},
		`"minify": false`:             {func(f *File) any { return f.Code.KeepNames }, true},
		`"jsx_factory": "h"`:          {func(f *File) any { return f.Code.JSXFactory }, "h"},
		`"jsx_fragment": "F"`:         {func(f *File) any { return f.Code.JSXFragment }, "F"},
		`"tsconfig": "t.json"`:        {func(f *File) any { return f.Code.Tsconfig }, "t.json"},
		`"define": {"A": "1"}`: {
			func(f *File) any { return f.Code.Define }, map[string]string{"A": "1"},
		},
		`"alias": {"a": "b"}`: {
			func(f *File) any { return f.Code.Alias }, map[string]string{"a": "b"},
		},
		`"workers_dev": true`:                   {func(f *File) any { return f.WorkersDev }, &on},
		`"secrets": {"required": ["S"]}`:        {func(f *File) any { return f.Secrets }, []string{"S"}},
		`"site": {"exclude": ["*.map"]}`:        {func(f *File) any { return f.Exclude }, []string{"*.map"}},
		`"site": {"bucket": "b"}`:               {func(f *File) any { return f.Directory }, "b"},
		`"pages_build_output_dir": "p"`:         {func(f *File) any { return f.Directory }, "p"},
		`"build": {"command": "m", "cwd": "c"}`: {func(f *File) any { return f.Build }, Build{"m", "c"}},
		`"cache": {"enabled": true}`:            {func(f *File) any { return f.Serving.EdgeCache }, 86400},
		`"placement": {"mode": "smart"}`:        {settings, map[string]string{"placement": `{"mode":"smart"}`}},
		`"placement": {"hint": "weur"}`: {
			settings, map[string]string{"placement": `{"hint":"weur","mode":"smart"}`},
		},
		`"placement": {"host": "a:1"}`: {
			settings, map[string]string{"placement": `{"host":"a:1","mode":"targeted"}`},
		},
		`"placement": {"mode": "off"}`:           {settings, map[string]string{}},
		`"limits": {"cpu_ms": 5}`:                {settings, map[string]string{"limits": `{"cpu_ms":5}`}},
		`"logpush": true`:                        {settings, map[string]string{"logpush": "true"}},
		`"observability": {"enabled": true}`:     {settings, map[string]string{"observability": `{"enabled":true}`}},
		`"tail_consumers": []`:                   {settings, map[string]string{"tail_consumers": "[]"}},
		`"streaming_tail_consumers": []`:         {settings, map[string]string{"streaming_tail_consumers": "[]"}},
		`"unsafe": {"metadata": {"m": 1}}`:       {settings, map[string]string{"m": "1"}},
		`"vars": {"A": "<", "B": [1]}`:           {bindings, []string{`A plain_text text="<"`, "B json json=[1]"}},
		`"ai": {"binding": "AI", "staging": ""}`: {bindings, []string{"AI ai"}},
		`"unsafe": {"bindings": [{"name": "U", "type": "t", "x": 1}]}`: {
			bindings, []string{"U t x=1"},
		},
		`"logfwdr": {"bindings": [{"name": "L", "destination": "d"}]}`: {
			bindings, []string{`L logfwdr destination="d"`},
		},
		`"pipelines": [{"binding": "P", "stream": "s", "pipeline": "p"}]`: {
			bindings, []string{`P pipelines stream="s"`},
		},
		`"kv_namespaces": [{"binding": "A"}, {"binding": "B", "id": ""}]`: {
			bindings, []string{"A kv_namespace unnamed id wrangler.json:1 ", "B kv_namespace unnamed id wrangler.json:1 "},
		},
		`"r2_buckets": [{"binding": "R", "jurisdiction": "eu"}]`: {
			bindings, []string{`R r2_bucket unnamed bucket_name wrangler.json:1  jurisdiction="eu"`},
		},
		`"d1_databases": [{"binding": "D", "database_name": "orders"}]`: {
			bindings, []string{"D d1 unnamed database_id wrangler.json:1 orders"},
		},
		`"queues": {"producers": [{"binding": "Q"}]}`: {
			bindings, []string{"Q queue unnamed queue wrangler.json:1 "},
		},
		`"ai_search_namespaces": [{"binding": "A"}]`: {
			bindings, []string{"A ai_search_namespace unnamed namespace wrangler.json:1 "},
		},
		`"dispatch_namespaces": [{"binding": "D", "namespace": "n", "outbound": {"service": "s", "environment": "e"}}]`: {
			bindings, []string{`D dispatch_namespace namespace="n" outbound={"worker":{"service":"s","environment":"e"}}`},
		},
	} {
		top, err := tree.Parse("wrangler.json", []byte("{"+file+"}"))
		if err != nil {
			t.Fatal(err)
		}
		f, problems, _ := Read("wrangler.json", top, nil, "")
		if d := cmp.Diff(tt.want, tt.get(f)); d != "" || len(problems) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", file, problems, d)
		}
	}
}
