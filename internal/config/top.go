package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/buildtool"
)

// A project whose index.html is at its top is a site as a whole if it has nothing but files that
// a browser loads. Nobody named the folder, so a file that could be anything else is not
// published by a guess: code of a server, data, documents. A person who names the folder
// publishes all of it.

// webTypes are the extensions of pages, styles, scripts, images, fonts and media.
var webTypes = strings.Fields(".html .htm .xhtml .css .js .mjs .map .webmanifest .wasm " +
	".svg .png .apng .jpg .jpeg .jfif .gif .webp .avif .ico .bmp .woff .woff2 .ttf .otf .eot " +
	".mp3 .m4a .oga .ogg .opus .wav .flac .mp4 .m4v .ogv .webm .vtt")

// linkedTypes are the extensions of documents and data. They are part of a site if its page names them.
var linkedTypes = strings.Fields(".pdf .zip .epub .docx .txt .csv .json .xml .ics .vcf .glb")

// webNames matches files of a site whose extension could be that of other data.
var webNames = regexp.MustCompile(`^(manifest\.json|(robots|humans|(app-)?ads|security|llms(-full)?)\.txt|` +
	`(sitemap[\w-]*|feed|rss|atom|browserconfig|opensearch)\.xml|CNAME)$`)

// ownNames matches files that are left out of what is published, wherever that is decided.
var ownNames = regexp.MustCompile(`^(kv-sync\.toml|wrangler\.(json|jsonc|toml)|_headers|_redirects|_kv-sync.*|` +
	`node_modules)$`)

// configNames matches configuration files of kv-sync and wrangler, also those that a flag names.
var configNames = regexp.MustCompile(`^(kv-sync|wrangler)[\w.-]*\.(json|jsonc|toml)$`)

// aboutTexts match texts about a repository, or about a library that a site has.
const aboutTexts = `(readme|licen[cs]e|copying|notice|authors|changelog|contributing|` +
	`code_of_conduct|security)([._-]\w+)?(\.(md|txt|rst))?`

// aboutNames matches texts about a repository, the lists of its packages, and the configuration of
// editors and of tools that check code. They are left out of the site.
var aboutNames = regexp.MustCompile(`(?i)^(` + aboutTexts + `|` +
	`package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|` +
	`(eslint|prettier|stylelint)\.config\.[cm]?js|biome\.jsonc?|jsconfig\.json)$`)

// libraryNames matches texts about a library below the top, which belong to it.
var libraryNames = regexp.MustCompile(`(?i)^` + aboutTexts + `$`)

// toolNames matches code that a tool or a server runs, not a browser.
var toolNames = regexp.MustCompile(`(\.config|rc)\.[cm]?js$|^(server|gulpfile|Gruntfile|_worker)\.[cm]?js$`)

// serverCode matches scripts in the folders of which other hosts run each script as a function.
var serverCode = regexp.MustCompile(`^(netlify|functions|server)/.*\.[cm]?js$|^api/[^/]+\.[cm]?js$`)

// codeNames matches the usual names of a Worker's code at the top of a project.
var codeNames = regexp.MustCompile(`^(src/)?(index|main|worker)\.m?js$`)

// outputs are folders of build tools that need not have an index.html.
var outputs = []string{
	"dist", "build", "out", "_site", "storybook-static", ".output", ".svelte-kit", ".next", ".vercel", ".open-next",
}

// output returns a folder that a build may have written, or "".
func (l *loader) output() string {
	i := slices.IndexFunc(outputs, func(dir string) bool { return l.files.isDir(filepath.Join(l.root, dir)) })
	if i < 0 {
		return ""
	}
	return outputs[i]
}

// detectPublic publishes a folder public that has no page, or refuses it and names what shows that a
// build or a server uses the folder.
func (l *loader) detectPublic() {
	beside := l.output()
	if beside == "" && l.s.Code.Main == "" && l.s.Project == "" {
		beside = l.fileBeside()
	}
	if beside == "" {
		l.s.Directory = public
		return
	}
	l.refuse(origin{place: public}, fmt.Sprintf("it has no index.html, and %.200s beside it shows that a build or a "+
		"server may use it", beside), "publish it with --dir public if it is the site; otherwise "+l.howToPublish())
}

// notOfPrograms are the extensions of files that say nothing about what a project is, beside webTypes.
var notOfPrograms = strings.Fields(".md .txt .rst .pdf .csv")

// fileBeside returns a file at the top of the project that shows that it is more than a folder public:
// code, or the configuration of another tool. It returns "" if there is none.
func (l *loader) fileBeside() string {
	return l.entryAtTop(func(e fs.DirEntry) bool {
		name := e.Name()
		ext := strings.ToLower(path.Ext(name))
		script := ext == ".js" || ext == ".mjs"
		return !e.IsDir() && name[0] != '.' && !aboutNames.MatchString(name) && !configNames.MatchString(name) &&
			(script || !slices.Contains(webTypes, ext)) && !slices.Contains(notOfPrograms, ext)
	})
}

