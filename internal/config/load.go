package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config/buildtool"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Load reads the configuration. If something has to be corrected, the error is an *Error with
// all problems. Notices are only information. Load only reads files: it runs no program and
// sends no request.
func Load(in Inputs) (*Settings, []manifest.Problem, error) {
	l, err := newLoader(in)
	if err != nil {
		return nil, nil, err
	}
	l.load()
	if len(l.errors) > 0 {
		order(l.errors)
		return nil, l.notices, &Error{Problems: l.errors, Partial: l.s, refused: l.refused}
	}
	order(l.notices)
	return l.s, l.notices, nil
}

// order sorts problems by file and line.
func order(list []manifest.Problem) {
	slices.SortStableFunc(list, func(a, b manifest.Problem) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), a.Line-b.Line)
	})
}

// loader collects the settings of one run.
type loader struct {
	in              Inputs
	root            string
	boundary        *boundary.Boundary
	files           files
	s               *Settings
	below           bool   // a shared file is in a folder above
	own             string // the name of the project's own kv-sync.toml
	errors, notices []manifest.Problem
	refused         []string // the settings whose values were refused
}

func newLoader(in Inputs) (*loader, error) {
	root, err := filepath.Abs(in.Root)
	if err != nil {
		return nil, fmt.Errorf("find the project %s: %w", in.Root, err)
	}
	inside := in.Boundary
	if inside == nil {
		if inside, err = boundary.New(root); err != nil {
			return nil, fmt.Errorf("find the project %s: %w", in.Root, err)
		}
	}
	if err := checkRoot(inside, root); err != nil {
		return nil, err
	}
	l := &loader{
		in: in, root: root, boundary: inside,
		files: files{commit: in.Commit, root: inside.Top(), disk: inside},
		s: &Settings{
			Options: options.Values{options.Source: options.Source.Default},
			Root:    root, Layout: "content", BaseURL: DefaultBaseURL,
			Retain: site.DefaultRetain, Grace: site.DefaultGrace, origins: map[string]origin{},
		},
	}
	l.s.buildCommand, l.s.toolCommand = l.buildCommand, l.toolCommand
	l.s.clientRouter = func() string { return buildtool.ClientRouter(projectFiles{l}) }
	if in.CommitRoot != "" {
		if l.files.root, err = filepath.Abs(in.CommitRoot); err != nil {
			return nil, fmt.Errorf("find the repository %s: %w", in.CommitRoot, err)
		}
	}
	return l, nil
}

func (l *loader) refuse(from origin, reason, fix string) {
	l.errors = append(l.errors, from.problem(reason, fix))
}

func (l *loader) notice(from origin, reason, fix string) {
	l.notices = append(l.notices, from.problem(reason, fix))
}

// load fills the settings, from the source with the lowest precedence to the highest.
func (l *loader) load() {
	own := l.ownFile()
	l.addShared(own)
	w := l.wrangler(own)
	if w != nil {
		l.applyWrangler(w)
	}
	for _, k := range keys {
		if v, ok := l.lookup(k, own, w); ok {
			l.set(k, v)
		}
	}
	l.noticeOldNames()
	for name := range l.in.Flags {
		if !isKey(name) {
			l.refuse(origin{place: flagPrefix + name}, "there is no such setting", "remove it")
		}
	}
	if len(l.errors) == 0 {
		l.finish()
	}
}

// finish fills in defaults, and makes the checks that involve several settings.
func (l *loader) finish() {
	s := l.s
	if l.in.Bare {
		l.finishBare()
		return
	}
	l.place(&s.Directory, "directory")
	l.place(&s.Code.Main, "worker")
	l.checkBuilt()
	if s.Directory == "" && len(l.errors) == 0 {
		l.detectDirectory()
	}
	l.checkPages()
	l.identify()
	s.Worker.CompatibilityDate = cmp.Or(s.Worker.CompatibilityDate, DefaultCompatibilityDate)
	s.Code.Root, s.Code.Boundary = s.Root, l.boundary
	s.Code.CompatibilityDate = s.Worker.CompatibilityDate
	s.Code.CompatibilityFlags = s.Worker.CompatibilityFlags
	l.finishRouting()
	l.checkCache()
	l.finishOverlay()
	l.checkRetire()
	l.finishKVAssets()
	if s.Code.Main == "" && len(s.Worker.Migrations) > 0 {
		l.refuse(s.origin("worker"), "there are Durable Object migrations, but no Worker that has the classes",
			`name the Worker's file in "main"`)
	}
}

// identify makes sure that either the name of a site or the id of a project is set. A name in
// a wrangler file is ignored if there is a project, because every wrangler file has a name.
func (l *loader) identify() {
	s := l.s
	switch name := s.origins["name"]; {
	case s.Project == "" && s.Name == "":
		l.detectName()
	case s.Project != "" && s.Name != "" && !name.file:
		l.refuse(name, "a site and a project are named at once; the project is set by "+s.Where("project"),
			"remove one of the two")
	case s.Project != "":
		s.Name = ""
		l.dropCache()
	}
}
