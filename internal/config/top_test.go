package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/options"
)

// A folder of pages is the site. A folder with anything that a browser does not load is refused.
func TestSiteAtTheTop(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files  map[string]string
		other  string   // the file for which the folder is refused
		ignore []string // what is left out
		says   string   // what the notice says besides
	}{
		"pages":       {files: map[string]string{"about/index.html": ""}},
		"a hand-made": {files: map[string]string{"style.CSS": "", "js/app.mjs": "", "logo.svg": "", "fonts/a.woff2": ""}},
		"files that sites have": {files: map[string]string{
			"robots.txt": "", "sitemap-1.xml": "", "manifest.json": "", "_headers": "", "_redirects": "",
			".well-known/security.txt": "", "CNAME": "",
		}},
		"texts about it": {
			files:  map[string]string{"README.md": "", "LICENSE": "", "licence.txt": "", "Changelog.md": "", "SECURITY.md": ""},
			ignore: []string{"/Changelog.md", "/LICENSE", "/README.md", "/SECURITY.md", "/licence.txt"},
		},
		"dotfiles and settings": {files: map[string]string{
			".env": "", ".git/config": "", ".github/workflows/x.yml": "", "kv-sync.toml": "", "wrangler.jsonc": "{}",
			"node_modules/x/index.py": "",
		}},
		"documents that the page names": {files: map[string]string{
			"index.html": `<a href="cv.pdf">CV</a> <a href='/files/Plan%20B.zip#top'><script>fetch("./data/a.json")</script>`,
			"cv.pdf":     "", "files/Plan B.zip": "", "data/a.json": "",
		}},
		"code that the page names": {
			files: map[string]string{"index.html": `<form action="contact.php">`, "contact.php": ""}, other: "contact.php",
		},
		"a document beside one that the page names": {
			files: map[string]string{"index.html": `<a href="a-cv.pdf">`, "a-cv.pdf": "", "cv.pdf": ""}, other: "cv.pdf",
		},
		"files for other programs, and a library": {files: map[string]string{
			".well-known/apple-app-site-association": "", "lib/lightbox/LICENSE": "", "lib/lightbox/CHANGELOG.md": "",
		}},
		"configuration of editors and checks": {
			files:  map[string]string{"eslint.config.mjs": "", "jsconfig.json": "", "biome.json": ""},
			ignore: []string{"/biome.json", "/eslint.config.mjs", "/jsconfig.json"},
		},
		"functions of another host": {files: map[string]string{"api/hello.js": ""}, other: "api/hello.js"},
		"functions of another host, deeper": {
			files: map[string]string{"netlify/functions/a/b.mjs": ""}, other: "netlify/functions/a/b.mjs",
		},
		"rules of Netlify": {files: map[string]string{
			"netlify.toml": "[build]\npublish = \"./\"\n[[redirects]]\nfrom = \"/a\"\nto = \"/b\"\n",
		}, ignore: []string{"/netlify.toml"}, says: "the rules of netlify.toml are not applied"},
		"a build on Netlify": {files: map[string]string{"netlify.toml": "[build]\ncommand = \"make\"\n"},
			other: "netlify.toml"},
		"another folder on Netlify": {files: map[string]string{"netlify.toml": "[build]\npublish = \"../x\"\n"},
			other: "netlify.toml"},
		"functions on Netlify": {files: map[string]string{"netlify.toml": "[functions]\ndirectory = \"f\"\n"},
			other: "netlify.toml"},
		"rules of Vercel": {files: map[string]string{"vercel.json": `{"cleanUrls": true, "outputDirectory": "."}`},
			ignore: []string{"/vercel.json"}, says: "the rules of vercel.json are not applied"},
		"settings of Vercel": {files: map[string]string{"vercel.json": `{"version": 2, "framework": null}`},
			ignore: []string{"/vercel.json"}},
		"a build on Vercel": {files: map[string]string{"vercel.json": `{"buildCommand": "make"}`}, other: "vercel.json"},
		"functions on Vercel": {files: map[string]string{"vercel.json": `{"functions": {"a.rb": {}}}`},
			other: "vercel.json"},
		"a damaged file of Vercel": {files: map[string]string{"vercel.json": `{`}, other: "vercel.json"},
		"pages about an API":       {files: map[string]string{"api/assets/main.js": "", "api/index.html": ""}},
		"a server":                 {files: map[string]string{"api/server.py": ""}, other: "api/server.py"},
		"a server in node":         {files: map[string]string{"server.js": ""}, other: "server.js"},
		"a list of packages below": {files: map[string]string{"api/package.json": "{}"}, other: "api/package.json"},
		"tools for development": {
			files: map[string]string{
				"package.json":      `{"scripts": {"start": "live-server"}, "devDependencies": {"prettier": "3"}}`,
				"package-lock.json": "{}", "node_modules/prettier/index.js": "", ".gitignore": "node_modules", "README": "",
			},
			ignore: []string{"/README", "/package-lock.json", "/package.json"},
		},
		"more texts than a line has room for": {
			files: map[string]string{
				"AUTHORS": "", "CHANGELOG.md": "", "LICENSE": "", "NOTICE": "", "README.md": "", "package.json": "{}",
				"yarn.lock": "",
			},
			ignore: []string{"/AUTHORS", "/CHANGELOG.md", "/LICENSE", "/NOTICE", "/README.md", "/package.json", "/yarn.lock"},
		},
		"a tool":              {files: map[string]string{"tailwind.config.cjs": ""}, other: "tailwind.config.cjs"},
		"data":                {files: map[string]string{"data/users.json": ""}, other: "data/users.json"},
		"a key of an account": {files: map[string]string{"service-account.json": ""}, other: "service-account.json"},
		"a database":          {files: map[string]string{"shop.db": ""}, other: "shop.db"},
		"downloads":           {files: map[string]string{"Invoice 7.pdf": ""}, other: "Invoice 7.pdf"},
		"a document below":    {files: map[string]string{"docs/plan.md": ""}, other: "docs/plan.md"},
		"without extension":   {files: map[string]string{"Makefile": ""}, other: "Makefile"},
		"notes":               {files: map[string]string{"passwords.txt": ""}, other: "passwords.txt"},
		"a Worker's code": {
			files: map[string]string{"wrangler.jsonc": `{"main": "app.js"}`, "app.js": ""}, other: "app.js",
		},
		"a folder called like a page": {files: map[string]string{"x.html/notes.doc": ""}, other: "x.html/notes.doc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, ok := tt.files["index.html"]; !ok {
				tt.files["index.html"] = ""
			}
			s, refused, notices := reported(t, Inputs{Root: project(t, tt.files), Flags: map[string]string{"name": "x"}})
			if tt.other != "" {
				if len(refused) != 1 || !strings.Contains(refused[0], "such as "+tt.other+";") {
					t.Errorf("errors %q", refused)
				}
				return
			}
			if len(refused) > 0 || s.Directory != "." || !slices.Equal(s.Ignore, tt.ignore) {
				t.Errorf("errors %q, settings %+v", refused, s)
			}
			if text := strings.Join(notices, "\n"); !strings.Contains(text, tt.says) ||
				tt.says == "" && strings.Contains(text, "not applied") {
				t.Errorf("notices %q", notices)
			}
			if left := strings.Join(tt.ignore, ", "); left != "" && (len(notices) != 1 ||
				!strings.Contains(notices[0], "without "+strings.ReplaceAll(left, "/", "")+";")) {
				t.Errorf("notices %q", notices)
			}
		})
	}
}

