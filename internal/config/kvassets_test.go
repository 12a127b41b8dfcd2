package config

import (
	"strings"
	"testing"
)

func TestKVAssets(t *testing.T) {
	const layout = "layout = \"kv-assets\"\n"
	for _, tt := range []struct {
		name    string
		files   map[string]string
		want    Build
		index   string
		binding string
		refused string
		noticed string
	}{
		{"defaults", map[string]string{"kv-sync.toml": layout}, Build{"", "."}, "data/assets.bin", "", "", ""},
		{"all", map[string]string{"kv-sync.toml": layout + "build = \"make\"\nindex = \"x/y.bin\"\nbinding = \"ASSETS\""}, Build{"make", "."}, "x/y.bin", "ASSETS", "", ""},
		{"wrangler's", map[string]string{"kv-sync.toml": layout, "wrangler.toml": "[build]\ncommand = \"cargo build\"\ncwd = \"rust\""}, Build{"cargo build", "rust"}, "data/assets.bin", "", "", ""},
		{"ours first", map[string]string{"kv-sync.toml": layout + `build = "make"`, "wrangler.toml": "[build]\ncommand = \"cargo build\"\ncwd = \"rust\""}, Build{"make", "."}, "data/assets.bin", "", "", ""},
		{"cwd leaves", map[string]string{"kv-sync.toml": layout, "wrangler.toml": "[build]\ncommand = \"x\"\ncwd = \"../..\""}, Build{}, "", "", "wrangler.toml:3: build.cwd may not be used: it is outside of", ""},
		{"index leaves", map[string]string{"kv-sync.toml": layout + `index = "../assets.bin"`}, Build{}, "", "", "kv-sync.toml:2: index may not be used: it is outside of", ""},
		{"project", map[string]string{"kv-sync.toml": layout + `project = "shop"`}, Build{}, "", "", "is for sites", ""},
		{"overlay", map[string]string{"kv-sync.toml": layout + "[overlay]\n"}, Build{}, "", "", `the layout "kv-assets" has no overlay`, ""},
		{"static assets", map[string]string{"kv-sync.toml": layout, "wrangler.toml": "main = \"m.js\"\n[assets]\nbinding = \"A\"\n", "m.js": ""}, Build{}, "", "", "no binding of Static Assets", ""},
		{"binding twice", map[string]string{"kv-sync.toml": layout + `binding = "DB"`, "wrangler.toml": "[vars]\nDB = \"x\""}, Build{}, "", "", "the binding DB is there twice", ""},
		{"binding", map[string]string{"kv-sync.toml": layout + `binding = "a-b"`}, Build{}, "", "", `binding is "a-b"`, ""},
		{"handling", map[string]string{"kv-sync.toml": layout + `not-found = "none"`}, Build{"", "."}, "data/assets.bin", "", "", "not-found has no effect"},
		{"build elsewhere", map[string]string{"kv-sync.toml": `build = "make"`}, Build{}, "", "", `kv-sync.toml:1: build is for the layout "kv-assets"; run it before`, ""},
		{"index elsewhere", map[string]string{"kv-sync.toml": `index = "x"`}, Build{}, "", "", `index is for the layout "kv-assets"`, ""},
		{"wrangler's elsewhere", map[string]string{"wrangler.toml": "[build]\ncommand = \"make\""}, Build{}, "", "", "", "wrangler.toml:2: build.command is not run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, notices, err := Load(Inputs{Root: project(t, site(tt.files)), Flags: map[string]string{"name": "x"}, Getenv: func(string) string { return "" }})
			if tt.name == "project" {
				s, notices, err = Load(Inputs{Root: project(t, site(tt.files))})
			}
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("error %v, want %q", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Build != tt.want || s.Index != tt.index || s.Binding != tt.binding {
				t.Errorf("%+v, %q, %q", s.Build, s.Index, s.Binding)
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
