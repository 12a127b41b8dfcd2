package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A project takes the settings of the shared file, except for the perProject ones. The
// project's own file has precedence.
func TestProject(t *testing.T) {
	root := project(t, map[string]string{
		"kv-sync.toml": `
name = "platform"
directory = "elsewhere"
worker = "src/loader.ts"
namespace = "shared"
retain = 9
branch = "main"
`,
		"projects/shop/kv-sync.toml":   `retain = 3`,
		"projects/shop/wrangler.jsonc": `{"name": "shop-dev", "main": "index.ts", "compatibility_date": "2026-09-01"}`,
		"projects/shop/index.ts":       ``,
		"projects/shop/public/a.txt":   `a`,
	})
	at := filepath.Join(root, "projects", "shop")
	s, notices := mustLoad(t,
		Inputs{Root: at, Shared: root, Boundary: below(t, root), Flags: map[string]string{"project": "shop"}})
	if s.Project != "shop" || s.Name != "" || s.Namespace != "shared" || s.Retain != 3 || s.Branch != "main" ||
		s.Directory != "public" || s.Code.Main != "index.ts" || len(notices) > 0 {
		t.Errorf("settings %+v, notices %v", s, notices)
	}
	if where := s.Where("namespace"); !strings.HasSuffix(where, "../../kv-sync.toml:5") {
		t.Errorf("the namespace is from %s", where)
	}

	// A setting without effect changes nothing, and is reported.
	if err := os.WriteFile(filepath.Join(at, "kv-sync.toml"), []byte("edge-cache = 60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, notices = mustLoad(t,
		Inputs{Root: at, Shared: root, Boundary: below(t, root), Flags: map[string]string{"project": "shop"}})
	if s.Serving.EdgeCache != 0 || s.Worker.Settings["cache_options"] != nil || len(notices) != 1 || notices[0].Line != 1 {
		t.Errorf("edge cache %d, settings %v, notices %v", s.Serving.EdgeCache, s.Worker.Settings, notices)
	}

	// The file in a project's folder cannot name another project.
	shop := Inputs{Root: at, Shared: root, Boundary: below(t, root), Flags: map[string]string{"project": "shop"}}
	for _, id := range []string{"shop", "blog"} {
		ok := id == "shop"
		text := "retain = 3\nproject = \"" + id + "\"\n"
		if err := os.WriteFile(filepath.Join(at, "kv-sync.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := Load(shop)
		if ok && (err != nil || s.Project != "shop") {
			t.Errorf("project %s: %+v, %v", id, s, err)
		}
		if !ok &&
			(err == nil || !strings.Contains(err.Error(), `kv-sync.toml:2: project is "blog", but its folder is called shop`)) {
			t.Errorf("project %s: %v", id, err)
		}
	}
	// Without a shared file, the file sets the project's id.
	if s, _, err := Load(Inputs{Root: at, Boundary: below(t, root)}); err != nil || s.Project != "blog" {
		t.Errorf("%+v, %v", s, err)
	}

	for _, bad := range []map[string]string{
		{"project": "a/b"}, {"project": "../x"}, {"project": ""}, {"project": "shop", "name": "blog"},
	} {
		if s, _, err := Load(Inputs{Root: at, Shared: root, Boundary: below(t, root), Flags: bad}); err == nil &&
			s.Project != "" {
			t.Errorf("%v was accepted: %+v", bad, s)
		}
	}
}
