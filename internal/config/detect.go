package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// Directories are where builds put a site, and where a site without a build lies.
var Directories = []string{"public", "dist", "build", "out", "_site", "www"}

// Found is what [Settings.Where] says of a directory that nobody names.
const Found = "what the project holds"

// Candidates are the files, relative to Root, that decide the settings by what they
// hold or by being there, beside one that "config" names.
func Candidates() []string {
	names := append([]string{ProjectFile, "package.json"}, wranglerFiles...)
	for _, d := range Directories {
		names = append(names, path.Join(d, "index.html"))
	}
	return names
}

// detectDirectory finds the site where no configuration names it.
func (l *loader) detectDirectory() {
	var found []string
	for _, d := range Directories {
		if l.files.isFile(filepath.Join(l.root, d, "index.html")) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
		l.s.Directory = found[0]
	case len(found) > 1:
		l.refuse(strings.Join(found, ", "), "each of these could be the site", "name the one that is with --dir, or as \"directory\" in "+ProjectFile)
	case l.leadsOut():
		return
	case l.files.isDir(filepath.Join(l.root, "public")):
		l.s.Directory = "public"
	case l.files.isFile(filepath.Join(l.root, "index.html")):
		l.refuse(l.here(), "the site lies at the top of the project, among files that are no part of it", "move it into public/, or publish the whole folder with --dir .")
	case l.s.Code.Main != "":
		return // a Worker need not have files
	default:
		l.refuse(l.here(), "no site was found: there is no index.html in "+strings.Join(Directories, ", "),
			"run the site's build first, or name its folder with --dir")
	}
	l.s.origins["directory"] = origin{place: Found}
}

// leadsOut refuses a folder that could be the site, and is a symlink out of the
// boundary.
func (l *loader) leadsOut() bool {
	for _, d := range Directories {
		abs := filepath.Join(l.root, d)
		if _, err := l.boundary.Stat(abs); isOutside(err) {
			return !l.confine(abs, origin{place: d}, "directory")
		}
	}
	return false
}

// here is how a message names Root: a project by its folder.
func (l *loader) here() string {
	if l.in.Shared != "" {
		if rel, err := filepath.Rel(l.in.Shared, l.root); err == nil {
			return filepath.ToSlash(rel)
		}
	}
	return "this folder"
}

// detectName names the site where no configuration does.
func (l *loader) detectName() {
	pkg := l.files.readSmall(filepath.Join(l.root, "package.json"))
	remote := l.remoteName()
	folder := strings.TrimSuffix(filepath.Base(l.root), ".git") // a bare repository's ends so
	for _, c := range []struct{ value, origin string }{
		{packageName(bytes.TrimPrefix(pkg, byteOrderMark)), "package.json"},
		{remote, "the git remote"},
		{l.jobRepository(), "GITHUB_REPOSITORY"},
		{folder, "the folder's name"},
	} {
		if name := sanitise(c.value); name != "" {
			l.s.Name, l.s.origins["name"] = name, origin{place: c.origin}
			// Before there was a release, neither the mark nor the job counted.
			former := cmp.Or(sanitise(packageName(pkg)), sanitise(remote), sanitise(folder))
			if former != name {
				l.s.Formerly = former
			}
			l.notice(c.origin, fmt.Sprintf("the site is called %s after it", name), "name it with --name, or as \"name\" in "+ProjectFile+", so that it never changes by accident")
			return
		}
	}
	l.refuse("--name", "the site has no name", "name it with --name, or as \"name\" in "+ProjectFile)
}

// byteOrderMark is what some editors on Windows begin a file with, and npm skips.
var byteOrderMark = []byte("\ufeff")

// packageName reads the name in package.json, without a scope.
func packageName(text []byte) string {
	var p struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Name == "" {
		return ""
	}
	return path.Base(p.Name)
}

// jobRepository is the name of the repository that a job of GitHub Actions is of,
// for the job's whole workspace: its folder's name says nothing, as that of the
// Action's container, which is "workspace" in every job. A folder in it is called
// by its own name, since a repository may hold several sites.
func (l *loader) jobRepository() string {
	if l.in.Getenv == nil || l.in.Getenv("GITHUB_ACTIONS") != "true" {
		return ""
	}
	workspace := l.in.Getenv("GITHUB_WORKSPACE")
	if workspace == "" || existing(filepath.Clean(workspace)) != existing(l.root) {
		return ""
	}
	_, name, _ := strings.Cut(l.in.Getenv("GITHUB_REPOSITORY"), "/")
	return name
}

// remoteName reads the name of the repository that "origin" is.
func (l *loader) remoteName() string {
	// Of git's own files this one is read, and nothing of it but the name.
	git, err := boundary.New(filepath.Join(l.root, ".git"))
	if err != nil {
		return ""
	}
	text, err := git.ReadFile(filepath.Join(l.root, ".git", "config"), maxFileBytes)
	if err != nil {
		return ""
	}
	inOrigin := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inOrigin = line == `[remote "origin"]`
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if inOrigin && ok && strings.TrimSpace(name) == "url" {
			return repositoryName(strings.TrimSpace(value))
		}
	}
	return ""
}

// repositoryName is the last part of a remote's path. The name becomes public, so no
// other part of the URL counts: user, host and query may hold a token.
func repositoryName(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		if i := strings.IndexAny(rest, "?#"); i >= 0 {
			rest = rest[:i]
		}
		_, url, _ = strings.Cut(rest, "/")
	}
	url = strings.TrimSuffix(strings.TrimRight(url, "/"), ".git")
	return url[strings.LastIndexAny(url, "/:\\")+1:]
}

// sanitise makes a site's name of any text, or "" where nothing is left of it.
func sanitise(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.TrimLeft(b.String(), "-_")
	if len(name) > 63 {
		name = name[:63]
	}
	return strings.TrimRight(name, "-_")
}
