package config

import (
	"strings"
	"testing"
)

// The output of a build is the site, and never its input: the folder public, which tools copy, or the
// page of a template.
func TestInputOfABuild(t *testing.T) {
	t.Parallel()
	const page = "<h1>site</h1>"
	const vite = `{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "8"}}`
	const cra = `{"scripts": {"build": "react-scripts build"}, "dependencies": {"react-scripts": "5"}}`
	for name, c := range map[string]struct {
		files map[string]string
		want  string // the folder, or some words of the error
	}{
		"a copy of public": {
			map[string]string{"vite.config.ts": "", "public/index.html": page, "dist/index.html": page}, "dist",
		},
		"a forgotten build": {
			map[string]string{"package.json": vite, "public/index.html": page},
			"package.json: the project has a build, and there is no index.html in dist, build, out, _site, www; public is " +
				"its input; run npm run build first, or name the folder of the site with --dir",
		},
		"a forgotten build with pnpm": {
			map[string]string{"package.json": vite, "pnpm-lock.yaml": "", "public/icon.svg": "i"}, "run pnpm run build first",
		},
		"Create React App": {
			map[string]string{"package.json": cra, "public/index.html": "<link href=%PUBLIC_URL%/i.png>"},
			"package.json: the project has a build",
		},
		"a page of Create React App": {
			map[string]string{"public/index.html": "<link href=%PUBLIC_URL%/i.png>"},
			"public/index.html: there is no index.html in dist, build, out, _site, www; public is the input of a build, " +
				"which replaces %PUBLIC_URL%",
		},
		"a page of the Vue CLI": {
			map[string]string{"public/index.html": "<link href=<%= BASE_URL %>i.png>"}, "which replaces <%= BASE_URL %>",
		},
		"a template for the browser": {
			map[string]string{"public/index.html": "<script type=text/template><%= name %></script>"}, "public",
		},
		"Angular": {
			map[string]string{"angular.json": "{}", "src/index.html": page, "public/favicon.ico": "i"},
			"angular.json: the project has a build",
		},
		"Angular after its build": {
			map[string]string{"angular.json": "{}", "src/index.html": page, "dist/app/browser/index.html": page},
			"dist/app/browser has an index.html: publish it with --dir dist/app/browser",
		},
		"Gatsby, whose output is public": {map[string]string{"gatsby-config.js": "", "public/index.html": page}, "public"},
		"Hugo before its build":          {map[string]string{"hugo.toml": "", "content/a.md": "#"}, "run hugo first"},
		"output without a page": {
			map[string]string{"public/icon.svg": "i", "dist/_worker.js": "x"},
			"public: it has no index.html, and dist beside it shows that a build or a server may use it",
		},
		"a build that no rule knows": {
			map[string]string{"package.json": `{"scripts": {"build": "rsbuild build"}}`, "public/icon.svg": "i"},
			`package.json: it has a script "build", and there is no index.html in public, dist, build, out, _site, www; ` +
				"run npm run build first, or name the folder of the site with --dir",
		},
		"a build of scripts for a page": {
			map[string]string{"package.json": `{"scripts": {"build": "esbuild a.js"}}`, "public/index.html": page}, "public",
		},
		"a build of a Worker that writes the pages": {
			map[string]string{"package.json": `{"scripts": {"build": "tailwindcss"}}`, "public/style.css": "p {}",
				"wrangler.toml": `main = "worker.js"`, "worker.js": "export default {}"}, "public",
		},
		"Storybook": {
			map[string]string{"public/mock.js": "m", "storybook-static/index.html": page},
			"storybook-static has an index.html: publish it with --dir storybook-static",
		},
		"a site in PHP": {
			map[string]string{"public/index.php": "<?php", "public/robots.txt": "r"},
			"public/index.php: public has the code of a server",
		},
		"files without a page": {map[string]string{"public/icon.svg": "i"}, "public"},
		"a package without a build": {
			map[string]string{"package.json": `{"devDependencies": {"vite": "8"}}`, "public/index.html": page}, "public",
		},
		"assets without a directory": {
			map[string]string{"wrangler.json": `{"name": "a", "assets": {}}`, "public/index.html": page},
			"wrangler.json:1: assets has no directory, so a build tool decides which folder is published, and there is no " +
				"index.html in dist, build, out, _site, www; public has an index.html: publish it with --dir public",
		},
		"assets without a directory, and an output": {
			map[string]string{"wrangler.json": `{"name": "a", "assets": {}}`, "public/index.html": page,
				"dist/index.html": page},
			"dist",
		},
	} {
		s, _, err := Load(Inputs{Root: project(t, c.files), Flags: map[string]string{"name": "x"}})
		switch {
		case err != nil && (!strings.Contains(c.want, " ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		case err == nil && s.Directory != c.want:
			t.Errorf("%s: it publishes %q, want %q", name, s.Directory, c.want)
		}
	}
}
