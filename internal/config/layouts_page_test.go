package config

// pageLayouts are projects whose page decides whether its folder is the site.
var pageLayouts = map[string]layout{
	"pages without a first one": {
		files: "about.html style.css",
		want:  "there is about.html and no index.html; rename the page of the start to index.html",
	},
	"a first page by another name": {files: "index.htm logo.png", want: "there is index.htm and no index.html"},
	"a page about Windows": {
		files: "public/index.html",
		contents: map[string]string{
			"public/index.html": "<title>Paths</title><p>Open %LOCAL_APPDATA%: <a href=/%D0%BF_DVD%D0%B8>disc</a>",
		},
		want: "public",
	},
	"a page about templates, built by Hugo": {
		files: "hugo.toml public/index.html",
		contents: map[string]string{
			"public/index.html": "<pre class=z>\n{% block content %}\n</pre>\n{{template}}\n<code>\n{{ block \"a\" . }}</code>",
		},
		want: "public",
	},
	"PHP in a page": {
		files: "www/index.html", contents: map[string]string{"www/index.html": "<?php include 'head.inc' ?><p>"},
		want: "which replaces <?php",
	},
	"a compiler into public/, not built": {
		files:    "shadow-cljs.edn package.json src/main.cljs public/index.html",
		contents: map[string]string{"public/index.html": bundlePage},
		want:     "public was not built yet: its page loads bundle.js, which is not there",
	},
	"style sheets into www/, not built": {
		files: "package.json src/a.css www/index.html www/app.js",
		contents: map[string]string{
			"package.json":   `{"scripts": {"build": "tailwindcss -i src/a.css -o www/out.css"}}`,
			"www/index.html": `<link rel="stylesheet" href="./out.css"><script src="app.js"></script>`,
		},
		want: "www was not built yet: its page loads ./out.css, which is not there",
	},
	"Hugo below a path, with packages": {
		files: "hugo.toml package.json public/index.html public/main.js",
		contents: map[string]string{
			"package.json":      `{"scripts": {"build": "hugo --minify"}}`,
			"public/index.html": `<script src="/blog/main.js"></script>`,
		},
		want: "public",
	},
	"a Worker that makes the script": {
		files: "wrangler.jsonc src/index.js Makefile public/index.html",
		contents: map[string]string{
			"wrangler.jsonc": `{"main": "src/index.js"}`, "public/index.html": `<script src="/config.js"></script>`,
		},
		want: "public",
	},
	"a page for a tool that nobody knows": {
		files: "package.json src/index.js public/index.html",
		contents: map[string]string{
			"package.json":      `{"scripts": {"build": "next-tool build"}}`,
			"public/index.html": `<!doctype html><html><head><title>App</title></head><body><div id="root"></div></body>`,
		},
		want: "public was not built yet: its page is empty and loads no script",
	},
}
