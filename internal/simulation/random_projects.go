package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/internal/simulation/worktree"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Projects is a schedule of projects, or of a site in the layout kv-assets, and a site beside them.
// One process at a time deploys, rolls back or deletes one, as docs/promises.md asks for; uploads
// ahead and prunes run beside it.
type Projects struct {
	*Actors
	names   []string
	history map[string][]*source.Commit
	next    map[string]int  // how many commits of a project were deployed
	last    map[string]*run // that changes what is live of a project
	wrong   []string
}

// NewProjects prepares the account: projects, or other sites, with deployments, and a site.
func NewProjects(seed uint64, names ...string) *Projects {
	s := &Projects{Actors: newActors(seed), names: names, history: make(map[string][]*source.Commit),
		next: make(map[string]int),
		last: make(map[string]*run)}
	for i, name := range append(names, blog) {
		var contents []source.Files
		for edition := range 10 {
			contents = append(contents, s.contents(10*i+edition))
		}
		s.history[name] = source.Repository("example.com/ada/"+name, contents...)
		for range 1 + s.random.IntN(3) {
			s.Must(name+"/deploy before", "ci", deployTo(name, s.commit(name), anySize))
			s.Pass(time.Hour)
		}
	}
	s.Pass(47 * time.Hour)
	return s
}

// contents are the files of the i-th commit.
func (a *Actors) contents(i int) source.Files {
	edition := i - a.random.IntN(2)
	f := pages(edition)
	if a.random.IntN(4) == 0 {
		f = many(edition)
	}
	if a.random.IntN(3) == 0 {
		f["/sometimes.html"] = "now and then"
	}
	return f
}

// commit is the next one of a project's repository.
func (ps *Projects) commit(name string) *source.Commit {
	h := ps.history[name]
	ps.next[name]++
	return h[min(ps.next[name], len(h))-1]
}

// Play runs the processes, and then again what has not ended well.
func (ps *Projects) Play() {
	ps.Inject = ps.fault()
	first := ps.names[0]
	for range 2 + ps.random.IntN(5) {
		ps.step(first)
	}
	for range ps.random.IntN(3) {
		ps.step(ps.names[len(ps.names)-1])
	}
	for _, name := range append(ps.names, blog) {
		if ps.random.IntN(2) == 0 {
			ps.start(name+"/prune", "prune", nil, ps.later(pruneOf(name)))
		}
	}
	if ps.random.IntN(3) == 0 {
		h := ps.history[first]
		ps.start(first+"/upload", "upload", nil, ps.later(uploadOf(first, h[min(ps.next[first], len(h)-1)])))
	}
	if ps.random.IntN(3) == 0 {
		ps.start(blog+"/deploy", "neighbour", nil, ps.later(deployTo(blog, ps.commit(blog), anySize)))
	}
	if first == wiki {
		ps.editors()
	}
	ps.Run()
	ps.Inject = nil
	for _, name := range ps.names {
		if r := ps.last[name]; r != nil && r.unfinished() {
			if p := ps.Do(r.Name+" again", "ci", r.run); unsettled(p.Err) {
				ps.add("promise 6: %s, run again, says %v", r.Name, p.Err)
			}
		}
	}
	ps.Pass(5 * time.Minute)
	ps.Pass(time.Second) // visitors see all of it
	ps.Check.End()
}

// editors write at run time while the site changes.
func (ps *Projects) editors() {
	h := ps.history[wiki]
	paths := []string{"/about.html", "/note.html", "/sometimes.html", "/page-03.html", "/index.html"}
	for range 1 + ps.random.IntN(3) {
		var all []write
		for range 1 + ps.random.IntN(4) {
			path := paths[ps.random.IntN(len(paths))]
			body := fmt.Sprint("edit ", ps.random.IntN(3))
			switch ps.random.IntN(4) {
			case 0: // what a commit has
				body = h[ps.random.IntN(len(h))].Files[path]
			case 1:
				body = ""
			}
			all = append(all, write{path: path, body: body})
		}
		ps.start(fmt.Sprint(wiki, "/", inspect.Writer, " ", len(ps.runs)), "writer", nil, ps.later(writes(all...)))
	}
}