// pageAtTop returns a page at the top of the project, or "".
func (l *loader) pageAtTop() string {
	return l.entryAtTop(func(e fs.DirEntry) bool {
		return !e.IsDir() && strings.HasPrefix(strings.ToLower(path.Ext(e.Name())), ".htm")
	})
}

// entryAtTop returns the name of the first entry at the top of the project that matches, or "".
func (l *loader) entryAtTop(match func(fs.DirEntry) bool) string {
	top, err := l.top()
	if err != nil {
		return ""
	}
	entries, _ := fs.ReadDir(top, ".") // what cannot be read shows nothing
	i := slices.IndexFunc(entries, match)
	if i < 0 {
		return ""
	}
	return entries[i].Name()
}

// detectTop publishes the whole folder, or refuses it and names a file that is no part of a site.
func (l *loader) detectTop() {
	about, other, err := l.lookAtTop()
	switch {
	case err != nil:
		l.refuse(l.here(), "the folder cannot be read: "+withoutPath(err), "correct its permissions")
		return
	case other != "":
		l.refuse(l.here(), fmt.Sprintf("the site is at the top of the project, beside files that may be no part of it, "+
			"such as %.200s", other), "move the site into public/, or publish the whole folder with --dir .")
		return
	}
	l.s.Directory = "."
	if len(about) > 0 {
		for i, name := range about {
			l.s.Ignore = slices.Insert(l.s.Ignore, i, "/"+name)
		}
		l.notice(l.here(), "it is the site, without "+strings.Join(about, ", "),
			"publish all of it with --dir ."+l.rulesOfHosts(about))
	}
}

// rulesOfHosts says what to do about rules in the configuration of other hosts, or returns "".
func (l *loader) rulesOfHosts(names []string) (text string) {
	for _, name := range names {
		if _, rules := buildtool.OtherHost(projectFiles{l}, name); rules {
			text += "; the rules of " + name + " are not applied: write them into _redirects and _headers"
		}
	}
	return text
}

// errOther ends the walk at the first file that may be no part of a site.
var errOther = errors.New("no part of a site")

// top returns the folder of the project. Its entries are only named, and no symlink is followed.
func (l *loader) top() (fs.FS, error) {
	if name, ok := l.files.inCommit(l.root); ok {
		return fs.Sub(l.files.commit, name)
	}
	return os.DirFS(l.root), nil
}

// lookAtTop returns the files at the top of the project that are about it, and the first file that
// may be no part of a site.
func (l *loader) lookAtTop() (about []string, other string, err error) {
	top, err := l.top()
	if err != nil {
		return nil, "", err
	}
	err = fs.WalkDir(top, ".", func(name string, e fs.DirEntry, err error) error {
		base := path.Base(name)
		otherHost, _ := buildtool.OtherHost(projectFiles{l}, base)
		switch {
		case err != nil:
			return err
		case name == ".":
		case base[0] == '.' && base != ".well-known", name == base && ownNames.MatchString(base):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case name == base && (aboutNames.MatchString(base) || otherHost):
			about = append(about, base)
		case !l.browserLoads(name):
			other = name
			return errOther
		}
		return nil
	})
	if errors.Is(err, errOther) {
		err = nil
	}
	return about, other, err
}

// browserLoads reports whether a file is of a kind that a browser loads from a site.
func (l *loader) browserLoads(name string) bool {
	base, main := path.Base(name), l.s.Code.Main
	switch {
	case main != "" && l.resolve(main) == filepath.Join(l.root, filepath.FromSlash(name)),
		l.s.Project != "" && codeNames.MatchString(name), toolNames.MatchString(base),
		serverCode.MatchString(name):
		return false
	case strings.HasPrefix(name, ".well-known/"), name != base && libraryNames.MatchString(base):
		return true
	}
	ext := strings.ToLower(path.Ext(base))
	return slices.Contains(webTypes, ext) || webNames.MatchString(base) ||
		slices.Contains(linkedTypes, ext) && l.pageNames(name)
}

// pageNames reports whether the page at the top has the name of a file in quotes, as in a link.
func (l *loader) pageNames(name string) bool {
	page := l.files.readSmall(filepath.Join(l.root, "index.html"))
	escaped := (&url.URL{Path: name}).EscapedPath()
	return slices.ContainsFunc([]string{name, escaped}, func(n string) bool {
		return regexp.MustCompile(`["'](\./|/)?` + regexp.QuoteMeta(n) + `["'#?]`).Match(page)
	})
}
