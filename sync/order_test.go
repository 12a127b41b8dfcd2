package kvsync_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Promise 5, and the option that overrides it.
func TestOlderCommitIsRefused(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[1])
	_, err := w.deploy(h[0], plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(two)

	stranger := &memory{files: three, commit: commitID(99), order: h[0].order}
	_, err = w.deploy(stranger, plan.Options{})
	wantGuard(t, err, guard.Order)
	w.wantSite(two)
	if _, err = w.deploy(h[0], plan.Options{AnyOrder: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

const settled = kvsync.Settled

// If somebody else deploys between the plan and the switch, the plan is made again against what is
// then live.
func TestOvertakenBeforeTheSwitch(t *testing.T) {
	for name, tc := range map[string]struct {
		mine, other int
		want        files
		guard       guard.ID
		activations int
	}{
		"by an older commit": {mine: 2, other: 1, want: three, activations: 3},
		"by a newer commit":  {mine: 1, other: 2, want: three, guard: guard.Older, activations: 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			h := history(one, two, three)
			w.mustDeploy(h[0])
			rival := *w
			rival.account = w.connect(0)
			rival.config.Account = rival.account
			rivals := 0
			w.during("workers.versions.create", func() {
				w.pass(settled)
				if rivals++; rivals == 1 {
					rival.mustDeploy(h[tc.other])
				}
			})
			_, err := w.deploy(h[tc.mine], plan.Options{})
			if tc.guard != "" {
				wantGuard(t, err, tc.guard)
			} else if err != nil {
				t.Fatal(err)
			}
			w.wantSite(tc.want)
			// Nothing was live in between that had to be undone.
			if acts, err := w.workers().Activations(t.Context()); err != nil || len(acts) != tc.activations {
				t.Errorf("%d activations, %v; want %d", len(acts), err, tc.activations)
			}
		})
	}
}

// during runs f while the first request of a kind is in progress.
func (w *world) during(kind string, f func()) {
	done := false
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == kind && !done {
			done = true
			w.p.Server.SetFault(nil)
			f()
		}
		return platform.Fault{}
	})
}

// The API has no precondition for a switch. If another run switches to a newer commit immediately
// before this run switches, this run restores the newer commit.
func TestNewerCommitComesBack(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	rival := *w
	rival.account = w.connect(0)
	rival.config.Account = rival.account
	w.during("workers.deployments.create", func() { rival.mustDeploy(h[2]) })
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(three)
}

func TestRollback(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	var versions []string
	for _, src := range h {
		versions = append(versions, w.mustDeploy(src).Version)
	}
	var res *kvsync.Result
	kinds := w.counted(func() {
		var err error
		if res, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	for _, k := range kinds {
		if strings.HasPrefix(k, "kv.") && !slices.Contains([]string{"kv.keys.list", "kv.values.get", "kv.values.put"}, k) ||
			k == "workers.versions.create" {
			t.Errorf("a rollback sent %s", k)
		}
	}
	if n := countOf(kinds, "kv.values.put"); n != 1 {
		t.Errorf("%d values written, want the record of the hold", n)
	}
	w.wantSite(two)
	if res.Version != versions[1] || res.PreviousVersion != versions[2] || w.activeVersion() != versions[1] {
		t.Errorf("got %+v, versions %v", res, versions)
	}

	// The commit that the rollback replaced is refused, and so are older ones.
	for _, src := range []*memory{h[2], h[0]} {
		_, err := w.deploy(src, plan.Options{})
		wantGuard(t, err, guard.Held)
	}
	// Once more goes back further, and the hold stays on the newest commit left.
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
	_, err := w.deploy(h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
	_, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Target)
	if _, err := w.deploy(h[2], plan.Options{Release: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(three)
	if res := w.mustDeploy(h[2]); res.Switched {
		t.Error("the released commit was deployed twice")
	}
}

// A CI system that repeats a run has no cache of the first attempt.
func TestRollbackOfARepeatedRun(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	for _, src := range h {
		w.mustDeploy(src)
	}
	rollback := func(run string) *kvsync.Result {
		t.Helper()
		w.config.Run, w.config.Cache = run, nil
		res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := rollback("8123")
	for range 2 {
		again := rollback("8123")
		if again.Switched || again.Deployment != first.Deployment || again.Hold != first.Hold ||
			len(again.Notices) != 1 || again.Notices[0].Finding.Case != finding.CaseRollbackRepeated {
			t.Errorf("got %+v, want what the first attempt made live: %+v", again, first)
		}
	}
	w.wantSite(two)
	rollback("8124")
	w.wantSite(one)
}

func TestRollbackTo(t *testing.T) {
	w := start(t)
	h := history(one, two, three, files{"/index.html": "4", "/about.html": "a", "/style.css": "c"})
	var results []*kvsync.Result
	for _, src := range h[:3] {
		results = append(results, w.mustDeploy(src))
	}
	for _, to := range []string{results[0].Deployment, results[0].Version, h[0].commit, results[0].Deployment[:20],
		results[0].Version[:8]} {
		if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: to}); err != nil {
			t.Fatalf("to %s: %v", to, err)
		}
		w.wantSite(one)
		// Going forward again to the commit that was left lifts the hold.
		if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: results[2].Deployment}); err != nil ||
			res.Hold != "" {
			t.Fatalf("%+v, %v", res, err)
		}
		w.wantSite(three)
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: results[0].Deployment,
		DryRun: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(three) // dry
	for _, to := range []string{"nonsense", results[0].Deployment[:7], "2", "0000", strings.Repeat("f", 40)} {
		_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: to})
		wantGuard(t, err, guard.Target)
	}
	// A newer commit than the one held back goes through.
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[3])
	w.wantSite(h[3].files)
}