// pulled is a deploy of a commit after a pull into the same clone. git has changed the files since.
func pulled(c *source.Commit) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		p.machine.tree = worktree.New(c.Files)
		if err := p.pull(ctx); err != nil {
			return err
		}
		return deployPulled(c, false)(ctx, p)
	}
}

func (ps *Projects) add(format string, args ...any) {
	ps.wrong = append(ps.wrong, fmt.Sprintf(format, args...))
}

// Wrong says which promise was broken, or is "".
func (ps *Projects) Wrong() string {
	return strings.Join(append(ps.wrong, ps.Check.Violations...), "\n")
}

// later has a process begin at some time while the projects change.
func (ps *Projects) later(f func(context.Context, *Process) error) func(context.Context, *Process) error {
	wait := rand2(ps.random, 6*time.Hour)
	return func(ctx context.Context, p *Process) error {
		time.Sleep(wait)
		return f(ctx, p)
	}
}

// step adds a process that changes what is live of a project.
func (ps *Projects) step(name string) {
	h := ps.history[name]
	switch ps.random.IntN(8) {
	case 0, 1, 2:
		ps.deploys(name, ps.commit(name))
	case 3:
		ps.deploys(name, h[ps.random.IntN(ps.next[name])]) // a late one
	case 4:
		ps.deploys(name, h[min(ps.next[name], len(h))-1]) // again
	case 5:
		ps.changes(name, inspect.Rollback, rollbackOf(name, kvsync.RollbackOptions{}), func(_, now inspect.Live) string {
			if !now.Rollback {
				return "it is not live"
			}
			return ""
		})
	default:
		ps.changes(name, inspect.Delete, remove(name), func(_, now inspect.Live) string {
			if now.Exists {
				return "promise 3: it is live"
			}
			return ""
		})
	}
}

func (ps *Projects) deploys(name string, c *source.Commit) {
	place := func(commit string) int { return slices.Index(c.Order, commit) }
	run := deployTo(name, c, anySize)
	if name == wiki && ps.random.IntN(3) == 0 {
		run = pulled(c)
	}
	ps.changes(name, "deploy", run, func(before, now inspect.Live) string {
		n := place(c.ID)
		switch {
		case before.Exists && now.Deployment == before.Deployment: // nothing changed
		case before.Exists && n < place(before.Commit):
			return fmt.Sprintf("promise 5: commit %d replaces %d", n, place(before.Commit))
		case before.Hold != "" && n <= place(before.Hold):
			return fmt.Sprintf("promise 5: commit %d is live, and %d is held back", n, place(before.Hold))
		}
		return c.Differs(now)
	})
}

// changes adds a run that begins some time after the one before it for the same project. wrong
// compares what is live when it begins with what is live after it has succeeded.
func (ps *Projects) changes(name, what string, f func(context.Context, *Process) error,
	wrong func(before, now inspect.Live) string) {
	previous, gap := ps.last[name], 2*time.Minute+rand2(ps.random, 3*time.Hour)
	checked := func(ctx context.Context, p *Process) error {
		var before inspect.Live
		p.Act("looks", "before", func() string { before = ps.Check.Live(name); return before.Deployment })
		err := f(ctx, p)
		if err != nil {
			return err
		}
		p.Act("looks", "after", func() string {
			now := ps.Check.Live(name)
			if is := wrong(before, now); is != "" {
				ps.add("%s says that it succeeded, and %s", p.Name, is)
			}
			return now.Deployment
		})
		return nil
	}
	ps.last[name] = ps.start(fmt.Sprint(name, "/", what, " ", len(ps.runs)), what, nil,
		func(ctx context.Context, p *Process) error {
			if previous != nil {
				previous.Await()
				time.Sleep(gap)
			}
			return checked(ctx, p)
		})
	ps.last[name].run = checked
}
