package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/realpath"
)

// Directories are the usual names of a site's folder.
var Directories = []string{public, "dist", "build", "out", "_site", www}

// Found is the origin of a directory that was detected.
const Found = "the project's folders"

// Candidates returns the files, relative to Root, whose content or existence can change the
// settings. The file that "config" names is not among them.
func Candidates() []string {
	names := append([]string{ProjectFile, "package.json"}, wranglerFiles...)
	for _, d := range Directories {
		names = append(names, path.Join(d, "index.html"))
	}
	return names
}

// ProjectAbove returns the nearest folder above one without a configuration that has one, or "". It is
// for a hint: no setting is read from there.
func ProjectAbove(root string) string {
	configured := func(dir string) bool {
		return slices.ContainsFunc(append([]string{ProjectFile, "package.json"}, wranglerFiles...), func(name string) bool {
			info, err := os.Stat(filepath.Join(dir, name))
			return err == nil && info.Mode().IsRegular()
		})
	}
	for dir := root; ; dir = filepath.Dir(dir) {
		switch {
		case configured(dir) && dir != root:
			return dir
		case configured(dir), filepath.Dir(dir) == dir:
			return ""
		}
	}
}

// detectDirectory finds the site if no configuration names it. A folder with a page is the site, but
// for the input of a build. Without one, public or the top of the project is the site only if nothing
// beside it shows that the project is more than files.
func (l *loader) detectDirectory() {
	tool := l.buildTool()
	found, inputs := l.sites(tool)
	switch {
	case len(found) == 1:
		l.s.Directory = found[0]
	case len(found) > 1:
		l.refuse(origin{place: strings.Join(found, ", ")}, "each of these could be the site",
			"name the right one with --dir, or as \"directory\" in "+ProjectFile)
	case l.refuseOutside():
		return
	case l.refuseUnbuilt(tool, inputs):
		return
	case l.has("index.html"):
		l.detectTop()
	case l.files.isDir(filepath.Join(l.root, public)):
		l.detectPublic()
	case l.s.Code.Main != "":
		return // a Worker without files is valid
	case l.pageAtTop() != "":
		l.refuse(l.here(), fmt.Sprintf("no site was found: there is %.200s and no index.html", l.pageAtTop()),
			"rename the page of the start to index.html, or publish the folder as it is with --dir .")
	default:
		l.refuse(l.here(), "no site was found: "+inputs.none(), l.howToPublish())
	}
	l.s.origins["directory"] = origin{place: Found}
}

// refuseOutside refuses a folder that could be the site but is outside of the boundary. It
// reports whether there is one.
func (l *loader) refuseOutside() bool {
	for _, d := range Directories {
		abs := filepath.Join(l.root, d)
		if _, err := l.boundary.Stat(abs); isOutside(err) {
			return !l.confine(abs, origin{place: d}, "directory")
		}
	}
	return false
}

// here returns the name of Root for messages: its path below the shared folder, if it is a
// project there.
func (l *loader) here() origin {
	if l.in.Shared != "" {
		if rel, err := filepath.Rel(l.in.Shared, l.root); err == nil {
			return origin{place: filepath.ToSlash(rel)}
		}
	}
	return origin{place: "this folder"}
}

const howToName = "name it with --name, or as \"name\" in " + ProjectFile

// detectName derives the name of the site if no configuration sets it.
func (l *loader) detectName() {
	pkg := l.files.readSmall(filepath.Join(l.root, "package.json"))
	remote := l.remoteName()
	folder := strings.TrimSuffix(filepath.Base(l.root), ".git") // a bare repository's suffix
	for _, c := range []struct{ text, place string }{
		{packageName(bytes.TrimPrefix(pkg, byteOrderMark)), "package.json"},
		{remote, "the git remote"},
		{l.jobRepository(), "GITHUB_REPOSITORY"},
		{folder, "this folder"},
	} {
		name := sanitise(c.text)
		if name == "" {
			continue
		}
		from := origin{place: c.place}
		l.s.Name, l.s.Derived, l.s.origins["name"] = name, true, from
		// Earlier versions ignored GITHUB_REPOSITORY, and a package.json with a byte order mark.
		former := cmp.Or(sanitise(packageName(pkg)), sanitise(remote), sanitise(folder))
		if former != name {
			l.s.Formerly = former
		}
		return
	}
	l.refuse(origin{place: "--name"}, "the site has no name", howToName)
}

// byteOrderMark is at the beginning of files of some editors on Windows. npm ignores it.
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

// jobRepository returns the name of the repository of a job of GitHub Actions, if Root is the
// job's workspace: the folder's name is not useful, because in the Action's container it is
// always "workspace". For a folder in the workspace it returns "": a repository may contain
// several sites, so a site gets the name of its folder.
func (l *loader) jobRepository() string {
	if l.in.Getenv == nil || l.in.Getenv("GITHUB_ACTIONS") != "true" {
		return ""
	}
	workspace := l.in.Getenv("GITHUB_WORKSPACE")
	if workspace == "" || realpath.Resolve(filepath.Clean(workspace)) != realpath.Resolve(l.root) {
		return ""
	}
	_, name, _ := strings.Cut(l.in.Getenv("GITHUB_REPOSITORY"), "/")
	return name
}

// remoteName returns the name of the repository of the remote "origin". It reads .git/config,
// which is the only file of git's own that kv-sync reads for a setting.
func (l *loader) remoteName() string {
	git, err := boundary.New(filepath.Join(l.root, ".git"))
	if err != nil {
		return ""
	}
	text, err := git.ReadFile(filepath.Join(l.root, ".git", "config"), tree.MaxFileBytes)
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

// repositoryName returns the last part of a remote's path. The name becomes public, so it must
// not contain the user, the host or the query of the URL, which may have a token.
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

// sanitise converts a text to a valid name. It returns "" if nothing is left.
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
	return strings.TrimRight(name[:min(len(name), 63)], "-_")
}
