package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
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

func mustLoad(t *testing.T, in Inputs) (*Settings, []kvsync.Problem) {
	t.Helper()
	s, notices, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return s, notices
}

// site is a project with a site and a name, to which a test adds.
func site(more map[string]string) map[string]string {
	files := map[string]string{"public/index.html": "<p>hi", "package.json": `{"name": "@acme/my-Site"}`}
	maps.Copy(files, more)
	return files
}

func TestNoConfiguration(t *testing.T) {
	root := project(t, site(nil))
	s, notices := mustLoad(t, Inputs{Root: root})
	want := &Settings{
		Root: root, Name: "my-site", Directory: "public", Source: "auto", Layout: "content", BaseURL: DefaultBaseURL,
		Retain: 5, Grace: 24 * time.Hour,
	}
	want.Worker.CompatibilityDate = DefaultCompatibilityDate
	want.Code.Root, want.Code.CompatibilityDate = root, DefaultCompatibilityDate
	if d := cmp.Diff(want, s, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "origins" || p.String() == "Code.Boundary" }, cmp.Ignore())); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	// There is no kv-sync.toml, so nothing can be said of "this file".
	if len(notices) != 1 || notices[0].Path != "package.json" || !strings.Contains(notices[0].Reason, "called my-site") ||
		!strings.Contains(notices[0].Fix, "in kv-sync.toml") {
		t.Errorf("notices %v", notices)
	}
}

func TestNameWithoutConfiguration(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"my-site":  {},
		"blog":     {"package.json": `{}`, ".git/config": "[core]\n\tbare = false\n[remote \"up\"]\n\turl = x/no\n[remote \"origin\"]\n\turl = git@github.com:me/Blog.git\n"},
		"from-url": {"package.json": `{"name": "..."}`, ".git/config": "[remote \"origin\"]\nurl = https://host/me/From.url/\n"},
	} {
		s, _ := mustLoad(t, Inputs{Root: project(t, site(files))})
		if s.Name != want {
			t.Errorf("name %q, want %q", s.Name, want)
		}
	}
	root := filepath.Join(project(t, nil), "Über Uns")
	if err := os.MkdirAll(filepath.Join(root, "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if s, _ := mustLoad(t, Inputs{Root: root}); s.Name != "ber-uns" || s.Where("name") != "the folder's name" {
		t.Errorf("name %q by %s", s.Name, s.Where("name"))
	}
}

// The name is public, and a remote's URL may hold a token (promise 13).
func TestNameHoldsNoToken(t *testing.T) {
	for url, want := range map[string]string{
		"https://x-access-token:s3cret@host/":          "",
		"https://s3cret@host":                          "",
		"https://host/me/Blog.git?token=s3cret":        "blog",
		"https://host/me/blog/?private_token=a/s3cret": "blog",
		"ssh://git@host:22/me/blog.git#s3cret":         "blog",
		"https://x:s3cret@host/me/blog":                "blog",
		"/srv/git/blog.git":                            "blog",
	} {
		s, _ := mustLoad(t, Inputs{Root: project(t, site(map[string]string{"package.json": "{}", ".git/config": "[remote \"origin\"]\n\turl = " + url + "\n"}))})
		if want == "" { // the folder's
			want = filepath.Base(s.Root)
		}
		if s.Name != want {
			t.Errorf("%s: name %q, want %q", url, s.Name, want)
		}
	}
}

