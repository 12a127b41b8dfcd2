package config

import (
	"maps"
	"strings"
	"testing"
)

const layoutPage = "<!doctype html><h1>site</h1>"

// layout is a project as people have it. Files are given by name; those without a content here have
// one that does not matter.
type layout struct {
	files    string            // names, with a page for each index.html
	contents map[string]string // of some of them
	want     string            // the folder that is published, or words of the error
}

// layouts are projects before and after their builds, by the tool that made them.
var layouts = map[string]layout{
	// A site without a build.
	"public/ alone": {
		files: "public/index.html public/app.js README.md",
		want:  "public",
	},
	"public/ beside a wrangler file": {
		files: "public/index.html wrangler.jsonc package.json package-lock.json",
		want:  "public",
	},
	"Firebase": {
		files: "firebase.json .firebaserc functions/index.js functions/package.json public/index.html public/404.html",
		want:  "public",
	},
	"a server in Go with a page": {
		files: "go.mod main.go public/index.html public/app.js",
		want:  "public",
	},
	"pages of GitHub in docs/": {
		files: "README.md setup.py docs/index.html",
		want:  "publish it with --dir docs",
	},
	"pages of GitHub at the top": {
		files: "index.html style.css CNAME README.md .nojekyll",
		want:  ".",
	},
	"downloads in public/": {
		files: "public/a.zip README.md LICENSE kv-sync.toml",
		want:  "public",
	},
	"the top, with images in public/": {files: "index.html public/logo.png", want: "."},
	"the top, with tools for development": {
		files:    "index.html app.js package.json package-lock.json .prettierrc .gitignore README.md",
		contents: map[string]string{"package.json": `{"devDependencies": {"prettier": "3"}}`},
		want:     ".",
	},
	"the top, with tests": {
		files: "index.html app.js package.json",
		contents: map[string]string{"package.json": `{"scripts": {"test": "node --test", "test:e2e": "node e2e.mjs",
			"watch": "node --watch --test"}}`},
		want: ".",
	},
	"Angular with an object for the output": {
		files: "angular.json package.json public/index.html",
		contents: map[string]string{"angular.json": `{"projects": {"a": {"architect": {"build": {"options": {
			"outputPath": {"base": "public", "browser": ""}}}}}}}`},
		want: "public",
	},
	"Angular with an object for another output": {
		files: "angular.json package.json public/index.html",
		contents: map[string]string{"angular.json": `{"projects": {"a": {"architect": {"build": {"options": {
			"outputPath": {"base": "public"}}}}}}}`},
		want: "angular.json: the project has a build",
	},
	"the top, with a build": {
		files:    "index.html style.css package.json",
		contents: map[string]string{"package.json": `{"scripts": {"build": "sass style.scss style.css"}}`},
		want:     `package.json: it has a script "build", and there is no index.html in public,`,
	},
	"the top, with a server": {
		files:    "index.html app.js package.json",
		contents: map[string]string{"package.json": `{"scripts": {"start": "node app.js"}}`},
		want:     `package.json: its script "start" runs node, and`,
	},
	"the top, with packages": {
		files:    "index.html app.js package.json",
		contents: map[string]string{"package.json": `{"dependencies": {"express": "5"}}`},
		want:     `package.json: it has "dependencies", and`,
	},

	// The folder public of a server.
	"Rails": {
		files: "Gemfile config.ru Rakefile public/404.html public/500.html public/robots.txt",
		want:  "Gemfile beside it",
	},
	"Sinatra": {files: "config.ru views/index.html public/style.css", want: "config.ru beside it"},
	"Laravel": {
		files: "artisan composer.json vite.config.js package.json public/index.php public/robots.txt",
		want:  "public/index.php: public has the code of a server, which is not run",
	},
	"Express": {
		files:    "package.json src/server.js public/style.css",
		contents: map[string]string{"package.json": `{"scripts": {"start": "node src/server.js"}}`},
		want:     `package.json: its script "start" runs node`,
	},
	"a server in Go": {files: "go.mod main.go public/style.css", want: "go.mod beside it"},
	"Django": {
		files: "manage.py shop/urls.py shop/static/a.css templates/index.html",
		want:  "no site was found",
	},
	"Phoenix": {
		files: "mix.exs assets/js/app.js priv/static/favicon.ico lib/x.ex",
		want:  "no site was found",
	},

	// A build tool.
	"Expo": {
		files:    "package.json app.json App.js public/favicon.ico",
		contents: map[string]string{"package.json": `{"scripts": {"start": "expo start"}, "dependencies": {"expo": "54"}}`},
		want:     "run npx expo export --platform web first",
	},
	"Expo with its own page": {
		files:    "app.json public/index.html",
		contents: map[string]string{"public/index.html": "<html lang=%LANG_ISO_CODE%>"},
		want:     "public is the input of a build, which replaces %LANG_ISO_CODE%",
	},
	"Next.js without a script": {
		files:    "package.json pages/index.js public/vercel.svg",
		contents: map[string]string{"package.json": `{"dependencies": {"next": "16"}}`},
		want:     "run npx next build first",
	},
	"a template of webpack in public/": {
		files:    "webpack.config.js package.json src/index.js public/index.html",
		contents: map[string]string{"webpack.config.js": webpackTemplate, "package.json": webpackPackage},
		want:     "public is its input; run npm run build first",
	},
	"webpack after its build": {
		files:    "webpack.config.js package.json src/index.js public/index.html dist/index.html dist/main.js",
		contents: map[string]string{"webpack.config.js": webpackTemplate, "package.json": webpackPackage},
		want:     "dist",
	},
	"webpack into public/": {
		files: "webpack.config.js package.json src/index.js public/index.html public/bundle.js",
		contents: map[string]string{
			"webpack.config.js": webpackIntoPublic, "package.json": webpackPackage, "public/index.html": bundlePage,
		},
		want: "public",
	},
	"webpack into public/, not built": {
		files: "webpack.config.js package.json src/index.js public/index.html",
		contents: map[string]string{
			"webpack.config.js": webpackIntoPublic, "package.json": webpackPackage, "public/index.html": bundlePage,
		},
		want: "public was not built yet: its page loads bundle.js, which is not there",
	},
	"Rollup into public/, not built": {
		files: "rollup.config.js package.json src/main.js public/index.html public/global.css",
		contents: map[string]string{
			"package.json": `{"scripts": {"build": "rollup -c"}}`, "public/index.html": bundlePage,
		},
		want: "run npm run build first",
	},
	"CRACO": {
		files:    "package.json craco.config.js public/index.html",
		contents: map[string]string{"public/index.html": `<div id="root"></div>`},
		want:     "run npx craco build first",
	},
	"Eleventy into public/": {
		files:    "eleventy.config.js package.json src/index.md public/index.html",
		contents: map[string]string{"eleventy.config.js": `export const config = {dir: {input: "src", output: "public"}};`},
		want:     "public",
	},
	"Eleventy into public/, by its method": {
		files:    ".eleventy.js src/index.md public/index.html",
		contents: map[string]string{".eleventy.js": `module.exports = (c) => { c.setOutputDirectory("./public/"); };`},
		want:     "public",
	},
	"Eleventy into public/, by its command": {
		files: "package.json src/index.md public/index.html",
		contents: map[string]string{
			"package.json": `{"scripts": {"build": "eleventy --output=public"}, "devDependencies": {"@11ty/eleventy": "3"}}`,
		},
		want: "public",
	},
	"Eleventy, whose option is a comment": {
		files: "eleventy.config.js src/index.md public/index.html",
		contents: map[string]string{
			"eleventy.config.js": "export default (c) => {\n  // c.setOutputDirectory(\"public\");\n};",
		},
		want: "public is its input",
	},
	"Astro on GitLab": {
		files:    "astro.config.mjs static/a.svg public/index.html",
		contents: map[string]string{"astro.config.mjs": "export default {\n  outDir: 'public',\n  publicDir: 'static',\n}"},
		want:     "public",
	},
	"Vite with a folder public": {
		files:    "vite.config.js index.html src/main.js public/vite.svg",
		contents: map[string]string{"vite.config.js": "export default {publicDir: 'public'}"},
		want:     "vite.config.js: the project has a build",
	},
	"Vite": {
		files: "vite.config.js index.html src/main.js public/vite.svg dist/index.html dist/assets/a.js",
		want:  "dist",
	},
	"Ember": {
		files:    "ember-cli-build.js app/index.html public/robots.txt package.json",
		contents: map[string]string{"package.json": `{"scripts": {"build": "ember build"}}`},
		want:     "ember-cli-build.js: the project has a build",
	},
	"Gatsby": {
		files: "gatsby-config.js src/pages/index.js public/index.html public/app-1.js",
		want:  "public",
	},
	"Remix": {
		files: "package.json app/root.tsx public/favicon.ico build/client/assets/a.js build/server/index.js",
		contents: map[string]string{
			"package.json": `{"scripts": {"build": "remix build"}, "devDependencies": {"@remix-run/dev": "2"}}`,
		},
		want: "package.json: the project has a build",
	},
	"Parcel": {files: "package.json src/index.html dist/index.html dist/a.1.js", want: "dist"},
	"Storybook": {
		files: ".storybook/main.js package.json storybook-static/index.html",
		want:  "--dir storybook-static",
	},
	"VitePress": {
		files: "package.json docs/index.md docs/.vitepress/dist/index.html",
		want:  "--dir docs/.vitepress/dist",
	},
	"Trunk": {
		files:    "Trunk.toml index.html",
		contents: map[string]string{"index.html": `<link data-trunk rel="rust">`},
		want:     "which replaces <link data-trunk",
	},
	"Flutter": {
		files:    "pubspec.yaml web/index.html build/web/index.html",
		contents: map[string]string{"web/index.html": `<base href="$FLUTTER_BASE_HREF">`},
		want:     "publish it with --dir build/web",
	},

	// A generator that is not of npm.
	"Hugo": {
		files: "hugo.toml layouts/index.html content/a.md public/index.html",
		want:  "public",
	},
	"Zola": {
		files: "config.toml templates/index.html content/a.md public/index.html",
		want:  "public",
	},
	"mdBook": {
		files: "book.toml src/SUMMARY.md",
		want:  "run mdbook build first",
	},
	"mdBook, built": {
		files: "book.toml src/SUMMARY.md book/index.html",
		want:  "publish it with --dir book",
	},
	"MkDocs": {
		files: "mkdocs.yml docs/index.md",
		want:  "run mkdocs build first",
	},
	"Pelican": {
		files: "pelicanconf.py content/a.md output/index.html",
		want:  "publish it with --dir output",
	},
	"Sphinx": {
		files: "docs/conf.py docs/index.rst docs/_build/html/index.html",
		want:  "publish it with --dir docs/_build/html",
	},
	"Hexo": {
		files:    "_config.yml package.json source/_posts/a.md public/index.html",
		contents: map[string]string{"package.json": `{"dependencies": {"hexo": "8"}}`},
		want:     "public",
	},
	"Jekyll": {
		files: "_config.yml Gemfile index.md _posts/2026-01-01-a.md",
		want:  "_config.yml: the project has a build",
	},
	"Jekyll, built": {
		files: "_config.yml Gemfile index.md _site/index.html",
		want:  "_site",
	},
	"Jekyll with a theme in public/": {
		files: "_config.yml index.html public/css/a.css",
		want:  "run jekyll build first",
	},
	"Jekyll without a configuration": {
		files: "index.html _layouts/default.html style.css",
		want:  "_layouts: the project has a build",
	},
	"Jekyll, posts alone": {
		files: "index.html _posts/2026-01-01-a.md",
		want:  "run jekyll build first",
	},
	"Jekyll, front matter alone": {
		files: "index.html about.html", contents: map[string]string{"index.html": "---\r\ntitle: Home\r\n---\r\n<p>"},
		want: "index.html: the project has a build, and there is no index.html in public, dist, build, out, _site, www; " +
			"that at the top is the input of a build, which replaces its front matter; run jekyll build first",
	},
	"Markdown with front matter": {
		files: "index.md style.css", contents: map[string]string{"index.md": "---\nlayout: none\n---\n# Home"},
		want: "index.md: the project has a build",
	},
	"includes of a generator": {
		files: "index.html _includes/head.html",
		want:  "_includes: the project has a build",
	},
	"templates of Django": {
		files: "www/index.html", contents: map[string]string{"www/index.html": "{% load static %}\n<p>"},
		want: "www is the input of a build, which replaces {% load",
	},
	"a page about templates": {
		files: "www/index.html",
		contents: map[string]string{
			"www/index.html": "<p>Write {% load static %}, or --- alone.\n<hr>\n---\n",
		},
		want: "www",
	},
}

