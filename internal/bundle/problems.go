package bundle

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// problems converts esbuild's messages.
func problems(messages []api.Message) []manifest.Problem {
	list := make([]manifest.Problem, 0, len(messages))
	for _, m := range messages {
		p := manifest.Problem{Path: "worker", Reason: m.Text}
		if p2, ok := m.Detail.(manifest.Problem); ok {
			p = p2
		}
		if m.Location != nil {
			p.Path, p.Line = filepath.ToSlash(m.Location.File), m.Location.Line
		}
		if p.Fix == "" {
			p.Fix = advice(m)
		}
		list = append(list, p)
	}
	return list
}

// problems converts esbuild's messages about the project. It replaces messages about a file
// outside of the boundary, because they may quote the file.
func (p *project) problems(messages []api.Message) []manifest.Problem {
	shown := make([]api.Message, len(messages))
	for i, m := range messages {
		if l := m.Location; l != nil && (l.Namespace == "" || l.Namespace == "file") {
			file := filepath.Join(p.Root, filepath.FromSlash(l.File))
			if err := p.Boundary.Check(file); err != nil && !p.committed.has(file) {
				m = api.Message{
					Text: "the file cannot be read: " + reason(err), Location: &api.Location{File: l.File, Line: l.Line},
				}
			}
		}
		shown[i] = m
	}
	return problems(shown)
}

// advice returns how to fix the problem in a message, or "".
func advice(m api.Message) string {
	var notes []string
	for _, n := range m.Notes {
		// This note names an option of esbuild, which users of kv-sync cannot set.
		if !strings.HasPrefix(n.Text, "You can mark the path ") {
			notes = append(notes, n.Text)
		}
	}
	if len(notes) > 0 {
		return strings.Join(notes, " ")
	}
	quoted, ok := strings.CutPrefix(m.Text, "Could not resolve ")
	if !ok {
		return ""
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return adviceUnresolved(name)
}

// adviceUnresolved returns how to fix an import that cannot be resolved.
func adviceUnresolved(name string) string {
	pkg := strings.SplitN(name, "/", 3)
	switch scoped := strings.HasPrefix(name, "@") && len(pkg) > 1; {
	case strings.HasPrefix(name, "#"):
		return `add it to "imports" in package.json, or correct the import`
	case name == "" || strings.ContainsAny(name[:1], "./"):
		return "correct the import; if a build creates the file, run the build before the deploy"
	case scoped:
		name = pkg[0] + "/" + pkg[1]
	default:
		name = pkg[0]
	}
	fix := fmt.Sprintf("run npm ci before the deploy, or npm install %s if package.json does not have it yet", name)
	if boundary.IsCode(name) {
		fix += fmt.Sprintf("; write %q for a file beside this one", "./"+name)
	}
	return fix
}
