package buildtool

import (
	"bytes"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
)

// frontMatter is what a generator of sites takes off the head of a page.
var frontMatter = regexp.MustCompile(`^(\x{feff})?---[ \t]*\r?\n(?s:.*?\n)?---[ \t]*\r?(\n|$)`)

// placeholder is what a build or a server replaces in a page: in a tag or the title, names such as those
// of Create React App and Expo, and those of the Vue CLI, Flutter and Trunk; the lines of Django, Jekyll
// and Hugo that put pages together; and PHP. Other text in "<% %>" and "{{ }}" may belong to a template
// that runs in the browser.
var placeholder = regexp.MustCompile(`(?:<[a-zA-Z][^<>]*|<title>[^<]*)(%[A-Z]{3,}(?:_[A-Z]+)+%)|` +
	`(<%= (?:BASE_URL|htmlWebpackPlugin\.[\w.]+) %>|\$FLUTTER_BASE_HREF|<link data-trunk|<\?(?:php\b|=))|` +
	`(?m:^\s*(\{%[-+]?\s*(?:extends|include|layout|load|block)\b|` +
	`\{\{-?\s*(?:define|partial|template|block)\s+["\x60(]))`)

// listing is text that a page shows as it is.
var listing = regexp.MustCompile(`(?is)<pre\b.*?</pre>|<code\b.*?</code>|<textarea\b.*?</textarea>`)

// Unbuilt returns what only a build or a server replaces in the page of a folder, or "".
func Unbuilt(files Files, dir string) string {
	page := files.Read(path.Join(dir, "index.html"))
	if frontMatter.Match(page) {
		return "its front matter"
	}
	groups := placeholder.FindSubmatch(listing.ReplaceAll(page, nil))
	if groups == nil {
		return ""
	}
	return string(bytes.Join(groups[1:], nil)) // one of them is not empty
}

// loaded matches a script or a style sheet that a page loads.
var loaded = regexp.MustCompile(`<script\b[^>]*?\bsrc=["']?([\w./~@-]+\.m?js)\b|` +
	`<link\b[^>]*?\bhref=["']?([\w./~@-]+\.css)\b`)

// Missing returns a script or a style sheet that the page of a folder loads from the site and that is
// not there, or "".
func Missing(files Files, dir string) string {
	page := files.Read(path.Join(dir, "index.html"))
	if bytes.Contains(page, []byte("<base ")) {
		return "" // its links are those of another folder
	}
	for _, m := range loaded.FindAllSubmatch(page, -1) {
		src := string(bytes.Join(m[1:], nil))
		if strings.HasPrefix(src, "//") || strings.HasPrefix(src, "/cdn-cgi/") {
			continue // of another site, or of Cloudflare
		}
		if !files.IsFile(path.Join(dir, path.Join("/", src))) {
			return src
		}
	}
	return ""
}

// invisible matches what a browser does not show of a page without scripts.
var invisible = regexp.MustCompile(`(?is)<!--.*?-->|<head\b.*?</head>|<noscript\b.*?</noscript>|<style\b.*?</style>|` +
	`</?(!doctype|html|body|div|main|span)\b[^>]*>`)

// Empty reports whether the page of a folder shows nothing and loads no script, as a page does into
// which a build writes the scripts.
func Empty(files Files, dir string) bool {
	page := files.Read(path.Join(dir, "index.html"))
	return len(page) > 0 && !bytes.Contains(page, []byte("<script")) &&
		len(bytes.TrimSpace(invisible.ReplaceAll(page, nil))) == 0
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
	configuration = comment.ReplaceAll(configuration, nil)
	var parsed any
	return outputIsPublic.Match(configuration) ||
		json.Unmarshal(configuration, &parsed) == nil && hasPublicOutput(parsed)
}

// hasPublicOutput reports whether a configuration in JSON has an outputPath of Angular that is an object
// and means public: pages are in the folder "browser" of the base if it does not say otherwise.
func hasPublicOutput(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, hasPublicOutput)
	case map[string]any:
		if out, ok := value["outputPath"].(map[string]any); ok {
			base, _ := out["base"].(string)
			browser, named := out["browser"].(string)
			return named && path.Join(base, browser) == "public"
		}
		for _, below := range value {
			if hasPublicOutput(below) {
				return true
			}
		}
	}
	return false
}