const (
	webpackPackage  = `{"scripts": {"build": "webpack --mode=production"}, "devDependencies": {"webpack": "5"}}`
	webpackTemplate = `const path = require('path');
const HtmlWebpackPlugin = require('html-webpack-plugin');
module.exports = {
  entry: './src/index.js',
  output: { filename: 'main.js', path: path.resolve(__dirname, 'dist') },
  devServer: { static: { directory: path.join(__dirname, 'public') } },
  plugins: [new HtmlWebpackPlugin({ template: path.resolve(__dirname, 'public', 'index.html') })],
};`
	webpackIntoPublic = `const path = require('path');
module.exports = {
  entry: './src/index.js',
  output: {
    filename: 'bundle.js',
    path: path.resolve(__dirname, 'public'),
  },
};`
	bundlePage = `<!doctype html><script defer src='/cdn-cgi/a.js'></script><script src=//x.example/b.js></script>` +
		`<script defer src="bundle.js"></script>`
)

// No configuration names the folder, and no input of a build goes live.
func TestLayouts(t *testing.T) {
	t.Parallel()
	all := maps.Clone(layouts)
	maps.Copy(all, pageLayouts)
	for name, c := range all {
		files := map[string]string{}
		for file := range strings.FieldsSeq(c.files) {
			files[file] = c.contents[file]
			if files[file] == "" && strings.HasSuffix(file, "index.html") {
				files[file] = layoutPage
			}
			if files[file] == "" && strings.HasSuffix(file, ".jsonc") {
				files[file] = "{}"
			}
		}
		s, _, err := Load(Inputs{Root: project(t, files), Flags: map[string]string{"name": "x"}})
		switch {
		case err != nil && (!strings.Contains(c.want, " ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		case err == nil && s.Directory != c.want:
			t.Errorf("%s: it publishes %q, want %q", name, s.Directory, c.want)
		}
	}
}
