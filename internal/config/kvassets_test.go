package config

import (
	"maps"
	"slices"
	"testing"
)

func TestKVAssets(t *testing.T) {
	t.Parallel()
	const layout = "layout = \"kv-assets\"\n"
	const cargo = "[build]\ncommand = \"cargo build\"\ncwd = \"rust\""
	for name, tt := range map[string]struct {
		own, wrangler  string
		project        bool
		build          Build
		index, binding string
		refused        []string
	}{
		"defaults": {own: layout, build: Build{"", "."}, index: DefaultIndex},
		"all settings": {
			own:   layout + "build = \"make\"\nindex = \"x/y.bin\"\nbinding = \"ASSETS\"",
			build: Build{"make", "."}, index: "x/y.bin", binding: "ASSETS",
		},
		"wrangler's build": {own: layout, wrangler: cargo, build: Build{"cargo build", "rust"}, index: DefaultIndex},
		"kv-sync.toml's build before wrangler's": {
			own: layout + `build = "make"`, wrangler: cargo, build: Build{"make", "."}, index: DefaultIndex,
		},
		"cwd outside": {
			own: layout, wrangler: "[build]\ncommand = \"x\"\ncwd = \"../..\"",
			refused: []string{"wrangler.toml:3: build.cwd may not be used: it is outside of ROOT; name a path inside"},
		},
		"index outside": {
			own:     layout + `index = "../assets.bin"`,
			refused: []string{"kv-sync.toml:2: index may not be used: it is outside of ROOT; name a path inside"},
		},
		"a project": {
			own: layout + `project = "shop"`, project: true,
			refused: []string{
				`kv-sync.toml:1: the layout "kv-assets" is for sites, and this is a project; use the layout "content"`,
			},
		},
		"an overlay": {
			own: layout + "[overlay]\n",
			refused: []string{`kv-sync.toml:2: the layout "kv-assets" has no overlay; ` +
				`remove the table, or use the layout "content"`},
		},
		"static assets": {
			own: layout, wrangler: "main = \"m.js\"\n[assets]\nbinding = \"A\"\ndirectory = \"public\"\n",
			refused: []string{`wrangler.toml:2: in the layout "kv-assets" the Worker serves the files, and there is no ` +
				`binding of Static Assets; remove binding and run_worker_first, or use the layout "content"`},
		},
		"a binding that is taken": {
			own: layout + `binding = "DB"`, wrangler: "[vars]\nDB = \"x\"",
			refused: []string{"kv-sync.toml:2: the binding DB is also defined in the wrangler file; " +
				"remove the other one: this is the namespace that kv-sync uploads to"},
		},
		"a build in another layout": {
			own: `build = "make"`,
			refused: []string{
				`kv-sync.toml:1: build is for the layout "kv-assets"; run it before kv-sync, and remove this line`,
			},
		},
		"an index in another layout": {
			own: `index = "x"`, refused: []string{`kv-sync.toml:1: index is for the layout "kv-assets"; remove it`},
		},
		"a binding in another layout": {
			own: `binding = "X"`, refused: []string{`kv-sync.toml:1: binding is for the layout "kv-assets"; remove it`},
		},
		"wrangler's build in another layout": {wrangler: cargo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := ownFile(tt.own)
			if tt.wrangler != "" {
				maps.Copy(files, wranglerTOML(tt.wrangler))
			}
			in := Inputs{Root: project(t, siteFiles(files)), Flags: map[string]string{"name": "x"}}
			if tt.project {
				in.Flags = nil
			}
			s, refused, _ := reported(t, in)
			for i := range refused {
				refused[i] = replaceRoot(refused[i], in.Root)
			}
			if !slices.Equal(refused, tt.refused) {
				t.Fatalf("errors %q, want %q", refused, tt.refused)
			}
			if s != nil && (s.Build != tt.build || s.Index != tt.index || s.Binding != tt.binding) {
				t.Errorf("%+v, %q, %q", s.Build, s.Index, s.Binding)
			}
		})
	}
}

// With Inputs.Builds, a wrangler file's build is a setting in every layout, without a notice.
func TestBuildsInput(t *testing.T) {
	t.Parallel()
	for wrangler, want := range map[string]Build{
		"[build]\ncommand = \"make\"":                 {"make", "."},
		"[build]\ncommand = \"make\"\ncwd = \"site\"": {"make", "site"},
		"name = \"x\"": {"", "."},
	} {
		s, _, noticed := reported(t, Inputs{
			Root: project(t, siteFiles(wranglerTOML(wrangler))), Builds: true, Flags: map[string]string{"name": "x"},
		})
		if s.Build != want || len(noticed) > 0 {
			t.Errorf("%q: %+v, %q", wrangler, s.Build, noticed)
		}
	}
}
