package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Projects is a schedule of projects, or of a site in the layout kv-assets, and a site beside them.
// One process at a time deploys, rolls back or deletes one, as docs/promises.md asks for; uploads
// ahead and prunes run beside it.
type Projects struct {
	*Actors
	names   []string
	history map[string][]*Commit
	next    map[string]int  // how many commits of a project were deployed
	last    map[string]*run // that changes what is live of a project
	wrong   []string
}

// NewProjects prepares the account: projects, or other sites, with deployments, and a site.
func NewProjects(seed uint64, names ...string) *Projects {
	s := &Projects{Actors: newActors(seed), names: names, history: make(map[string][]*Commit), next: make(map[string]int),
		last: make(map[string]*run)}
	for i, name := range append(names, blog) {
		var contents []Files
		for edition := range 10 {
			contents = append(contents, s.contents(10*i+edition))
		}
		s.history[name] = Repository("example.com/ada/"+name, contents...)
		for range 1 + s.random.IntN(3) {
			s.Must(name+"/deploy before", "ci", deployTo(name, s.commit(name), anySize))
			s.Pass(time.Hour)
		}
	}
	s.Pass(47 * time.Hour)
	return s
}

// contents are the files of the i-th commit.
func (a *Actors) contents(i int) Files {
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
func (s *Projects) commit(name string) *Commit {
	h := s.history[name]
	s.next[name]++
	return h[min(s.next[name], len(h))-1]
}

// Play runs the processes, and then again what has not ended well.
func (s *Projects) Play() {
	s.Strike = s.fault()
	first := s.names[0]
	for range 2 + s.random.IntN(5) {
		s.step(first)
	}
	for range s.random.IntN(3) {
		s.step(s.names[len(s.names)-1])
	}
	for _, name := range append(s.names, blog) {
		if s.random.IntN(2) == 0 {
			s.start(name+"/prune", "prune", nil, s.later(pruneOf(name)))
		}
	}
	if s.random.IntN(3) == 0 {
		h := s.history[first]
		s.start(first+"/upload", "upload", nil, s.later(uploadOf(first, h[min(s.next[first], len(h)-1)])))
	}
	if s.random.IntN(3) == 0 {
		s.start(blog+"/deploy", "neighbour", nil, s.later(deployTo(blog, s.commit(blog), anySize)))
	}
	s.Run()
	s.Strike = nil
	for _, name := range s.names {
		if r := s.last[name]; r != nil && r.unfinished() {
			if p := s.Do(r.Name+" again", "ci", r.run); unsettled(p.Err) {
				s.add("promise 6: %s, run again, says %v", r.Name, p.Err)
			}
		}
	}
	s.Pass(5 * time.Minute)
	s.Check.End()
}

func (s *Projects) add(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// Wrong says which promise was broken, or is "".
func (s *Projects) Wrong() string { return strings.Join(append(s.wrong, s.Check.Violations...), "\n") }

// later has a process begin at some time while the projects change.
func (s *Projects) later(f func(context.Context, *Process) error) func(context.Context, *Process) error {
	wait := rand2(s.random, 6*time.Hour)
	return func(ctx context.Context, p *Process) error {
		time.Sleep(wait)
		return f(ctx, p)
	}
}

// step adds a process that changes what is live of a project.
func (s *Projects) step(name string) {
	h := s.history[name]
	switch s.random.IntN(8) {
	case 0, 1, 2:
		s.deploys(name, s.commit(name))
	case 3:
		s.deploys(name, h[s.random.IntN(s.next[name])]) // a late one
	case 4:
		s.deploys(name, h[min(s.next[name], len(h))-1]) // again
	case 5:
		s.changes(name, inspect.Rollback, rollbackOf(name, kvsync.RollbackOptions{}), func(_, now inspect.Live) string {
			if !now.Rollback {
				return "it is not live"
			}
			return ""
		})
	default:
		s.changes(name, inspect.Delete, remove(name), func(_, now inspect.Live) string {
			if now.Exists {
				return "promise 3: it is live"
			}
			return ""
		})
	}
}

func (s *Projects) deploys(name string, c *Commit) {
	place := func(commit string) int { return slices.Index(c.Order, commit) }
	s.changes(name, "deploy", deployTo(name, c, anySize), func(before, now inspect.Live) string {
		n := place(c.ID)
		switch {
		case before.Exists && now.Deployment == before.Deployment: // nothing changed
		case before.Exists && n < place(before.Commit):
			return fmt.Sprintf("promise 5: commit %d replaces %d", n, place(before.Commit))
		case before.Hold != "" && n <= place(before.Hold):
			return fmt.Sprintf("promise 5: commit %d is live, and %d is held back", n, place(before.Hold))
		}
		return c.differs(now)
	})
}

// changes adds a run that begins some time after the one before it for the same project. wrong
// compares what is live when it begins with what is live after it has succeeded.
func (s *Projects) changes(name, what string, f func(context.Context, *Process) error,
	wrong func(before, now inspect.Live) string) {
	previous, gap := s.last[name], 2*time.Minute+rand2(s.random, 3*time.Hour)
	checked := func(ctx context.Context, p *Process) error {
		var before inspect.Live
		p.Act("looks", "before", func() string { before = s.Check.Live(name); return before.Deployment })
		err := f(ctx, p)
		if err != nil {
			return err
		}
		p.Act("looks", "after", func() string {
			now := s.Check.Live(name)
			if is := wrong(before, now); is != "" {
				s.add("%s says that it succeeded, and %s", p.Name, is)
			}
			return now.Deployment
		})
		return nil
	}
	s.last[name] = s.start(fmt.Sprint(name, "/", what, " ", len(s.runs)), what, nil,
		func(ctx context.Context, p *Process) error {
			if previous != nil {
				previous.Await()
				time.Sleep(gap)
			}
			return checked(ctx, p)
		})
	s.last[name].run = checked
}
