// Package buildtool recognises the tool that builds a project, so that the input of a build is not
// published in place of its output.
//
//	if tool := buildtool.Of(files); tool != nil {
//		fmt.Println(tool.Evidence, "builds the site by", tool.Command)
//	}
package buildtool

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"strings"
)

// Files are those of a project. Names are relative to its folder.
type Files interface {
	// IsFile reports whether there is a file of this name.
	IsFile(name string) bool
	// Read returns a small file, or nil.
	Read(name string) []byte
}

// Tool builds a site.
type Tool struct {
	// Evidence is the file that shows that the project uses the tool.
	Evidence string
	// Command runs the build; "" if it is not known.
	Command string
	// IntoPublic reports whether the folder public is the output. For other tools it is input,
	// which they copy into their output.
	IntoPublic bool
}

// tools are the tools that are recognised: by a configuration file with one of these names and any
// of the extensions, or by a package on which a project with a script "build" depends. Vite and
// Parcel take the index.html at the top for their input, so beside one they need no script.
var tools = []struct {
	configs, pkg string
	command      string // without a script "build"
	intoPublic   bool
}{
	{configs: "angular", pkg: "@angular/cli"},
	{configs: "astro.config", pkg: "astro"},
	{configs: "docusaurus.config", pkg: "@docusaurus/core"},
	{configs: "eleventy.config .eleventy", pkg: "@11ty/eleventy"},
	{configs: "gatsby-config", pkg: "gatsby", intoPublic: true},
	{configs: "hugo", command: "hugo", intoPublic: true},
	{configs: "next.config", pkg: "next"},
	{configs: "nuxt.config", pkg: "nuxt"},
	{configs: "react-router.config", pkg: "@react-router/dev"},
	{configs: "remix.config", pkg: "@remix-run/dev"},
	{configs: "svelte.config", pkg: "@sveltejs/kit"},
	{configs: "vue.config", pkg: "@vue/cli-service"},
	{configs: "webpack.config", pkg: "webpack"},
	{configs: "vite.config", pkg: "vite", command: "npx vite build"},
	{pkg: "parcel", command: "npx parcel build index.html"},
	{pkg: "react-scripts"},
}

var extensions = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".json", ".toml", ".yaml"}

// Of returns the tool that builds a project, nil if none is recognised.
func Of(files Files) *Tool {
	pkg := readPackage(files)
	for _, t := range tools {
		for _, name := range strings.Fields(t.configs) {
			for _, ext := range extensions {
				if files.IsFile(name + ext) {
					return &Tool{Evidence: name + ext, Command: cmp.Or(pkg.command(files), t.command), IntoPublic: t.intoPublic}
				}
			}
		}
	}
	for _, t := range tools {
		command := pkg.command(files)
		if files.IsFile("index.html") {
			command = cmp.Or(command, t.command)
		}
		if command != "" && t.pkg != "" && pkg.dependsOn(t.pkg) {
			return &Tool{Evidence: "package.json", Command: command, IntoPublic: t.intoPublic}
		}
	}
	return nil
}

// Command returns the command that runs the script "build" of package.json, or "". The script may be
// of a tool that [Of] does not recognise.
func Command(files Files) string { return readPackage(files).command(files) }

// manifest is the part of package.json that describes a build.
type manifest struct {
	Scripts         map[string]string `json:"scripts"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

// byteOrderMark is at the beginning of files of some editors on Windows. npm ignores it.
var byteOrderMark = []byte("\ufeff")

func readPackage(files Files) (m manifest) {
	_ = json.Unmarshal(bytes.TrimPrefix(files.Read("package.json"), byteOrderMark), &m) // else there is no build
	return m
}

func (m manifest) dependsOn(pkg string) bool {
	_, ok := m.Dependencies[pkg]
	_, dev := m.DevDependencies[pkg]
	return ok || dev
}

// command returns the command of the package manager that the project uses.
func (m manifest) command(files Files) string {
	if m.Scripts["build"] == "" {
		return ""
	}
	for _, manager := range []struct{ lock, command string }{
		{"pnpm-lock.yaml", "pnpm run build"}, {"yarn.lock", "yarn run build"}, {"bun.lock", "bun run build"},
		{"bun.lockb", "bun run build"},
	} {
		if files.IsFile(manager.lock) {
			return manager.command
		}
	}
	return "npm run build"
}

// placeholder is what a build replaces in a page: that of Create React App, and those of the Vue CLI.
// Other text in "<% %>" may belong to a template that runs in the browser.
var placeholder = regexp.MustCompile(`%PUBLIC_URL%|<%= (BASE_URL|htmlWebpackPlugin\.[\w.]+) %>`)

// Unbuilt returns a placeholder in the page of a folder that only a build replaces, or "".
func Unbuilt(files Files, dir string) string {
	return string(placeholder.Find(files.Read(path.Join(dir, "index.html"))))
}
