package simulation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/model"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Schedule is a random number of processes that use one account at the same time, with random
// faults: all of it decided by one seed.
type Schedule struct {
	*Actors
	site    string
	history []*source.Commit
	foreign []*source.Commit // of another repository
	// secrets are the values that another tool has set, oldest first.
	secrets []string
	others  int // how often another tool has deployed
	// written are the keys that a Worker has written at run time, and got an answer for.
	written []string
	shop    []*source.Commit // of another site in the same namespace
}

// NewSchedule prepares the account: a site with three deployments, the last one two days ago.
func NewSchedule(seed uint64, site string) *Schedule {
	s := &Schedule{Actors: newActors(seed), site: site}
	var contents []source.Files
	for i := range 10 {
		f := s.contents(i)
		if site == vast && s.random.IntN(2) == 0 {
			f = source.Diary(f, i, s.random.IntN(source.Entries))
		}
		contents = append(contents, f)
	}
	s.history = source.Repository("example.com/ada/blog", contents...)
	s.foreign = source.Repository("example.com/eve/other", pages(100), pages(101))
	s.shop = source.Repository("example.com/ada/shop", pages(200), pages(201), many(202), pages(203), pages(204))
	s.Cloud.Listed = []int{10, 100}[s.random.IntN(2)]
	s.start3()
	return s
}

// start3 makes the first deployments.
func (s *Schedule) start3() {
	for _, c := range s.history[:3] {
		s.Must(s.site+"/deploy before", "ci", deployTo(s.site, c, anySize))
		s.Pass(time.Hour)
	}
	for _, c := range s.shop[:4] {
		s.Must(shop+"/deploy before", "ci", deployTo(shop, c, anySize))
	}
	s.setSecret("first")
	s.Pass(47 * time.Hour)
}

func (s *Schedule) setSecret(value string) {
	s.Do(s.site+"/"+inspect.Other, "laptop", func(_ context.Context, p *Process) error { s.secret(p, value); return nil })
}

// secret changes a secret as another tool does.
func (s *Schedule) secret(p *Process, value string) {
	p.Act("secret", value, func() string {
		if !s.Cloud.Script(s.site).SetSecret(p.Name, "KEY", value) {
			return "refused: the newest version is not active"
		}
		s.secrets = append(s.secrets, value)
		return "set"
	})
}

// Play runs the processes, and what a person does after them: whoever was refused because
// others were at it, or does not know, or died, runs again.
func (s *Schedule) Play() {
	s.Inject = s.fault()
	s.cast()
	s.Run()
	s.Inject = nil
	s.again()
	s.Pass(5 * time.Minute)
	s.Check.End()
}

// toldReplaced reports whether a run says that it may have replaced what others deployed: it
// could not make that live again, or not look.
func (s *Schedule) toldReplaced() bool {
	return slices.ContainsFunc(s.processes, func(p *Process) bool {
		var u *kvsync.UnsettledError
		return unchecked(p) || errors.As(p.Err, &u) && (u.Finding.Case == finding.CaseNotRestored ||
			u.Finding.Case == finding.CaseRestoreUnknown)
	})
}

// late reports whether what is live was activated by a request that was carried out after its
// process had ended, which says that it does not know.
func (s *Schedule) late() bool {
	d := s.Cloud.Script(s.site).Active()
	return slices.ContainsFunc(s.processes, func(p *Process) bool {
		return p.Name == d.By && unknown(p.Err) && d.Created.After(p.end)
	})
}

// cast starts the processes.
func (s *Schedule) cast() {
	deployers := 1 + s.random.IntN(3)
	first := 3 + s.random.IntN(2)
	for i := range deployers {
		s.deployer(fmt.Sprint("deploy ", i), s.history[first+i])
	}
	for _, actor := range []struct {
		one   int // of so many schedules
		start func()
	}{
		{3, func() { s.start(s.site+"/prune", "prune", nil, pruneOf(s.site)) }},
		{3, s.rollback},
		{4, func() { s.start(s.site+"/upload", "upload", nil, uploadOf(s.site, s.history[8])) }},
		{4, func() { s.deployer("deploy stranger", s.foreign[0]) }},
		{3, s.secretKeeper},
		{6, s.otherTool},
		{5, func() { s.deployer("deploy late", s.history[s.random.IntN(3)]) }},
		{6, s.splitter},
		{6, s.dashboard},
		{4, s.writer},
		{4, func() { s.start(shop+"/deploy", "neighbour", nil, deployTo(shop, s.shop[4], anySize)) }},
		{4, func() { s.start(shop+"/prune", "neighbour", nil, pruneOf(shop)) }},
	} {
		if s.random.IntN(actor.one) == 0 {
			actor.start()
		}
	}
}

func (s *Schedule) deployer(name string, c *source.Commit) {
	s.start(s.site+"/"+name, "deploy", c, deployTo(s.site, c, anySize))
}

func (s *Schedule) rollback() {
	var r *run
	r = s.start(s.site+"/rollback", "rollback", nil, func(ctx context.Context, p *Process) error {
		res, err := p.Engine(settingsOf(s.site)).Rollback(ctx, kvsync.RollbackOptions{Compare: s.history[0].Compare})
		if err != nil {
			return err
		}
		s.mu.Lock()
		r.held = res.Hold
		s.mu.Unlock()
		return p.keeps(s.site, res)
	})
}

