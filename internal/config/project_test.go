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

// The kv-sync.toml beside the wrangler file that a flag or a variable names is the project's, as in a
// monorepo. Its paths begin at its folder. That of the root is for another site.
func TestProjectFileBesideTheWranglerFile(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"apps/web/wrangler.jsonc": `{"name": "web", "compatibility_date": "2026-10-01"}`,
		"apps/web/kv-sync.toml":   "retain = 9\nignore = [\"*.map\"]\ndirectory = \"dist\"\nworker = \"src/w.js\"\n",
		"apps/web/dist/a":         "", "apps/web/src/w.js": "export default {}",
	}
	const at = "apps/web/wrangler.jsonc"
	for name, in := range map[string]Inputs{
		"a flag":     {Flags: map[string]string{"config": at}},
		"a variable": {Getenv: environ(map[string]string{"KV_SYNC_CONFIG": at})},
	} {
		in.Root = project(t, files)
		s, notices := mustLoad(t, in)
		if s.Retain != 9 || len(s.Ignore) != 1 || s.Directory != "apps/web/dist" || s.Code.Main != "apps/web/src/w.js" {
			t.Errorf("%s: settings %+v", name, s)
		}
		if len(notices) > 0 {
			t.Errorf("%s: notices %v", name, notices)
		}
	}
	files[ProjectFile] = "name = \"another\"\nretain = 3\n"
	s, notices := mustLoad(t, Inputs{Root: project(t, files), Flags: map[string]string{"config": at}})
	if s.Retain != 9 || s.Name != "web" || len(notices) != 1 || !strings.Contains(notices[0].String(),
		"apps/web/kv-sync.toml: this file is used, which is beside apps/web/wrangler.jsonc, and not kv-sync.toml") {
		t.Errorf("with a file at the top: %s, %d, notices %v", s.Name, s.Retain, notices)
	}
	files[ProjectFile] = "config = \"apps/web/wrangler.jsonc\"\nretain = 3\n"
	s, notices = mustLoad(t, Inputs{Root: project(t, files), Flags: map[string]string{"directory": "apps/web/dist"}})
	if s.Retain != 3 || len(notices) != 1 || !strings.Contains(notices[0].String(),
		"kv-sync.toml:1: apps/web/kv-sync.toml, which is beside it, is not used") {
		t.Errorf("named by the file at the top: %d, notices %v", s.Retain, notices)
	}
	delete(files, "apps/web/kv-sync.toml")
	s, _ = mustLoad(t, Inputs{Root: project(t, files),
		Flags: map[string]string{"config": at, "directory": "apps/web/dist"}})
	if s.Retain != 3 {
		t.Errorf("without a file beside it: retain %d", s.Retain)
	}
}
