package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// project writes files into a new folder.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func environ(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func mustLoad(t *testing.T, in Inputs) (*Settings, []manifest.Problem) {
	t.Helper()
	s, notices, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return s, notices
}

// withoutOrigins is an option of cmp that ignores where settings come from.
var withoutOrigins = cmp.FilterPath(func(p cmp.Path) bool {
	return slices.Contains([]string{"origins", "buildCommand", "toolCommand", "clientRouter", "Code.Boundary"}, p.String())
}, cmp.Ignore())

// reported loads a configuration. It returns the settings, or the problems of the error, and
// the notices.
func reported(t *testing.T, in Inputs) (s *Settings, refused []string, noticed []string) {
	t.Helper()
	s, notices, err := Load(in)
	for _, n := range notices {
		noticed = append(noticed, n.String())
	}
	if err == nil {
		return s, nil, noticed
	}
	list, ok := errors.AsType[*Error](err)
	if !ok {
		return nil, []string{err.Error()}, noticed
	}
	for _, p := range list.Problems {
		refused = append(refused, p.String())
	}
	return nil, refused, noticed
}

// site is a project with a site and a name, to which a test adds files.
func siteFiles(more map[string]string) map[string]string {
	files := map[string]string{"public/index.html": "<p>hi", "package.json": `{"name": "@acme/my-Site"}`}
	maps.Copy(files, more)
	return files
}

func TestNoConfiguration(t *testing.T) {
	root := project(t, siteFiles(nil))
	s, notices := mustLoad(t, Inputs{Root: root})
	want := &Settings{
		Options: options.Values{options.Source: "auto"},
		Root:    root, Name: "my-site", Derived: true, Directory: "public", Layout: "content", BaseURL: DefaultBaseURL,
		Retain: site.DefaultRetain, Grace: site.DefaultGrace, Variables: Variables{Dir: root},
	}
	want.Worker.CompatibilityDate = DefaultCompatibilityDate
	want.Code.Root, want.Code.CompatibilityDate = root, DefaultCompatibilityDate
	if d := cmp.Diff(want, s, withoutOrigins); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if len(notices) > 0 {
		t.Errorf("notices %v", notices)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(nil)), Flags: map[string]string{"api-token": "s3cret"}})
	j, err := json.Marshal(map[string]any{"token": s.Token})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %s", s.Token, s, s, s.Token, s.Token, s.Token, j)
	if strings.Contains(all, "s3cret") || strings.Contains(all, "733363") {
		t.Error("the token was printed")
	}
	_, _, err = Load(Inputs{Root: project(t, siteFiles(nil)), Flags: map[string]string{"api-token": "s3cret\n"}})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

func TestDefaultCompatibilityDate(t *testing.T) {
	// The oldest pinned workerd (1.20261023.1, for macOS) refuses later dates.
	if DefaultCompatibilityDate > "2026-10-23" || !wrangler.DatePattern.MatchString(DefaultCompatibilityDate) {
		t.Errorf("the default compatibility date is %s", DefaultCompatibilityDate)
	}
	if !slices.IsSorted(wranglerFiles) {
		t.Errorf("%v does not have wrangler's order", wranglerFiles)
	}
}

// replaceRoot replaces the project's folder in a message.
func replaceRoot(text, root string) string { return strings.ReplaceAll(text, root, "ROOT") }
