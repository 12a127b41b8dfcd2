// Package buildtool recognises the tool that builds a project, so that the input of a build is not
// published in place of its output.
//
//	if tool := buildtool.Of(files); tool != nil {
//		fmt.Println(tool.Evidence, "builds the site by", tool.Command)
//	}
package buildtool

import (
	"cmp"
	"slices"
	"strings"
)

// Files are those of a project. Names are relative to its folder.
type Files interface {
	// IsFile reports whether there is a file of this name.
	IsFile(name string) bool
	// IsDir reports whether there is a folder of this name.
	IsDir(name string) bool
	// Read returns a small file, or nil.
	Read(name string) []byte
}

// Tool builds a site.
type Tool struct {
	// Evidence is the file or the folder that shows that the project uses the tool.
	Evidence string
	// Command runs the build; "" if it is not known.
	Command string
	// IntoPublic reports whether the folder public is the output. For other tools it is input,
	// which they copy into their output.
	IntoPublic bool
	// Pages reports whether the tool writes the pages of its output. A bundler may write scripts beside
	// pages that are its input.
	Pages bool
}

// kind is a tool that is recognised.
type kind struct {
	names string // of its files and folders at the top, with "*" for each of extensions
	pkg   string // the package of npm
	// bundler reports that projects also use the package for other purposes, such as tests. Then the
	// package counts only with a script "build", or beside the input.
	bundler bool
	input   string // a file that a bundler reads if no configuration names another one

	command    string // without a script "build"
	intoPublic bool   // whatever the configuration says
}

// kinds are in the order of the search. A framework comes before the bundler that it
// uses.
var kinds = []kind{
	{names: "angular.json", pkg: "@angular/cli", command: "npx ng build"},
	{names: "astro.config.*", pkg: "astro", command: "npx astro build"},
	{names: "docusaurus.config.*", pkg: "@docusaurus/core", command: "npx docusaurus build"},
	{names: "eleventy.config.* .eleventy.*", pkg: "@11ty/eleventy", command: "npx @11ty/eleventy"},
	{names: "ember-cli-build.*", pkg: "ember-cli", command: "npx ember build"},
	{pkg: "expo", command: "npx expo export --platform web"},
	{names: "gatsby-config.*", pkg: "gatsby", command: "npx gatsby build", intoPublic: true},
	{pkg: "hexo", command: "npx hexo generate", intoPublic: true},
	{names: "next.config.*", pkg: "next", command: "npx next build"},
	{names: "nuxt.config.*", pkg: "nuxt", command: "npx nuxt generate"},
	{names: "react-router.config.*", pkg: "@react-router/dev", command: "npx react-router build"},
	{names: "craco.config.*", pkg: "@craco/craco", command: "npx craco build"},
	{names: "config-overrides.*", pkg: "react-app-rewired", command: "npx react-app-rewired build"},
	{pkg: "react-scripts", command: "npx react-scripts build"},
	{names: "remix.config.*", pkg: "@remix-run/dev", command: "npx remix build"},
	{names: "svelte.config.*", pkg: "@sveltejs/kit", command: "npx vite build"},
	{names: ".vitepress", pkg: "vitepress", command: "npx vitepress build"},
	{names: "vue.config.*", pkg: "@vue/cli-service", command: "npx vue-cli-service build"},
	{names: "rsbuild.config.*", pkg: "@rsbuild/core", command: "npx rsbuild build"},
	{names: "webpack.config.* rspack.config.*", pkg: "webpack", bundler: true, command: "npx webpack"},
	{names: "vite.config.*", pkg: "vite", bundler: true, input: "index.html", command: "npx vite build"},
	{names: ".parcelrc", pkg: "parcel", bundler: true, input: "index.html", command: "npx parcel build index.html"},
	{names: "hugo.*", command: "hugo", intoPublic: true},
	{names: "config.toml", intoPublic: true}, // Zola, or Hugo by its former name
	{names: "book.toml", command: "mdbook build"},
	{names: "mkdocs.yml", command: "mkdocs build"},
	{names: "pelicanconf.py", command: "pelican content"},
	{names: "_config.yml _layouts _posts", command: "jekyll build"},
	{names: "_includes"}, // Eleventy, or Jekyll
}

var extensions = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".json", ".toml", ".yaml"}

// Of returns the tool that builds a project, nil if none is recognised.
func Of(files Files) *Tool {
	pkg := readPackage(files)
	for _, k := range kinds {
		evidence := k.evidence(files, pkg)
		if evidence == "" {
			continue
		}
		return &Tool{
			Evidence: evidence, Command: cmp.Or(pkg.command(files), k.command), Pages: !k.bundler,
			IntoPublic: k.intoPublic || namesPublic(files.Read(evidence)) || namesPublic([]byte(pkg.Scripts["build"])),
		}
	}
	for _, page := range []string{"index.html", "index.md"} {
		if frontMatter.Match(files.Read(page)) {
			return &Tool{Evidence: page, Command: cmp.Or(pkg.command(files), "jekyll build"), Pages: true}
		}
	}
	return nil
}

// evidence returns what shows that a project uses a tool of this kind, or "".
func (k kind) evidence(files Files, pkg manifest) string {
	for name := range strings.FieldsSeq(k.names) {
		names := []string{name}
		if stem, ok := strings.CutSuffix(name, ".*"); ok {
			names = nil
			for _, ext := range extensions {
				names = append(names, stem+ext)
			}
		}
		if i := slices.IndexFunc(names, func(n string) bool { return files.IsFile(n) || files.IsDir(n) }); i >= 0 {
			return names[i]
		}
	}
	builds := !k.bundler || pkg.Scripts["build"] != "" || k.input != "" && files.IsFile(k.input)
	if builds && pkg.dependsOn(k.pkg) {
		return packageFile
	}
	return ""
}
