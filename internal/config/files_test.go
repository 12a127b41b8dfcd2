package config

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Settings come from the configuration files in the commit. A configuration file that the
// commit does not have is read from the disk, with a notice.
func TestSettingsFromACommit(t *testing.T) {
	root := project(t, map[string]string{
		"app/wrangler.jsonc":      `{"name": "now", "main": "now.ts"}`,
		"app/kv-sync.toml":        "retain = 9\n",
		"app/dist/index.html":     "",
		"app/package.json":        `{"name": "now"}`,
		"elsewhere/wrangler.toml": `name = "elsewhere"`,
	})
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	commit := fstest.MapFS{
		"app/wrangler.toml":       file("name = \"then\"\nmain = \"then.ts\"\n"),
		"app/public/index.html":   file(""),
		"elsewhere/wrangler.toml": file("name = \"committed\"\n"),
	}
	load := func(flags map[string]string) (*Settings, string) {
		t.Helper()
		s, notices, err := Load(Inputs{Root: root + "/app", Boundary: below(t, root), Commit: commit, Flags: flags})
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, n := range notices {
			if strings.Contains(n.Reason, "the commit does not have this file") {
				paths = append(paths, n.Path)
			}
		}
		return s, strings.Join(paths, " ")
	}
	s, fromDisk := load(nil)
	if s.Name != "then" || s.Code.Main != "then.ts" || s.Directory != "public" || s.Retain != 9 ||
		fromDisk != "kv-sync.toml" {
		t.Errorf("%+v; %q from the disk", s, fromDisk)
	}
	if s, _ := load(map[string]string{"config": "../elsewhere/wrangler.toml"}); s.Name != "committed" {
		t.Errorf("got %s", s.Name)
	}
	// If the commit has no wrangler file, the one on the disk is used.
	delete(commit, "app/wrangler.toml")
	s, fromDisk = load(nil)
	if s.Name != "now" || s.Directory != "public" || fromDisk != "kv-sync.toml wrangler.jsonc" {
		t.Errorf("%s in %s; %q from the disk", s.Name, s.Directory, fromDisk)
	}
	// If the commit has no site but the disk has one, only the Worker is deployed.
	delete(commit, "app/public/index.html")
	if s, _ := load(nil); s.Directory != "" {
		t.Errorf("the site is in %s", s.Directory)
	}
	if !slices.Contains(s.Files, "wrangler.jsonc") {
		t.Errorf("files %v", s.Files)
	}
}