// Promise 7: a rollback refuses if a blob that it needs is missing.
func TestRollbackNeedsItsBlobs(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	gone := ""
	for _, a := range w.manifest().Assets {
		if a.Path == "/index.html" {
			gone = "blog/b/" + a.Blob.String()
		}
	}
	w.mustDeploy(h[1])
	if _, err := w.store().DeleteBulk(t.Context(), []string{gone}); err != nil {
		t.Fatal(err)
	}
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Missing)
	if !strings.Contains(err.Error(), "/index.html") {
		t.Errorf("%v does not name what is missing", err)
	}
	w.wantSite(two)

	v, err := w.engine().Verify(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if v.Whole() || len(v.Deployments) != 2 || !slices.Equal(v.Deployments[1].Missing, []string{"/index.html"}) ||
		len(v.Deployments[0].Missing) != 0 {
		t.Errorf("verify found %+v", v)
	}
}

func TestVerifyReadsData(t *testing.T) {
	w := start(t)
	w.mustDeploy(history(one)[0])
	v, err := w.engine().Verify(t.Context(), true)
	if err != nil || !v.Whole() || v.Deployments[0].Files != 3 || v.Unrooted != 0 || v.Keys != 5 {
		t.Fatalf("a whole site: %+v, %v", v, err)
	}
	a := w.manifest().Assets[0]
	if err := w.store().Put(t.Context(), "blog/b/"+a.Blob.String(), []byte("rotten")); err != nil {
		t.Fatal(err)
	}
	if v, err = w.engine().Verify(t.Context(), false); err != nil || !v.Whole() {
		t.Fatalf("without reading: %+v, %v", v, err)
	}
	if v, err = w.engine().Verify(t.Context(), true); err != nil || v.Whole() ||
		!slices.Equal(v.Deployments[0].Corrupt, []string{a.Path}) {
		t.Fatalf("with reading: %+v, %v", v, err)
	}
}

func TestRollbackOfAForeignVersion(t *testing.T) {
	w := start(t)
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Target)
	h := history(one)
	w.mustDeploy(h[0])
	if err := w.account.Workers("blog").PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	_, err = w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Foreign)
	_, err = w.engine().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Foreign)
}

func TestHistory(t *testing.T) {
	w := start(t)
	w.config.Actor = "ada"
	h := history(one, two, three)
	for _, src := range h {
		w.mustDeploy(src)
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	past, err := w.engine().History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var commits []string
	for _, d := range past {
		commits = append(commits, d.Commit)
		if d.Source != "commit" {
			t.Errorf("a commit is called %q", d.Source)
		}
		if d.Record == nil || d.Record.Actor != "ada" || d.Record.Commit != d.Commit || !d.Retained {
			t.Errorf("%+v", d)
		}
	}
	if want := []string{commitID(2), commitID(3), commitID(2), commitID(1)}; !slices.Equal(commits, want) {
		t.Errorf("got commits %v, want %v", commits, want)
	}
	if !past[0].Live || !past[0].Rollback || past[1].Live || past[1].Rollback || past[0].Hold != commitID(3) {
		t.Errorf("got %+v", past[:2])
	}
	if r := past[1].Record; r.Added != 1 || r.Changed != 1 || r.Previous != past[2].ID {
		t.Errorf("the record of the third deployment is %+v", r)
	}
}

// A deploy that other deploys overtake again and again gives up and says so.
func TestOvertakenForEver(t *testing.T) {
	w := start(t)
	w.mustDeploy(history(one)[0])
	version := w.activeVersion()
	rival, again := w.connect(0).Workers("blog"), "again"
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.versions.create" {
			again += " and again"
			if err := rival.Activate(t.Context(), []cloud.Share{{Version: version, Percent: 100}}, again, false); err != nil {
				t.Error(err)
			}
		}
		return platform.Fault{}
	})
	_, err := w.deploy(&memory{files: two}, plan.Options{})
	wantCase(t, err, guard.Overtaken, finding.CaseOvertaken)
	w.p.Server.SetFault(nil)
	w.wantSite(one)
}

// A rollback that would restore an old value of a secret is refused, unless it is forced.
func TestRollbackOverASecret(t *testing.T) {
	w := start(t)
	h := history(one, two)
	secret := func(value string) cloud.Worker {
		s := script
		s.Bindings = []cloud.Binding{{Name: "KEY", Type: "secret_text",
			Fields: map[string]json.RawMessage{"text": json.RawMessage(value)}}}
		return s
	}
	for i, src := range h {
		if _, err := w.engine().Deploy(t.Context(), src, secret(fmt.Sprintf(`"v%d"`, i)), plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Secret)
	w.wantSite(two)
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

// A newer commit with the same content as the one that a rollback replaced does not bring that
// content back. A newer commit with other content goes live.
func TestHoldCoversTheSameContent(t *testing.T) {
	t.Parallel()
	w := start(t)
	bad := files{"/x": "bad"}
	h := history(files{"/x": "good"}, bad, bad, files{"/x": "mended"})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.deploy(h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(h[0].files)
	// Other code with it is another deployment.
	other := script
	other.Modules = []cloud.Module{{Name: "main.js", Type: script.Modules[0].Type,
		Content: []byte("export default { fetch() { return new Response('new') } }")}}
	if _, err := w.engine().Plan(t.Context(), h[2], other, plan.Options{}); err != nil {
		t.Error(err)
	}
	w.mustDeploy(h[3])
	w.wantSite(h[3].files)
}
