package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/pointers"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// projectsFolder contains the projects of a repository. The name of a project's folder is the
// project's id.
const projectsFolder = "projects"

const perProject = "make a folder for each project in it, whose name is the project's id"

var projectID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Projects lists the ids of the projects in the folder projects/, ascending. It reads the
// commit of the inputs, or without one the disk.
func Projects(ctx context.Context, in Inputs) ([]string, error) {
	root, done, err := in.withDefaults().tree(ctx)
	if err != nil {
		return nil, in.Report(err)
	}
	defer done()
	ids, err := projectsIn(root)
	if len(in.Mistakes) > 0 {
		return nil, in.Report(err)
	}
	return ids, err
}

func projectsIn(root fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(root, projectsFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &UsageError{Err: fmt.Errorf("there is no folder %s", projectsFolder), Fix: perProject}
	}
	if err != nil {
		return nil, fmt.Errorf("list the projects: %w", err)
	}
	var ids []string
	var wrong []error
	for _, e := range entries {
		st, err := fs.Stat(root, path.Join(projectsFolder, e.Name()))
		switch {
		case e.Name()[0] == '.' || err == nil && !st.IsDir():
		case err != nil:
			wrong = append(wrong, err)
		case !projectID.MatchString(e.Name()):
			wrong = append(wrong, fmt.Errorf("the name of the folder %s/%.80q is not a project id: use 1 to 63 of "+
				"a-z, 0-9, - and _", projectsFolder, e.Name()))
		default:
			ids = append(ids, e.Name())
		}
	}
	switch {
	case len(wrong) > 0:
		return nil, &UsageError{Err: errors.Join(wrong...), Fix: "rename it, or move it elsewhere"}
	case len(ids) == 0:
		return nil, &UsageError{
			Err: fmt.Errorf("there is no project in the folder %s", projectsFolder), Fix: perProject,
		}
	}
	return ids, nil
}

// tree returns the files of Root: those of the commit of the inputs, or without one those on
// the disk. The caller calls done after the last read.
func (in Inputs) tree(ctx context.Context) (root fs.FS, done func(), err error) {
	if in.Commit == "" {
		return os.DirFS(in.Root), func() {}, nil
	}
	commit, err := source.OpenCommit(ctx, source.Options{WorkDir: in.Root, Revision: in.Commit, Getenv: in.Getenv})
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = commit.Close() } // only read
	if root, err = fs.Sub(commit.Tree(ctx), commit.Dir()); err != nil {
		done()
		return nil, nil, err
	}
	return root, done, nil
}

// Folder returns the folder of the site's configuration, relative to Root and with slashes:
// projects/ID for an existing project, otherwise ".". If the commit cannot be read, it returns
// "."; opening the site returns the error.
func (in Inputs) Folder(ctx context.Context) string {
	in = in.withDefaults()
	if in.Project == "" {
		return "."
	}
	root, done, err := in.tree(ctx)
	if err != nil {
		return "."
	}
	defer done()
	return in.folderIn(root)
}

func (in Inputs) folderIn(root fs.FS) string {
	if !projectID.MatchString(in.Project) {
		return "."
	}
	dir := path.Join(projectsFolder, in.Project)
	if st, err := fs.Stat(root, dir); err != nil || !st.IsDir() {
		return "." // Root itself is the project
	}
	return dir
}

// missing refuses a project that is not in the folder projects/, unless the inputs name a
// directory.
func (in Inputs) missing(root fs.FS) error {
	if in.DeployedOnly || in.Directory != "" {
		return nil
	}
	ids, err := projectsIn(root)
	if err != nil {
		return nil //nolint:nilerr // without projects, Root itself is the project
	}
	return refuse(advice.CaseNoProject, finding.Facts{
		Path: projectsFolder + "/" + in.Project, What: projectsFolder + "/ has: " + strings.Join(ids, ", "),
	})
}

// place changes Root to the folder of the inputs' project. shared is the Root before: its
// kv-sync.toml has settings for all projects.
func (in Inputs) place(ctx context.Context) (out Inputs, shared string, err error) {
	if in.Project == "" {
		return in, "", nil
	}
	root, done, err := in.tree(ctx)
	if err != nil {
		return in, "", err
	}
	defer done()
	return in.placeIn(root)
}

