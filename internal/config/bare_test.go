package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/options"
)

// In bare mode, the same keys and variables are read as by the Rust kv-sync.
func TestBare(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files, env               map[string]string
		name, account, dir, from string
		refused                  []string
	}{
		"a wrangler file of any version": {
			files: wranglerTOML("name = \"old\"\naccount_id = \"abc\"\ntype = \"rust\"\n[site]\nbucket = \"dist\"\n"),
			name:  "old", account: "abc", dir: "public", from: "folder",
		},
		"empty values of a template": {
			files: wranglerTOML("name = \"old\"\naccount_id = \"\"\n"), name: "old", dir: "public", from: "folder",
		},
		"variables first": {
			files: wranglerTOML("name = \"old\"\naccount_id = \"abc\"\n"),
			env:   map[string]string{"CF_NAME": "new", "CF_ACCOUNT_ID": "def"}, name: "new", account: "def", dir: "public",
			from: "folder",
		},
		"kv-sync.toml": {
			files: ownFile("name = \"own\"\ndirectory = \"site\"\nsource = \"commit\"\n"), name: "own", dir: "site",
			from: "commit",
		},
		"no name": {
			refused: []string{`--wrangler: the Worker has no name; write name = "…" into wrangler.toml, or set CF_NAME`},
		},
		"a name of another type": {
			files:   wranglerTOML("\nname = 7\n"),
			refused: []string{"wrangler.toml:2: name is a number, not a string; put it in quotes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := Inputs{Root: project(t, tt.files), Bare: true, Getenv: environ(tt.env)}
			s, refused, noticed := reported(t, in)
			if !slices.Equal(refused, tt.refused) || len(noticed) > 0 {
				t.Fatalf("errors %q, notices %q", refused, noticed)
			}
			if s == nil {
				return
			}
			if s.Name != tt.name || s.Account != tt.account || s.Directory != tt.dir ||
				s.Options.Text(options.Source) != tt.from || s.Layout != layoutKVAssets || s.Project != "" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestMeansBare(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"an empty folder": {nil, false},
		"a Rust Worker":   {map[string]string{"wrangler.toml": "", "Cargo.toml": ""}, false},
		"code with the index": {map[string]string{"wrangler.toml": "", "Cargo.toml": "",
			"src/lib.rs": `static ASSETS: &[u8] = include_bytes!("../data/assets.bin");`}, true},
		"other code": {map[string]string{"wrangler.toml": "", "Cargo.toml": "", "src/lib.rs": "mod assets;",
			"src/assets.bin.md": "assets.bin"}, false},
		"a Rust program with the index": {map[string]string{"Cargo.toml": "", "src/lib.rs": "assets.bin"}, false},
		"a named index":                 {ownFile(`index = "files.bin"`), true},
		"a Worker":                      {map[string]string{"wrangler.toml": ""}, false},
		"a Rust program":                {map[string]string{"Cargo.toml": ""}, false},
		"an index":                      {map[string]string{"data/assets.bin": ""}, true},
		"the layout":                    {ownFile(`layout = "kv-assets"`), true},
		"another layout":                {map[string]string{ProjectFile: `layout = "content"`, "data/assets.bin": ""}, false},
		"an invalid own file":           {map[string]string{ProjectFile: "layout =", "data/assets.bin": ""}, true},
		"a file without layout":         {map[string]string{ProjectFile: "retain = 5", "data/assets.bin": ""}, true},
	} {
		if got := MeansBare(project(t, tt.files)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if MeansBare(missing) {
		t.Error("a missing folder")
	}
	if err := os.WriteFile(missing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