func TestDirectoryWithoutConfiguration(t *testing.T) {
	tests := map[string]struct {
		files     map[string]string
		want, err string
	}{
		"dist":           {map[string]string{"dist/index.html": "", "public/robots.txt": ""}, "dist", ""},
		"public":         {map[string]string{"public/a.txt": "", "src/index.html": ""}, "public", ""},
		"two":            {map[string]string{"dist/index.html": "", "build/index.html": ""}, "", "dist, build: each of these could be the site"},
		"none":           {nil, "", "run the site's build first"},
		"the top":        {map[string]string{"index.html": ""}, "", "--dir ."},
		"index a folder": {map[string]string{"www/index.html/x": ""}, "", "no site was found"},
	}
	for name, tt := range tests {
		s, _, err := Load(Inputs{Root: project(t, tt.files), Flags: map[string]string{"name": "x"}})
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", name, err, tt.err)
			}
		case err != nil || s.Directory != tt.want:
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// Flags beat the environment, which beats kv-sync.toml, which beats wrangler's file.
func TestPrecedence(t *testing.T) {
	root := project(t, site(map[string]string{
		"kv-sync.toml":   "# our file\nname = \"from-file\"\ndirectory = \"site\"\nsource = \"folder\"\nnot-found = \"none\"\naccount-id = \"file\"\nnamespace = \"file\"\n",
		"wrangler.jsonc": "{\n // c\n \"name\": \"From_Wrangler!\", \"account_id\": \"wrangler\",\n \"assets\": {\"directory\": \"./assets\",\n \"html_handling\": \"none\", \"not_found_handling\": \"404-page\"}}",
	}))
	vars := map[string]string{"KV_SYNC_NAME": "from-env", "CLOUDFLARE_ACCOUNT_ID": "env", "KV_SYNC_NAMESPACE": "env", "CF_API_TOKEN": "s3cret"}
	s, notices := mustLoad(t, Inputs{Root: root, Getenv: environ(vars), Flags: map[string]string{"name": "from-flag"}})
	got := []string{
		s.Name, s.Where("name"), s.Directory, s.Where("directory"), s.Account, s.Where("account-id"), s.Namespace,
		s.Serving.HTMLHandling, s.Where("html-handling"), s.Serving.NotFound, s.Where("not-found"), s.Where("retain"), s.Token.Reveal(),
	}
	want := []string{
		"from-flag", "--name", "site", "kv-sync.toml:3", "env", "CLOUDFLARE_ACCOUNT_ID", "env",
		"none", "wrangler.jsonc:5", "none", "kv-sync.toml:5", "the default", "s3cret",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if text := fmt.Sprint(notices); !strings.Contains(text, "CF_API_TOKEN") {
		t.Errorf("notices %s", text)
	}
	s, _ = mustLoad(t, Inputs{Root: root})
	if s.Name != "from-file" || s.Account != "file" {
		t.Errorf("name %s, account %s", s.Name, s.Account)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s, _ := mustLoad(t, Inputs{Root: project(t, site(nil)), Flags: map[string]string{"api-token": "s3cret"}})
	j, err := json.Marshal(map[string]any{"token": s.Token})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %s", s.Token, s, s, s.Token, s.Token, s.Token, j)
	if strings.Contains(all, "s3cret") || strings.Contains(all, "733363") {
		t.Error("the token was printed")
	}
	_, _, err = Load(Inputs{Root: project(t, site(nil)), Flags: map[string]string{"api-token": "s3cret\n"}})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

// Every line of this table is refused with the words behind it.
func TestRefused(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		flags map[string]string
		want  []string
	}{
		{"unknown key", map[string]string{"kv-sync.toml": "name = \"a\"\n\nretian = 3"}, nil, []string{`kv-sync.toml:3: retian is not understood; did you mean "retain"?`}},
		{"all at once", map[string]string{"kv-sync.toml": "name = 7\ngrace = \"soon\"\nsource = \"git\""}, nil,
			[]string{"kv-sync.toml:1: name is a number", `kv-sync.toml:2: grace is "soon"; write a time`, `kv-sync.toml:3: source is "git"; write "auto", "commit" or "folder"`}},
		{"values of another type", map[string]string{"kv-sync.toml": "name = 7\nretain = true\ngrace = 24\nsource = false\nbranch = [\"main\"]\nignore = 5\nlayout = {}\nparallel = [1]"}, nil,
			[]string{`:1: name is a number; put it in quotes: name = "7"`, ":2: retain is a boolean; write a number from 1 to 100", `:3: grace is a number; write a time of at least an hour, such as "24h"`,
				`:4: source is a boolean; write "auto", "commit" or "folder"`, `:5: branch is a list; write one value, in quotes: branch = "…"`, `:6: ignore is a number; write a list of patterns: ignore = ["*.map"]`,
				`:7: layout is an object; write one value, in quotes: layout = "…"`, `:8: parallel is a list; write one value`}},
		{"values of another type for wrangler", map[string]string{"wrangler.json": `{"minify": 1, "compatibility_flags": "x", "vars": 5, "main": true}`}, nil,
			[]string{"minify is a number, not a boolean; write true or false, without quotes", "compatibility_flags is a string, not a list; write it in brackets: [ … ]",
				"vars is a number, not an object; write names and values in braces: { … }", "main is a boolean, not a string; put it in quotes"}},
		{"API address in a file", map[string]string{"kv-sync.toml": "api-base-url = \"https://evil.example\""}, nil, []string{"kv-sync.toml:1: api-base-url may not stand in a file"}},
		{"token in a file", map[string]string{"kv-sync.toml": "api-token = \"x\""}, nil, []string{"api-token may not stand in a file"}},
		{"directory outside", map[string]string{"kv-sync.toml": "directory = \"../other\""}, nil, []string{"kv-sync.toml:1: directory may not be used: it is outside of"}},
		{"config outside", map[string]string{"kv-sync.toml": "\nconfig = \"../wrangler.toml\""}, nil, []string{"kv-sync.toml:2: config may not be used: it is outside of"}},
		{"main outside", map[string]string{"wrangler.toml": "main = \"/etc/passwd\""}, nil, []string{"wrangler.toml:1: worker may not be used: it is outside of"}},
		{"assets outside", map[string]string{"wrangler.toml": "[assets]\ndirectory = \"../x\""}, nil, []string{"wrangler.toml:2: directory may not be used: it is outside of"}},
		{"no config", nil, map[string]string{"config": "deploy/wrangler.toml"}, []string{"deploy/wrangler.toml: the file is not there"}},
		{"config of a kind", map[string]string{"w.yaml": ""}, map[string]string{"config": "w.yaml"}, []string{"ends in none of"}},
		{"environment without a file", nil, map[string]string{"env": "prod"}, []string{"--env: there is no wrangler file"}},
		{"no such environment", map[string]string{"wrangler.toml": "[env.staging]\nname = \"s\""}, map[string]string{"env": "prod"}, []string{`no environment "prod"; choose "staging"`}},
		{"bad JSON", map[string]string{"wrangler.json": "{\n \"name\": }"}, nil, []string{"wrangler.json:2:"}},
		{"bad TOML", map[string]string{"wrangler.toml": "name = \"a\"\nname = \"b\""}, nil, []string{"wrangler.toml:2:"}},
		{"twice", map[string]string{"wrangler.json": "{\n \"name\": \"a\",\n \"name\": \"b\"}"}, nil, []string{`wrangler.json:3: "name" stands there twice`}},
		{"no object", map[string]string{"wrangler.json": "[]"}, nil, []string{"it holds a list"}},
		{"deep", map[string]string{"wrangler.json": strings.Repeat("[", 1<<17)}, nil, []string{"nested too deeply"}},
		{"deep but within the first bound", map[string]string{"wrangler.json": `{"vars":{"A":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}}"}, nil, []string{"nested too deeply"}},
		{"keys that would keep the decoder busy for minutes", map[string]string{"wrangler.toml": strings.Repeat("a.", 1<<16) + "a = 1"}, nil, []string{"wrangler.toml:1: a key is nested too deeply"}},
		{"large", map[string]string{"wrangler.toml": strings.Repeat("#", 1<<18+1)}, nil, []string{"larger than a configuration file can be"}},
		{"name", nil, map[string]string{"name": "My Site"}, []string{`--name: name is "My Site"`, `such as "my-site"`}},
		{"http", nil, map[string]string{"api-base-url": "http://api.example/v4"}, []string{"--api-base-url", "write an https address"}},
		{"user in the address", nil, map[string]string{"api-base-url": "https://a:b@api.example/v4"}, []string{"write an address"}},
		{"unknown flag", nil, map[string]string{"naem": "x"}, []string{"--naem: there is no such setting"}},
		{"account", nil, map[string]string{"account-id": "../x"}, []string{"account-id"}},
		{"parallel", nil, map[string]string{"parallel": "0"}, []string{"from 1 to 64"}},
		{"memory", nil, map[string]string{"memory": "1MiB"}, []string{"at least 32 MiB"}},
		{"migrations without a Worker", map[string]string{"wrangler.toml": "[[migrations]]\ntag = \"v1\"\nnew_classes = [\"A\"]"}, nil, []string{"no Worker that has the classes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := project(t, site(tt.files))
			_, _, err := Load(Inputs{Root: root, Flags: tt.flags})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in\n%v", want, err)
				}
			}
		})
	}
}

func TestSymlinkOutOfTheRepository(t *testing.T) {
	outside := project(t, map[string]string{"wrangler.toml": "name = \"evil\"", "index.html": ""})
	for _, line := range []string{"config = \"link/wrangler.toml\"", "directory = \"link\"", "directory = \"link/not/there\"", "worker = \"link/w.js\""} {
		root := project(t, site(map[string]string{"kv-sync.toml": line}))
		if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(Inputs{Root: root}); err == nil || !strings.Contains(err.Error(), "kv-sync.toml:1") || !strings.Contains(err.Error(), "may not be used: it leads to "+outside) {
			t.Errorf("%s: %v", line, err)
		}
	}
	// What a person says by a flag is that person's business.
	root := project(t, site(nil))
	s, _ := mustLoad(t, Inputs{Root: root, Flags: map[string]string{"directory": outside, "config": filepath.Join(outside, "wrangler.toml")}})
	if s.Directory != filepath.ToSlash(outside) || s.Name != "evil" {
		t.Errorf("directory %s, name %s", s.Directory, s.Name)
	}
}

func TestProjectInsideOfARepository(t *testing.T) {
	repository := project(t, map[string]string{
		"apps/site/kv-sync.toml": "config = \"../../deploy/wrangler.toml\"\ndirectory = \"../../out\"",
		"deploy/wrangler.toml":   "name = \"site\"\nmain = \"src/index.ts\"\ncompatibility_date = \"2026-01-01\"\ntsconfig = \"tsconfig.worker.json\"",
	})
	s, _ := mustLoad(t, Inputs{Root: filepath.Join(repository, "apps/site"), Boundary: below(t, repository)})
	if s.Directory != "../../out" || s.Code.Main != "../../deploy/src/index.ts" || s.Code.Tsconfig != "../../deploy/tsconfig.worker.json" {
		t.Errorf("directory %s, main %s, tsconfig %s", s.Directory, s.Code.Main, s.Code.Tsconfig)
	}
	if got := s.Where("worker"); got != "../../deploy/wrangler.toml:2" {
		t.Errorf("worker comes from %s", got)
	}
}

func TestProjectFile(t *testing.T) {
	root := project(t, map[string]string{"kv-sync.toml": `
name = "a"
directory = "site"
source = "commit"
namespace = "shared"
layout = "content"
account-id = "0123456789abcdef0123456789abcdef"
worker = "src/w.ts"
compatibility-date = "2026-10-01"
html-handling = "drop-trailing-slash"
not-found = "single-page-application"
retain = 9
grace = "48h"
parallel = 4
memory = "96MiB"
branch = "main"
ignore = ["*.map", "drafts/"]
retire = ["/assets/*"]
`})
	s, notices := mustLoad(t, Inputs{Root: root})
	if len(notices) > 0 {
		t.Errorf("notices %v", notices)
	}
	got := []any{s.Source, s.Namespace, s.Account, s.Code.Main, s.Code.CompatibilityDate, s.Serving.HTMLHandling, s.Serving.NotFound,
		s.Retain, s.Grace, s.Parallel, s.Memory, s.Branch, s.Ignore, s.Retire}
	want := []any{"commit", "shared", "0123456789abcdef0123456789abcdef", "src/w.ts", "2026-10-01", "drop-trailing-slash", "single-page-application",
		9, 48 * time.Hour, 4, int64(96 << 20), "main", []string{"*.map", "drafts/"}, []string{"/assets/*"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	// Each key that a file may have stands in the documentation, and no other.
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range fileKeys() {
		if !strings.Contains(string(doc), "| `"+k+"` |") {
			t.Errorf("docs/configuration.md does not explain %s", k)
		}
	}
}

func TestPlatformDate(t *testing.T) {
	// The oldest workerd that is pinned, that for macOS, is 1.20261023.1; it
	// refuses later dates.
	if DefaultCompatibilityDate > "2026-10-23" || !datePattern.MatchString(DefaultCompatibilityDate) {
		t.Errorf("the default compatibility date is %s", DefaultCompatibilityDate)
	}
	if !slices.IsSorted(wranglerFiles) {
		t.Errorf("wrangler looks for %v in another order", wranglerFiles)
	}
}

// The workspace of a job is called after its repository, for its own name says
// nothing; a folder in it is called by its own name, for there may be several.
func TestNameOfAJob(t *testing.T) {
	workspace := filepath.Join(project(t, nil), "workspace")
	for _, dir := range []string{"public", "sites/a/public"} {
		if err := os.MkdirAll(filepath.Join(workspace, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	job := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace, "GITHUB_REPOSITORY": "Acme/Alpha"}
	load := func(root string, env map[string]string) *Settings {
		t.Helper()
		s, _ := mustLoad(t, Inputs{Root: root, Getenv: func(name string) string { return env[name] }})
		return s
	}
	if s := load(workspace, job); s.Name != "alpha" || s.Formerly != "workspace" || s.Where("name") != "GITHUB_REPOSITORY" {
		t.Errorf("the workspace is called %q by %s, formerly %q", s.Name, s.Where("name"), s.Formerly)
	}
	if s := load(filepath.Join(workspace, "sites/a"), job); s.Name != "a" || s.Formerly != "" {
		t.Errorf("a folder is called %q, formerly %q", s.Name, s.Formerly)
	}
	if s := load(workspace, nil); s.Name != "workspace" || s.Formerly != "" {
		t.Errorf("without a job it is called %q, formerly %q", s.Name, s.Formerly)
	}
}

// npm reads a package.json that begins with a byte order mark, and so is it named.
func TestPackageWithAByteOrderMark(t *testing.T) {
	s, _ := mustLoad(t, Inputs{Root: project(t, site(map[string]string{"package.json": "\ufeff{\"name\":\"shop\"}\n"}))})
	if s.Name != "shop" || s.Formerly == "" {
		t.Errorf("it is called %q, formerly %q", s.Name, s.Formerly)
	}
}
