package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// ProjectFile is the name of kv-sync's own configuration file.
const ProjectFile = "kv-sync.toml"

const (
	elsewhereSet = "a deploy changes no domains and routes: set them in Cloudflare's dashboard, or with wrangler " +
		"triggers deploy"
	directoryKey = `name the folder that is published with "directory"`
)

// foreignKeys are settings that other tools have, with the fix.
var foreignKeys = map[string]string{
	"domain": elsewhereSet, "domains": elsewhereSet, "route": elsewhereSet, "routes": elsewhereSet,
	"public": directoryKey, "publish": directoryKey, "output": directoryKey, "dist": directoryKey,
	"spa": `write not-found = "single-page-application"`,
}

// projectFile reads a kv-sync.toml. A missing file sets nothing.
func (l *loader) projectFile(file string) map[string]value {
	out := map[string]value{}
	display := l.display(file)
	top := l.parse(file, display, false)
	if top == nil {
		return out
	}
	r := tree.Reader{File: display}
	for _, name := range top.Names {
		n := top.Get(name)
		switch {
		case isKey(name) && !keyNamed(name).file:
			r.Refuse(n, name+" cannot be set in a file", "set it in the environment: "+keyNamed(name).env[0])
		case !isKey(name):
			r.Refuse(n, name+" is not understood", cmp.Or(foreignKeys[name], tree.Nearest(name, fileKeys())))
		default:
			if v, ok := fileValue(&r, keyNamed(name), n); ok {
				out[name] = value{v, origin{display, n.Line, true}}
			}
		}
	}
	l.errors = append(l.errors, r.Errors...)
	return out
}

// relativePaths are the settings that are paths, which a file names from its own folder.
var relativePaths = []string{"directory", "worker", "index"}

// ownFile reads the kv-sync.toml of the project: in its folder, or beside the wrangler file that a
// flag or a variable names, such as that of an application in a monorepo.
func (l *loader) ownFile() map[string]value {
	l.own = ProjectFile
	file := filepath.Join(l.root, ProjectFile)
	config, _ := l.lookup(keyNamed("config"), nil, nil)
	beside := l.projectFileBeside(config.text)
	if beside == "" {
		own := l.projectFile(file)
		if v := own["config"]; l.projectFileBeside(v.text) != "" {
			l.notice(v.from, fmt.Sprintf("%s, which is beside it, is not used", l.display(l.projectFileBeside(v.text))),
				"move its settings into this file")
		}
		return own
	}
	l.own = l.display(beside)
	if _, _, err := l.files.stat(file); err == nil {
		l.notice(origin{place: l.own}, fmt.Sprintf("this file is used, which is beside %s, and not %s", config.text,
			ProjectFile), "")
	}
	own := l.projectFile(beside)
	for _, name := range relativePaths {
		if v, ok := own[name]; ok && v.text != "" && !filepath.IsAbs(filepath.FromSlash(v.text)) {
			v.text = l.display(filepath.Join(filepath.Dir(beside), filepath.FromSlash(v.text)))
			own[name] = v
		}
	}
	return own
}

// projectFileBeside returns the kv-sync.toml beside a wrangler file in another folder than the
// project's, or "".
func (l *loader) projectFileBeside(config string) string {
	dir := filepath.Dir(l.resolve(config))
	beside := filepath.Join(dir, ProjectFile)
	if _, _, err := l.files.stat(beside); config == "" || dir == l.root || err != nil {
		return ""
	}
	return beside
}

// addShared adds the settings of the shared file that a project's own file does not set. It
// refuses a project's own file that names another project.
func (l *loader) addShared(own map[string]value) {
	if l.in.Shared == "" {
		return
	}
	dir, err := filepath.Abs(l.in.Shared)
	if err != nil || dir == l.root {
		return // there is one file, which may also be that of the platform's own site
	}
	l.below = true
	// Below a shared file the id of a project is the name of its folder, so another id in the
	// project's own file would have no effect.
	if v, ok := own["project"]; ok && v.text != l.in.Flags["project"] {
		l.refuse(v.from, fmt.Sprintf("project is %.60q, but its folder is called %s", v.text, filepath.Base(l.root)),
			"rename the folder, or remove this line")
	}
	for name, v := range l.projectFile(filepath.Join(dir, ProjectFile)) {
		if _, ok := own[name]; !ok && !slices.Contains(perProject, name) {
			own[name] = v
		}
	}
}

