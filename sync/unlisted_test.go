package kvsync_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// shortList is a site that retains more deployments than the ten that the API lists.
type shortList struct {
	*round
	retain int
}

func (s shortList) engine(actor string) *kvsync.Engine {
	e, err := kvsync.New(site.Config{Site: "blog", Account: s.world.as(actor), Retain: s.retain, Grace: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// deployed returns a site to which this number of commits was deployed, one each day.
func deployed(t *testing.T, retain, commits int) (shortList, []*memory) {
	s := shortList{&round{t: t, world: newCentral()}, retain}
	var contents []files
	for i := range commits {
		contents = append(contents, files{"/index.html": fmt.Sprint("page of ", i), "/about.html": "about"})
	}
	h := history(contents...)
	for _, src := range h {
		s.deploy(src)
	}
	return s, h
}

func (s shortList) deploy(src *memory) {
	s.t.Helper()
	if _, err := s.engine("").Deploy(s.t.Context(), src, script, plan.Options{}); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(24 * time.Hour)
}

// neverLive is a run that ends before its switch.
func (s shortList) neverLive(order []string) {
	s.t.Helper()
	s.world.intercept = func(_, kind string, do func() error) error {
		if kind == "activate" {
			return cloud.ErrUnsent
		}
		return do()
	}
	defer func() { s.world.intercept = nil }()
	commit := commitID(99)
	dead := &memory{files: files{"/index.html": "dead", "/about.html": "about"}, commit: commit,
		order: append(slices.Clone(order), commit)}
	if _, err := s.engine("").Deploy(s.t.Context(), dead, script, plan.Options{}); err == nil {
		s.t.Fatal("it was switched to")
	}
	time.Sleep(24 * time.Hour)
}

// retained returns the commits of the retained deployments, newest first.
func (s shortList) retained() (commits []string) {
	s.t.Helper()
	past, err := s.engine("").History(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range past {
		if d.Record == nil {
			s.t.Errorf("no record of deployment %s", d.ID)
		}
		if d.Retained && !slices.Contains(commits, d.Commit) {
			commits = append(commits, d.Commit)
		}
	}
	return commits
}

// commitsOf returns the commits of a part of a history, newest first.
func commitsOf(h []*memory, from, to int) (out []string) {
	for _, src := range slices.Backward(h[from:to]) {
		out = append(out, src.commit)
	}
	return out
}

// The policy decides how many deployments are retained, however few the API lists. They can be
// rolled back to, and prune keeps what they name.
func TestRetainedBeyondTheList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, h := deployed(t, 20, 23)
		want := commitsOf(h, 3, 23)
		if got := s.retained(); !slices.Equal(got, want) {
			t.Errorf("%d are retained: %v, want %v", len(got), got, want)
		}
		for range 3 { // their records do not use up what is retained
			s.neverLive(h[0].order)
		}
		if _, err := s.engine("").Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
		v, err := s.engine("").Verify(t.Context(), true)
		if err != nil || !v.Whole() || len(v.Deployments) != 20 {
			t.Errorf("after the prune: %+v, %v", v, err)
		}
		res, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[3].commit})
		if err != nil || res.Commit != h[3].commit || res.Hold != h[22].commit {
			t.Fatalf("%+v, %v", res, err)
		}
		if got := s.retained(); !slices.Equal(got[1:], commitsOf(h, 4, 23)) || got[0] != h[3].commit {
			t.Errorf("after the rollback %v are retained", got)
		}
		_, err = s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[1].commit})
		wantCase(t, err, guard.Target, finding.CaseNoTarget)
	})
}

// Changes of secrets fill the list. A rollback to what was live before is still possible.
func TestRollbackBehindEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, h := deployed(t, 5, 3)
		s.world.edit(12)
		res, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{Force: true})
		if err != nil || res.Commit != h[1].commit || res.Hold != h[2].commit {
			t.Fatalf("%+v, %v", res, err)
		}
		s.world.edit(12)
		if res, err = s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{Force: true}); err != nil ||
			res.Commit != h[0].commit {
			t.Fatalf("the second one: %+v, %v", res, err)
		}
	})
}

// A deployment that was never live cannot be rolled back to. A run that ended before its switch
// also leaves a record.
func TestRecordWithoutASwitchIsNoTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, h := deployed(t, 5, 4)
		s.neverLive(h[0].order)
		s.world.edit(12)
		if got := s.retained(); !slices.Equal(got, commitsOf(h, 0, 4)) {
			t.Errorf("%v are retained", got)
		}
	})
}

// A damaged record hides what it names from a rollback. Prune then deletes nothing.
func TestUnreadRecordStopsAPrune(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, h := deployed(t, 14, 14)
		past, err := s.engine("").History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // a prune reads the 14 newest records in any case
			s.neverLive(h[0].order)
		}
		s.world.kv["blog/d/"+past[11].ID] = []byte(`{"format":1`)
		if got, err := s.engine("").Prune(t.Context(), layout.PruneOptions{}); err == nil {
			t.Errorf("it pruned: %+v", got)
		}
		if _, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[4].commit}); err != nil {
			t.Error(err)
		}
	})
}

// If KV does not list the records, a rollback still goes to a deployment that the API lists. For one that
// only a record names, the error is that of KV.
func TestRollbackWithoutRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, h := deployed(t, 20, 13)
		if _, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[11].commit}); err != nil {
			t.Fatal(err)
		}
		s.world.edit(1) // only the versions say what this is, so all deployments are read
		broken := errors.New("KV does not answer")
		s.world.intercept = func(_, kind string, do func() error) error {
			if strings.HasPrefix(kind, "kv.list blog/d/") {
				return broken
			}
			return do()
		}
		if _, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[0].commit}); !errors.Is(err, broken) {
			t.Errorf("to one that is not listed: %v", err)
		}
		res, err := s.engine("").Rollback(t.Context(), kvsync.RollbackOptions{To: h[11].commit, Force: true})
		if err != nil || res.Commit != h[11].commit {
			t.Errorf("%+v, %v", res, err)
		}
	})
}
