package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/config/tree"
)

// testdata/sections.txt lists wrangler files and their errors and notices. It covers every
// section.
func TestSectionMessages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/sections.txt")
	if err != nil {
		t.Fatal(err)
	}
	const undated = `the file has no "compatibility_date"` // TestNoticed covers this notice
	covered := map[string]bool{}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		file, want, _ := strings.Cut(block, "\n")
		root := project(t, siteFiles(wranglerJSON(file)))
		_, refused, noticed := reported(t, Inputs{Root: root, Flags: map[string]string{"name": "x"}})
		got := []string{}
		for _, message := range append(refused, noticed...) {
			if message = strings.TrimPrefix(message, "wrangler.json:1: "); !strings.HasPrefix(message, undated) {
				got = append(got, "  "+message)
			}
		}
		if d := cmp.Diff(want, strings.Join(got, "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
		top, err := tree.Parse("wrangler.json", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range top.Names {
			covered[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		if !covered[name] {
			t.Errorf("sections.txt has no file with %s", name)
		}
	}
}

// Sections of a wrangler file set these values.
func TestSectionValues(t *testing.T) {
	t.Parallel()
	settings := func(f *wranglerFile) any {
		out := map[string]string{}
		for name, value := range f.Worker.Settings {
			out[name] = string(value)
		}
		return out
	}
	bindings := func(f *wranglerFile) any {
		var out []string
		for _, b := range f.Worker.Bindings {
			text := b.Name + " " + b.Type
			for _, name := range slices.Sorted(maps.Keys(b.Fields)) {
				text += " " + name + "=" + string(b.Fields[name])
			}
			out = append(out, text)
		}
		return out
	}
	on := true
	for file, tt := range map[string]struct {
		get  func(f *wranglerFile) any
		want any
	}{
		`"name": "a"`:       {func(f *wranglerFile) any { return f.Name }, "a"},
		`"account_id": "a"`: {func(f *wranglerFile) any { return f.Account }, "a"},
		`"main": "w.js"`:    {func(f *wranglerFile) any { return f.Code.Main }, "w.js"},
		`"compatibility_flags": ["a", "b"]`: {
			func(f *wranglerFile) any { return f.Worker.CompatibilityFlags }, []string{"a", "b"},
		},
		`"no_bundle": true`:           {func(f *wranglerFile) any { return f.Code.NoBundle }, true},
		`"base_dir": "src"`:           {func(f *wranglerFile) any { return f.Code.BaseDir }, "src"},
		`"preserve_file_names": true`: {func(f *wranglerFile) any { return f.Code.PreserveFileNames }, true},
		`"minify": true`:              {func(f *wranglerFile) any { return f.Code.Minify }, true},
		`"keep_names": false`:         {func(f *wranglerFile) any { return f.Code.KeepNames }, false},
		`"minify": false`:             {func(f *wranglerFile) any { return f.Code.KeepNames }, true},
		`"jsx_factory": "h"`:          {func(f *wranglerFile) any { return f.Code.JSXFactory }, "h"},
		`"jsx_fragment": "F"`:         {func(f *wranglerFile) any { return f.Code.JSXFragment }, "F"},
		`"tsconfig": "t.json"`:        {func(f *wranglerFile) any { return f.Code.Tsconfig }, "t.json"},
		`"define": {"A": "1"}`: {
			func(f *wranglerFile) any { return f.Code.Define }, map[string]string{"A": "1"},
		},
		`"alias": {"a": "b"}`: {
			func(f *wranglerFile) any { return f.Code.Alias }, map[string]string{"a": "b"},
		},
		`"workers_dev": true`:                   {func(f *wranglerFile) any { return f.WorkersDev }, &on},
		`"secrets": {"required": ["S"]}`:        {func(f *wranglerFile) any { return f.Secrets }, []string{"S"}},
		`"site": {"exclude": ["*.map"]}`:        {func(f *wranglerFile) any { return f.Exclude }, []string{"*.map"}},
		`"site": {"bucket": "b"}`:               {func(f *wranglerFile) any { return f.Directory }, "b"},
		`"pages_build_output_dir": "p"`:         {func(f *wranglerFile) any { return f.Directory }, "p"},
		`"build": {"command": "m", "cwd": "c"}`: {func(f *wranglerFile) any { return f.Build }, Build{"m", "c"}},
		`"cache": {"enabled": true}`:            {func(f *wranglerFile) any { return f.Serving.EdgeCache }, 86400},
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
		`"dispatch_namespaces": [{"binding": "D", "namespace": "n", "outbound": {"service": "s", "environment": "e"}}]`: {
			bindings, []string{`D dispatch_namespace namespace="n" outbound={"worker":{"service":"s","environment":"e"}}`},
		},
	} {
		top, err := tree.Parse("wrangler.json", []byte("{"+file+"}"))
		if err != nil {
			t.Fatal(err)
		}
		f, problems, _ := readWrangler("wrangler.json", top, "")
		if d := cmp.Diff(tt.want, tt.get(f)); d != "" || len(problems) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", file, problems, d)
		}
	}
}

// "route" or "routes" of an environment replaces both keys of the top level. A section that is
// allowed only at the top level is refused in an environment.
func TestSectionsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`{"name": "a", "routes": ["a/*"], "env": {"e": {"route": "b/*"}}}`: "1: env.e.route is not applied: " +
			"kv-sync never changes routes and domains; change it with wrangler or in the dashboard",
		`{"name": "a", "env": {"e": {"alias": {}}}}`: "1: env.e.alias is allowed at the top level only; move it there",
		`{"name": "a", "env": {"e": {"mian": "x"}}}`: `1: env.e.mian is not understood; did you mean "main"?`,
		`{"name": "a", "env": {"e": {"name": "b"}}}`: "",
	} {
		_, refused, noticed := reported(t, Inputs{
			Root: project(t, siteFiles(wranglerJSON(file))), Flags: map[string]string{"env": "e"},
		})
		if want != "" {
			want = "[wrangler.json:" + want + "]"
		} else {
			want = "[]"
		}
		if got := fmt.Sprint(append(refused, noticed...)); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}
