package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitConfig is a repository's configuration with a remote "origin".
func gitConfig(url string) string {
	return "[core]\n\tbare = false\n[remote \"up\"]\n\turl = x/no\n[remote \"origin\"]\n\turl = " + url + "\n"
}

func TestNameWithoutConfiguration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want, where string
		files       map[string]string
	}{
		{"my-site", "package.json", nil},
		{
			"blog", "the git remote",
			map[string]string{"package.json": `{}`, ".git/config": gitConfig("git@github.com:me/Blog.git")},
		},
		{"blog", "the git remote", map[string]string{"package.json": `not JSON`, ".git/config": gitConfig("/srv/blog.git")}},
		{"from-url", "the git remote", map[string]string{
			"package.json": `{"name": "..."}`, ".git/config": gitConfig("https://host/me/From.url/"),
		}},
	} {
		s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(tt.files))})
		if s.Name != tt.want || s.Where("name") != tt.where {
			t.Errorf("name %q from %s, want %q from %s", s.Name, s.Where("name"), tt.want, tt.where)
		}
	}
	for folder, want := range map[string]string{
		"Über Uns": "ber-uns", "site.git": "site", strings.Repeat("a", 70): strings.Repeat("a", 63),
	} {
		root := filepath.Join(project(t, nil), folder)
		if err := os.MkdirAll(filepath.Join(root, "public"), 0o755); err != nil {
			t.Fatal(err)
		}
		if s, _ := mustLoad(t, Inputs{Root: root}); s.Name != want || s.Where("name") != "this folder" {
			t.Errorf("name %q by %s, want %q", s.Name, s.Where("name"), want)
		}
	}
	root := filepath.Join(project(t, nil), "日本")
	if err := os.MkdirAll(filepath.Join(root, "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, refused, _ := reported(t, Inputs{Root: root})
	const want = `--name: the site has no name; name it with --name, or as "name" in kv-sync.toml`
	if !slices.Equal(refused, []string{want}) {
		t.Errorf("errors %q, want %q", refused, want)
	}
}

// The name is public, so it must not contain a token of the remote's URL.
func TestNameContainsNoToken(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://x-access-token:s3cret@host/":          "",
		"https://s3cret@host":                          "",
		"https://host/me/Blog.git?token=s3cret":        "blog",
		"https://host/me/blog/?private_token=a/s3cret": "blog",
		"ssh://git@host:22/me/blog.git#s3cret":         "blog",
		"https://x:s3cret@host/me/blog":                "blog",
		"/srv/git/blog.git":                            "blog",
	} {
		s, _ := mustLoad(t,
			Inputs{Root: project(t, siteFiles(map[string]string{"package.json": "{}", ".git/config": gitConfig(url)}))})
		if want == "" {
			want = filepath.Base(s.Root) // the folder's name
		}
		if s.Name != want {
			t.Errorf("%s: name %q, want %q", url, s.Name, want)
		}
	}
}

