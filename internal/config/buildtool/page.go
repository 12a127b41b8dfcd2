package buildtool

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// frontMatter is what a generator of sites takes off the head of a page.
var frontMatter = regexp.MustCompile(`^(\x{feff})?---[ \t]*\r?\n(?s:.*?\n)?---[ \t]*\r?(\n|$)`)

// placeholder is what a build or a server replaces in a page: names such as those of Create React App
// and Expo, those of the Vue CLI, Flutter and Trunk, and the lines of Django, Jekyll and Hugo that
// put pages together. Other text in "<% %>" and "{{ }}" may belong to a template that runs in the
// browser.
var placeholder = regexp.MustCompile(`%[A-Z]+(_[A-Z]+)+%|<%= (BASE_URL|htmlWebpackPlugin\.[\w.]+) %>|` +
	`\$FLUTTER_BASE_HREF|<link data-trunk|` +
	`(?m:^\s*(\{%[-+]?\s*(extends|include|layout|load|block)\b|\{\{-?\s*(define|partial|template|block)\b))`)

// Unbuilt returns what only a build replaces in the page of a folder, or "".
func Unbuilt(files Files, dir string) string {
	page := files.Read(path.Join(dir, "index.html"))
	if frontMatter.Match(page) {
		return "its front matter"
	}
	return string(bytes.TrimSpace(placeholder.Find(page)))
}

var script = regexp.MustCompile(`<script\b[^>]*?\bsrc=["']?([\w./~@-]+\.m?js)\b`)

// MissingScript returns a script that the page of a folder loads from the site and that is not
// there, or "".
func MissingScript(files Files, dir string) string {
	for _, m := range script.FindAllSubmatch(files.Read(path.Join(dir, "index.html")), -1) {
		src := string(m[1])
		if strings.HasPrefix(src, "//") || strings.HasPrefix(src, "/cdn-cgi/") {
			continue // of another site, or of Cloudflare
		}
		if !files.IsFile(path.Join(dir, path.Join("/", src))) {
			return src
		}
	}
	return ""
}

// comment is a comment of a configuration in JavaScript.
var comment = regexp.MustCompile(`(?m)^\s*/\*(?s:.*?)\*/|(^|\s)//.*$`)

// outputIsPublic matches an option of a configuration, or of a command, that names public for the
// output.
var outputIsPublic = regexp.MustCompile(
	`(\b(output|outDir|outputDir|outputPath|path|setOutputDirectory)["']?\s*[:=(]\s*([\w.]+\([\w.]+,\s*)?["'\x60]|` +
		`--(output|output-path|outDir|out-dir|dist-dir)[ =]["']?)(\.{1,2}/)?public(["'\x60/\s]|$)`)

// namesPublic reports whether a configuration names the folder public for the output.
func namesPublic(configuration []byte) bool {
	return outputIsPublic.Match(comment.ReplaceAll(configuration, nil))
}
