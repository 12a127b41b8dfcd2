package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/overlay"
)

func TestOverlay(t *testing.T) {
	for name, tc := range map[string]struct {
		own    string
		on     bool
		rights overlay.Rights
	}{
		"nothing":         {``, false, overlay.Rights{}},
		"an empty table":  {"[overlay]\n", true, overlay.Rights{}},
		"write":           {"[overlay]\nwrite = true\n", true, overlay.Rights{Write: true}},
		"write and rules": {"[overlay]\nrules = true\nwrite = true\n", true, overlay.Rights{Write: true, Rules: true}},
		"write = false":   {"[overlay]\nwrite = false\n", true, overlay.Rights{}},
		"inline":          {"overlay = { write = true }\n", true, overlay.Rights{Write: true}},
		"off":             {"overlay = false\n", false, overlay.Rights{}},
	} {
		s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(map[string]string{"kv-sync.toml": tc.own}))})
		if s.Serving.Overlay != tc.on || s.Code.Overlay != tc.on || s.Rights != tc.rights {
			t.Errorf("%s: overlay %v, of the code %v, %+v", name, s.Serving.Overlay, s.Code.Overlay, s.Rights)
		}
	}
	long := strings.Repeat("a", overlay.MaxSite)
	for _, tc := range []struct{ own, want string }{
		{"[overlay]\nwrites = true\n", `kv-sync.toml:2: overlay.writes is not understood; did you mean "write"?`},
		{"[overlay]\nwrite = \"yes\"\n", "kv-sync.toml:2: overlay.write is a string, not a boolean"},
		{"overlay = true\n", "kv-sync.toml:1: overlay is a boolean, not a table; write the line [overlay]"},
		{
			"[overlay]\nwrite = true\nretain = 10\n",
			"kv-sync.toml:3: overlay.retain is not understood; write it above the line [overlay]",
		},
		{
			"[overlay]\nrules = true\n",
			"kv-sync.toml:1: overlay.rules allows writing rule files, but overlay.write is not true",
		},
		{"project = \"shop\"\nlayout = \"pathname\"\n[overlay]\n", `kv-sync.toml:3: the layout "pathname" has no overlay`},
		{
			"name = \"" + long + "a\"\n[overlay]\n",
			fmt.Sprintf("kv-sync.toml:1: the name %q has %d characters; with an overlay %d are allowed", long+"a",
				overlay.MaxSite+1, overlay.MaxSite),
		},
	} {
		_, _, err := Load(Inputs{Root: project(t, siteFiles(map[string]string{"kv-sync.toml": tc.own}))})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.own, err, tc.want)
		}
	}
	mustLoad(t, Inputs{Root: project(t,
		siteFiles(map[string]string{"kv-sync.toml": "name = \"" + long + "\"\n[overlay]\n"}))})
}

// If the shared file enables the overlay, projects have one, too. The project's loader decides
// what may be written.
func TestOverlayOfAProject(t *testing.T) {
	root := project(t, map[string]string{
		"kv-sync.toml":               "[overlay]\nwrite = true\n",
		"projects/shop/public/a.txt": `a`,
		"projects/own/public/a.txt":  `a`, "projects/own/kv-sync.toml": "[overlay]\nwrite = true\n",
		"projects/off/public/a.txt": `a`, "projects/off/kv-sync.toml": "overlay = false\n",
		"projects/bare/public/a.txt": `a`, "projects/bare/kv-sync.toml": "layout = \"pathname\"\n",
	})
	for id, want := range map[string]struct {
		on      bool
		notices int
	}{"shop": {true, 0}, "own": {true, 1}, "off": {false, 0}, "bare": {false, 0}} {
		s, notices := mustLoad(t, Inputs{
			Root: filepath.Join(root, "projects", id), Shared: root, Boundary: below(t, root),
			Flags: map[string]string{"project": id},
		})
		if s.Serving.Overlay != want.on || s.Code.Overlay || s.Rights != (overlay.Rights{}) || len(notices) != want.notices {
			t.Errorf("%s: overlay %v, of the code %v, %+v, notices %v", id, s.Serving.Overlay, s.Code.Overlay, s.Rights, notices)
		}
	}
}

// The file of the platform's own site is also read for a project that has no folder below projects/.
// What the project does not use there stays without advice to remove it.
func TestSettingsOfThePlatformsOwnSite(t *testing.T) {
	const set = "[overlay]\nwrite = true\n"
	for name, c := range map[string]struct {
		file    string
		project string
		notices int
	}{
		"the platform's":    {"edge-cache = 60\nretire = [\"/assets/*\"]\n" + set, "shop", 0},
		"the project's own": {"project = \"shop\"\nedge-cache = 60\nretire = [\"/assets/*\"]\n" + set, "", 3},
		"in a plain layout": {"layout = \"pathname\"\nretire = [\"/assets/*\"]\n" + set, "shop", 0},
	} {
		root := project(t, map[string]string{"kv-sync.toml": c.file, "public/a.txt": `a`})
		flags := map[string]string{}
		if c.project != "" {
			flags["project"] = c.project
		}
		for _, shared := range []string{"", root} {
			s, notices := mustLoad(t, Inputs{Root: root, Shared: shared, Flags: flags})
			if s.Project != "shop" || len(notices) != c.notices {
				t.Errorf("%s: project %q, notices %v", name, s.Project, notices)
			}
		}
	}
}