// isOwn reports whether a kv-sync.toml sets a value only for this site or project. A shared file is
// also for other projects. The file in the folder of the platform is for the platform's own site,
// unless it names the project.
func (l *loader) isOwn(from origin) bool {
	return from.place == l.own && (l.s.Project == "" || l.below || l.s.origins["project"].file)
}

// parse reads one file in the language of its extension. It returns nil if the file is not
// required and does not exist, or after it reported a problem.
func (l *loader) parse(file, name string, required bool) *tree.Table {
	at := origin{place: name}
	st, committed, err := l.files.stat(file)
	var data []byte
	if err == nil && st.Mode().IsRegular() && st.Size() <= tree.MaxFileBytes {
		data, err = l.files.read(file, committed)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !required:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		l.refuse(at, "the file does not exist", `correct "config"`)
		return nil
	case isOutside(err):
		l.refuse(at, "the file is not read: "+withoutPath(err), "put the file itself there")
		return nil
	case err != nil:
		l.refuse(at, "the file cannot be read: "+withoutPath(err), "correct its permissions")
		return nil
	case !st.Mode().IsRegular():
		l.refuse(at, "this is not a regular file", "replace it by a file, or remove it")
		return nil
	case st.Size() > tree.MaxFileBytes:
		l.refuse(at, tooLarge, makeSmaller)
		return nil
	}
	if l.in.Commit != nil && !committed {
		l.notice(at, "the commit does not have this file, so the file of the work tree is used", "")
	}
	top, err := tree.Parse(name, data)
	if err != nil {
		l.errors = append(l.errors, syntaxProblem(name, err))
		return nil
	}
	l.s.Files = append(l.s.Files, name)
	return top
}

const (
	tooLarge    = "the file is too large for a configuration file"
	makeSmaller = "make it smaller than 256 KiB"
)

// syntaxProblem reports a file that cannot be parsed.
func syntaxProblem(file string, err error) manifest.Problem {
	p := manifest.Problem{Path: file, Reason: err.Error(), Fix: "correct the file there"}
	var s *tree.SyntaxError
	if errors.As(err, &s) {
		p.Line = s.Line
	}
	return p
}

// withoutPath returns an error's text without the path that package os adds.
func withoutPath(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// patternLists are the settings that are lists of patterns, each with an example.
var patternLists = map[string]string{"ignore": "*.map", "retire": "/assets/*"}

// numeric and switches are the settings that kv-sync.toml may give as numbers and booleans.
var (
	numeric  = []string{"retain", "parallel", "memory", "edge-cache", "memory-cache"}
	switches = []string{"edge-cache", "memory-cache", "cache-status", "gitignore"}
)

// fileValue returns a value of kv-sync.toml as the text that a flag would have.
func fileValue(r *tree.Reader, k key, n *tree.Node) (string, bool) {
	if k.name == "overlay" {
		return overlayValue(r, n)
	}
	fix := fmt.Sprintf("write one value, in quotes: %s = \"…\"", k.name)
	switch v := n.Value.(type) {
	case string:
		return v, true
	case json.Number:
		if slices.Contains(numeric, k.name) {
			return v.String(), true
		}
		fix = k.quoted(v.String())
	case bool:
		if slices.Contains(switches, k.name) {
			return strconv.FormatBool(v), true
		}
		fix = k.quoted(strconv.FormatBool(v))
	case []*tree.Node:
		if patternLists[k.name] != "" {
			before := len(r.Errors)
			list := r.Texts(n)
			return strings.Join(list, "\n"), len(r.Errors) == before
		}
	}
	if example := patternLists[k.name]; example != "" {
		fix = fmt.Sprintf(`write a list of patterns: %s = [%q]`, k.name, example)
	}
	r.Refuse(n, fmt.Sprintf("%s is %s", n.Path, n.Kind()), fix)
	return "", false
}

// quoted returns the fix for a value without quotes: to add quotes, or what to write if the
// value would not be valid in quotes, either.
func (k key) quoted(text string) string {
	if err := k.set(&Settings{}, text); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("put it in quotes: %s = %q", k.name, text)
}