func TestDirectoryWithoutConfiguration(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files     map[string]string
		want, err string
	}{
		"a build's output": {files: map[string]string{"dist/index.html": "", "public/robots.txt": ""}, want: "dist"},
		"public":           {files: map[string]string{"public/a.txt": "", "src/index.html": ""}, want: "public"},
		"a Worker alone":   {files: map[string]string{"wrangler.json": `{"main": "w.js"}`}, want: ""},
		"two": {
			files: map[string]string{"dist/index.html": "", "build/index.html": ""},
			err: "dist, build: each of these could be the site; " +
				`name the right one with --dir, or as "directory" in kv-sync.toml`,
		},
		"none": {
			err: "this folder: no site was found: there is no index.html in public, dist, build, out, _site, www; " +
				"run the build of the project first, or name the folder of the site with --dir",
		},
		"an output with another name": {
			files: map[string]string{
				"site/index.html": "", "site/guide/index.html": "", "src/index.html": "", "node_modules/x/index.html": "",
			},
			err: "this folder: no site was found: there is no index.html in public, dist, build, out, _site, www; " +
				"site has an index.html: publish it with --dir site, or run the build of the project first",
		},
		"outputs that are deeper": {
			files: map[string]string{
				"docs/.vitepress/dist/index.html": "", "dist/app/browser/index.html": "", "a/b/c/d/e/index.html": "",
				"layouts/index.html": "{{ .Content }}",
			},
			err: "this folder: no site was found: there is no index.html in public, dist, build, out, _site, www; " +
				"dist/app/browser, docs/.vitepress/dist have an index.html: publish one of them with --dir, or run the " +
				"build of the project first",
		},
		"the top": {
			files: map[string]string{"index.html": "", "server.py": ""},
			err: "this folder: the site is at the top of the project, beside files that may be no part of it, " +
				"such as server.py; move the site into public/, or publish the whole folder with --dir .",
		},
		"a folder called index.html": {
			files: map[string]string{"www/index.html/x": ""},
			err: "this folder: no site was found: there is no index.html in public, dist, build, out, _site, www; " +
				"run the build of the project first, or name the folder of the site with --dir",
		},
	} {
		s, refused, _ := reported(t, Inputs{Root: project(t, tt.files), Flags: map[string]string{"name": "x"}})
		if got := strings.Join(refused, "\n"); got != tt.err {
			t.Errorf("%s: error %s, want %s", name, got, tt.err)
		}
		if tt.err == "" && s.Directory != tt.want {
			t.Errorf("%s: directory %q, want %q", name, s.Directory, tt.want)
		}
	}
	// A project without a site is named by its folder.
	root := project(t, map[string]string{"projects/shop/x": ""})
	in := Inputs{Root: filepath.Join(root, "projects/shop"), Shared: root, Flags: map[string]string{"project": "shop"}}
	if _, refused, _ := reported(t, in); len(refused) != 1 ||
		!strings.HasPrefix(refused[0], "projects/shop: no site was found") {
		t.Errorf("errors %q", refused)
	}
}

// Candidates has each file that can change the settings.
func TestCandidates(t *testing.T) {
	t.Parallel()
	want := []string{
		"kv-sync.toml", "package.json", "wrangler.json", "wrangler.jsonc", "wrangler.toml", "public/index.html",
		"dist/index.html", "build/index.html", "out/index.html", "_site/index.html", "www/index.html",
	}
	if got := Candidates(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A site in the workspace of a job is called like the repository. A site in a folder of the
// workspace is called like the folder, because a repository may contain several sites.
func TestNameFromAJob(t *testing.T) {
	t.Parallel()
	workspace := filepath.Join(project(t, nil), "workspace")
	for _, dir := range []string{"public", "sites/a/public"} {
		if err := os.MkdirAll(filepath.Join(workspace, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	job := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace, "GITHUB_REPOSITORY": "Acme/Alpha"}
	for _, tt := range []struct {
		root                  string
		env                   map[string]string
		name, formerly, where string
	}{
		{workspace, job, "alpha", "workspace", "GITHUB_REPOSITORY"},
		{filepath.Join(workspace, "sites/a"), job, "a", "", "this folder"},
		{workspace, nil, "workspace", "", "this folder"},
		{
			workspace, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "Acme/Alpha"}, "workspace", "",
			"this folder",
		},
	} {
		s, _ := mustLoad(t, Inputs{Root: tt.root, Getenv: environ(tt.env)})
		if s.Name != tt.name || s.Formerly != tt.formerly || s.Where("name") != tt.where {
			t.Errorf("%s is called %q by %s, formerly %q", tt.root, s.Name, s.Where("name"), s.Formerly)
		}
	}
}

// A package.json may begin with a byte order mark, as for npm.
func TestPackageJSONWithByteOrderMark(t *testing.T) {
	t.Parallel()
	s, _ := mustLoad(t, Inputs{Root: project(t,
		siteFiles(map[string]string{"package.json": "\ufeff{\"name\":\"shop\"}\n"}))})
	if s.Name != "shop" || s.Formerly == "" {
		t.Errorf("the name is %q, formerly %q", s.Name, s.Formerly)
	}
}
