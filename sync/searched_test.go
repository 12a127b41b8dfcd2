package kvsync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// The tests of this file are sequences of steps that the search of internal/protocol found.

// searched has a central account and a history of commits, each with a file of its own.
type searched struct {
	*round
	commits []*memory
}

func newSearched(t *testing.T, n int) *searched {
	var contents []files
	for i := range n {
		contents = append(contents, files{"/index.html": fmt.Sprint("page of ", i)})
	}
	return &searched{&round{t: t, world: newCentral()}, history(contents...)}
}

// at returns an engine that keeps two deployments.
func (s *searched) at() *kvsync.Engine {
	e, err := kvsync.New(site.Config{Site: "blog", Account: s.world.as(""), Retain: 2})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

func (s *searched) deploy(i int) error {
	_, err := s.at().Deploy(s.t.Context(), s.commits[i], script, plan.Options{})
	return err
}

// deployed deploys the first n commits, two days after each other.
func (s *searched) deployed(n int) {
	for i := range n {
		if err := s.deploy(i); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
	}
}

// beforeSwitch runs f once, while a request to switch is on its way.
func (s *searched) beforeSwitch(f func()) {
	s.world.intercept = func(_, kind string, do func() error) error {
		if !strings.HasPrefix(kind, "activate") {
			return do()
		}
		s.world.intercept = nil
		s.world.mu.Unlock()
		f()
		s.world.mu.Lock()
		return do()
	}
}

// wantLive checks that a commit is live, and that nothing of it is missing.
func (s *searched) wantLive(commit int) {
	s.t.Helper()
	if live := s.liveCommit(); live != commit {
		s.t.Errorf("commit %d is live, want %d\n%s", live, commit, s.story())
	}
	out, err := s.at().Verify(s.t.Context(), true)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range out.Deployments {
		if d.Live && (d.Problem != "" || len(d.Missing)+len(d.Corrupt) > 0) {
			s.t.Errorf("what is live is broken: %+v", d)
		}
	}
}

func (s *searched) liveCommit() int {
	res, err := s.at().History(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.IndexFunc(s.commits, func(c *memory) bool { return c.commit == res[0].Commit })
}

// Promise 4: a prune keeps the target of a rollback that is on its way, also if the deploy of the
// same moment leaves it no place among the retained deployments.
func TestPruneKeepsTheTargetOfARollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearched(t, 4)
		s.deployed(3)
		s.beforeSwitch(func() {
			if err := s.deploy(3); err != nil {
				t.Error(err)
			}
			if _, err := s.at().Prune(t.Context(), layout.PruneOptions{}); err != nil {
				t.Error(err)
			}
			s.wantWhole(1)
		})
		if _, err := s.at().Rollback(t.Context(), kvsync.RollbackOptions{}); err == nil {
			t.Error("the rollback says that it is done, and a newer commit is live")
		}
		s.wantLive(3)
	})
}

// wantWhole checks that the file of a commit is there.
func (s *searched) wantWhole(commit int) {
	s.t.Helper()
	hash := hashOf(s.commits[commit].files["/index.html"]).String()
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for key := range s.world.kv {
		if strings.HasPrefix(key, "blog/b/"+hash) {
			return
		}
	}
	s.t.Errorf("the file of commit %d is gone", commit)
}

// Promise 7: a rollback that was suspended reads once more what it can go back to. What it has
// read may have been pruned meanwhile.
func TestSuspendedRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearched(t, 3)
		s.deployed(2)
		if err := s.deploy(2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Hour)
		retained := func() *kvsync.Engine { // one deployment, and those of the grace period
			e, err := kvsync.New(site.Config{Site: "blog", Account: s.world.as(""), Retain: 1})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		s.world.intercept = func(_, kind string, do func() error) error {
			if err := do(); err != nil || !strings.HasPrefix(kind, "kv.put blog/h/") {
				return err
			}
			s.world.intercept = nil
			s.world.mu.Unlock()
			time.Sleep(13 * time.Hour)
			s.world.mu.Lock()
			return nil
		}
		if _, err := retained().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Fatal(err)
		}
		holds := 0
		for key := range s.world.kv {
			if strings.HasPrefix(key, "blog/h/") {
				holds++
			}
		}
		if holds != 2 {
			t.Errorf("%d holds were recorded; it planned %d times", holds, holds)
		}
		s.wantLive(1)
	})
}

// Promise 6: a deploy that was killed after it had replaced the deployment of a newer commit makes
// that one live again when it is repeated.
func TestKilledAfterTheSwitch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSearched(t, 3)
		s.deployed(1)
		ctx, kill := context.WithCancel(t.Context())
		s.beforeSwitch(func() {
			if err := s.deploy(2); err != nil {
				t.Error(err)
			}
			s.world.intercept = func(_, kind string, do func() error) error {
				if kind == "activate" {
					return do()
				}
				return errKilled
			}
			kill()
		})
		if _, err := s.at().Deploy(ctx, s.commits[1], script, plan.Options{}); err != nil && !errors.Is(err, errKilled) {
			t.Log(err)
		}
		s.world.intercept = nil
		if live := s.liveCommit(); live != 1 {
			t.Fatalf("commit %d is live before the repetition", live)
		}
		wantGuard(t, s.deploy(1), guard.Older)
		s.wantLive(2)
		if err := s.deploy(2); err != nil {
			t.Error(err)
		}
		s.wantLive(2)
	})
}

var errKilled = errors.New("killed")