func (s *Schedule) secretKeeper() {
	n := 1 + s.random.IntN(2)
	s.start(s.site+"/"+inspect.Other+" secret", "secret", nil, func(_ context.Context, p *Process) error {
		for i := range n {
			s.secret(p, fmt.Sprint("secret ", i))
		}
		return nil
	})
}

func (s *Schedule) otherTool() {
	s.start(s.site+"/"+inspect.Other+" tool", "other", nil, func(_ context.Context, p *Process) error {
		p.Act("deploys", "other.js", func() string {
			s.others++
			return s.Cloud.Script(s.site).DeployOther(p.Name, "export default {}").ID
		})
		return nil
	})
}

// splitter splits the traffic between the two newest versions of kv-sync, as a person does
// in the dashboard.
func (s *Schedule) splitter() {
	s.start(s.site+"/"+inspect.Other+" split", "split", nil, func(_ context.Context, p *Process) error {
		p.Act("splits", "", func() string { return s.Cloud.Script(s.site).Split(p.Name) })
		return nil
	})
}

// dashboard makes the first version live again, whether it is retained or not.
func (s *Schedule) dashboard() {
	s.start(s.site+"/"+inspect.Other+" dashboard", "split", nil, func(_ context.Context, p *Process) error {
		p.Act("rolls back", "", func() string {
			script := s.Cloud.Script(s.site)
			return script.Activate(p.Name, []model.Share{{Version: script.Versions[0].ID, Percent: 100}}, "").ID
		})
		return nil
	})
}

// shop is another site in the namespace, whose keys begin like those of the first one.
const shop = "blog2"

// writer writes at run time, as the Durable Object of an overlay does.
func (s *Schedule) writer() {
	n := 1 + s.random.IntN(3)
	s.start(s.site+"/"+inspect.Writer, "writer", nil, func(_ context.Context, p *Process) error {
		for i := range n {
			hash := fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)}))
			for _, rest := range []string{"b/" + hash + ".386d438000000000", "current", "record"} {
				key := s.site + "/o/" + rest
				p.Act("writes", key, func() string {
					s.Cloud.Namespaces()[0].Put(p.Name, key, []byte{byte(i)}, 0)
					s.written = append(s.written, key)
					return "written"
				})
			}
		}
		return nil
	})
}

// Wrong says which promise was broken, or is "".
func (s *Schedule) Wrong() string {
	wrong := slices.Clone(s.Check.Violations)
	live := s.Check.Live(s.site)
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if s.others > 0 && !live.Foreign && !live.Rollback && !s.split() && !s.toldReplaced() {
		add("another tool has deployed, and version %s of kv-sync is live", live.Version)
	}
	for _, key := range s.written {
		if _, ok := s.Cloud.Namespaces()[0].Get(key); !ok {
			add("promise 10: %s was written at run time, and is gone", key)
		}
	}
	if live.Repository == s.foreign[0].Repository {
		add("promise 9: a deploy of another repository is live")
	}
	if !live.Foreign && !s.toldReplaced() && !s.late() {
		wrong = append(wrong, s.order(live)...)
		wrong = append(wrong, s.secretLost(live)...)
	}
	return strings.Join(wrong, "\n")
}

// order checks that the newest commit is live whose run says that it is.
func (s *Schedule) order(live inspect.Live) (wrong []string) {
	place := func(commit string) int {
		return slices.IndexFunc(s.history, func(c *source.Commit) bool { return c.ID == commit })
	}
	now, held := place(live.Commit), place(live.Hold) // whoever rolled back may be dead
	for _, r := range s.runs {
		held = max(held, place(r.held))
	}
	for _, r := range s.runs {
		if r.commit == nil || r.Err != nil || r.Dead() || s.split() {
			continue
		}
		if n := place(r.commit.ID); n > now && n > held {
			wrong = append(wrong, fmt.Sprintf("promise 5: commit %d is live, and the run of %d says that that is", now, n))
		}
	}
	if held >= 0 && now <= held && now >= 0 && !live.Rollback && live.Hold == "" && !s.split() {
		wrong = append(wrong, fmt.Sprintf("promise 5: commit %d is live, and a rollback holds %d back", now, held))
	}
	return wrong
}

func (s *Schedule) split() bool {
	return slices.ContainsFunc(s.runs, func(r *run) bool { return r.what == "split" })
}

// secretLost checks that the secret that was set last is there, or that a run has said that
// it is not.
func (s *Schedule) secretLost(live inspect.Live) []string {
	// Of a race the API lists only the newest activations.
	short := len(s.Cloud.Script(s.site).Deployments) > s.Cloud.Listed
	value, there := live.Secrets["KEY"]
	switch {
	case short || s.split():
		return nil
	case !there:
		return []string{"promise 5: a secret that was set long ago is lost"}
	case len(s.secrets) < 2 || value != "first":
		return nil
	}
	for _, p := range s.processes {
		for _, note := range p.Notes {
			if strings.Contains(note, "change it again") {
				return nil
			}
		}
	}
	return []string{"promise 5: a secret is lost, and nobody says so"}
}

// anySize turns off the guard against removed files: the commits of a schedule differ in size.
var anySize = plan.Options{AllowShrink: true}