// A named folder is published as it is, and the project's own patterns come later.
func TestSiteAtTheTopIsNamed(t *testing.T) {
	t.Parallel()
	files := map[string]string{"index.html": "", "README.md": "", "server.py": "", ProjectFile: `ignore = ["!/README.md"]`}
	root := project(t, files)
	s, _ := mustLoad(t, Inputs{Root: root, Flags: map[string]string{"name": "x", options.Directory.Setting: "."}})
	if s.Directory != "." || !slices.Equal(s.Ignore, []string{"!/README.md"}) {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(root + "/server.py"); err != nil {
		t.Fatal(err)
	}
	s, notices := mustLoad(t, Inputs{Root: root, Flags: map[string]string{"name": "x"}})
	if !slices.Equal(s.Ignore, []string{"/README.md", "!/README.md"}) || len(notices) != 1 {
		t.Errorf("%+v, notices %q", s, notices)
	}
}

// In a project, code at the top may be the Worker's, which would be published.
func TestProjectAtTheTop(t *testing.T) {
	t.Parallel()
	root := project(t, map[string]string{
		"projects/pages/index.html": "", "projects/pages/app.js": "",
		"projects/code/index.html": "", "projects/code/src/index.js": "",
	})
	for id, want := range map[string]int{"pages": 0, "code": 1} {
		_, refused, _ := reported(t, Inputs{Root: root + "/projects/" + id, Shared: root,
			Flags: map[string]string{"project": id}})
		if len(refused) != want {
			t.Errorf("%s: errors %q", id, refused)
		}
	}
}
