package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

// A project whose index.html is at its top is a site as a whole if it has nothing but files that
// a browser loads. Nobody named the folder, so a file that could be anything else is not
// published by a guess: code of a server, data, documents. A person who names the folder
// publishes all of it.

// webTypes are the extensions of pages, styles, scripts, images, fonts and media.
var webTypes = strings.Fields(".html .htm .xhtml .css .js .mjs .map .webmanifest .wasm " +
	".svg .png .apng .jpg .jpeg .gif .webp .avif .ico .bmp .woff .woff2 .ttf .otf .eot " +
	".mp3 .m4a .oga .ogg .opus .wav .flac .mp4 .m4v .ogv .webm .vtt")

// webNames matches files of a site whose extension could be that of other data.
var webNames = regexp.MustCompile(`^(manifest\.json|(robots|humans|ads|security|llms(-full)?)\.txt|` +
	`(sitemap[\w-]*|feed|rss|atom|browserconfig|opensearch)\.xml|CNAME)$`)

// ownNames matches files that are left out of what is published, wherever that is decided.
var ownNames = regexp.MustCompile(`^(kv-sync\.toml|wrangler\.(json|jsonc|toml)|_headers|_redirects|_kv-sync.*|` +
	`node_modules)$`)

// aboutNames matches texts about a repository, which are left out of the site.
var aboutNames = regexp.MustCompile(`(?i)^(readme|licen[cs]e|copying|notice|authors|changelog|contributing|` +
	`code_of_conduct|security)([._-]\w+)?(\.(md|txt|rst))?$`)

// toolNames matches code that a tool or a server runs, not a browser.
var toolNames = regexp.MustCompile(`(\.config|rc)\.[cm]?js$|^(server|gulpfile|Gruntfile|_worker)\.[cm]?js$`)

// codeNames matches the usual names of a Worker's code at the top of a project.
var codeNames = regexp.MustCompile(`^(src/)?(index|main|worker)\.m?js$`)

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
		l.notice(l.here(), "it is the site, without "+humanize.List(about),
			"publish all of it with --dir .")
	}
}

// errOther ends the walk at the first file that may be no part of a site.
var errOther = errors.New("no part of a site")

// lookAtTop returns the texts about the repository at the top of the project, and the first file that
// may be no part of a site.
func (l *loader) lookAtTop() (about []string, other string, err error) {
	top := os.DirFS(l.root) // its entries are only named, and no symlink is followed
	if name, ok := l.files.inCommit(l.root); ok {
		if top, err = fs.Sub(l.files.commit, name); err != nil {
			return nil, "", err
		}
	}
	err = fs.WalkDir(top, ".", func(name string, e fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case name == ".":
		case base[0] == '.' && base != ".well-known", name == base && ownNames.MatchString(base):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case name == base && aboutNames.MatchString(base):
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
		l.s.Project != "" && codeNames.MatchString(name), toolNames.MatchString(base):
		return false
	}
	return slices.Contains(webTypes, strings.ToLower(path.Ext(base))) || webNames.MatchString(base)
}