func (in Inputs) placeIn(root fs.FS) (out Inputs, shared string, err error) {
	if in.Project == "" {
		return in, "", nil
	}
	if !projectID.MatchString(in.Project) {
		return in, "", fmt.Errorf("the project id is %.80q; use 1 to 63 of a-z, 0-9, - and _, beginning with a letter "+
			"or digit", in.Project)
	}
	dir := in.folderIn(root)
	if dir == "." {
		return in, "", in.missing(root)
	}
	if in.Directory != "" && !filepath.IsAbs(in.Directory) {
		in.Directory = filepath.Join(in.Root, in.Directory) // relative to the folder where it was typed
	}
	if in.Config != "" && !filepath.IsAbs(in.Config) {
		in.Config = filepath.Join(in.Root, in.Config)
	}
	shared, in.Root = in.Root, filepath.Join(in.Root, filepath.FromSlash(dir))
	return in, shared, nil
}

// Shared are the connections, the memory budget and the time without an answer that the sites of
// one run share.
type Shared struct {
	Transport http.RoundTripper
	Budget    *upload.Budget
	Outage    *cloudflare.Outage

	pool *http.Transport

	mu         sync.Mutex
	namespaces map[string]string // ids by account and title
	clock      cloud.Account     // one that has an answer of the API

	pointers *pointers.Pointers // nil without Expect
}

// sharedAccount is an account that looks up a namespace once for all sites.
type sharedAccount struct {
	cloud.Account
	shared *Shared
	name   string
}

// FindNamespace implements [cloud.Account].
func (a sharedAccount) FindNamespace(ctx context.Context, title string) (string, error) {
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	key := a.name + " " + title
	if id, ok := a.shared.namespaces[key]; ok {
		return id, nil
	}
	id, err := a.Account.FindNamespace(ctx, title)
	if err == nil {
		a.shared.namespaces[key], a.shared.clock = id, a.Account
	}
	return id, err
}

// hasAnswer says that this account knows the API's time.
func (a sharedAccount) hasAnswer() {
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	a.shared.clock = a.Account
}

// Time implements [cloud.Account]. A site whose every read another one did has had no answer.
func (a sharedAccount) Time() (time.Time, bool) {
	t, ok := a.Account.Time()
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	if !ok && a.shared.clock != nil {
		return a.shared.clock.Time()
	}
	return t, ok
}

// Store implements [cloud.Account].
func (a sharedAccount) Store(namespace string) cloud.Store {
	return a.shared.pointers.In(a.Account.Store(namespace), a.name+" "+namespace, a.hasAnswer)
}

// NewShared returns new shared resources. The caller closes them after the sites.
func NewShared() *Shared {
	pool := cloudflare.NewTransport()
	return &Shared{Transport: pool, Budget: upload.NewBudget(), Outage: &cloudflare.Outage{}, pool: pool,
		namespaces: map[string]string{}}
}

// Expect tells which projects the run opens, in this order.
func (s *Shared) Expect(ids []string) { s.pointers = pointers.New(ids) }

// Close closes the idle connections.
func (s *Shared) Close() { s.pool.CloseIdleConnections() }

const (
	// projectsAtOnce is how many projects run at the same time. Each of them uploads several
	// files at the same time.
	projectsAtOnce = 4
	// projectsAhead bounds the results that wait because an earlier project is slow.
	projectsAhead = 32
)

// EachProject calls work for each project, a few at the same time, and calls tell with each
// result, one by one, in the order of the ids. If a project fails, the others continue, and
// EachProject returns a [SomeError] at the end.
func EachProject[T any](ids []string, work func(id string) (T, error), tell func(id string, done T, err error)) error {
	type outcome struct {
		done T
		err  error
	}
	begun := make(chan chan outcome, projectsAhead)
	go func() {
		defer close(begun)
		places := make(chan struct{}, projectsAtOnce)
		for _, id := range ids {
			places <- struct{}{}
			result := make(chan outcome, 1)
			go func() {
				done, err := work(id)
				<-places
				result <- outcome{done, err}
			}()
			begun <- result
		}
	}()
	some := SomeError{All: len(ids)}
	for _, id := range ids {
		o := <-<-begun
		if o.err != nil {
			some.add(o.err)
		}
		tell(id, o.done, o.err)
	}
	if some.Failed > 0 {
		return &some
	}
	return nil
}
