package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// builds returns folders that were built from the commits 1, 2, 3 …
func builds(contents ...files) []*memory {
	h := history(contents...)
	for _, m := range h {
		m.built = true
	}
	return h
}

// A newer commit that does not change the deployed files activates the live version again, so that
// a late deploy of an older commit is refused. Otherwise that deploy would undo a revert.
func TestSameContentOfANewerCommit(t *testing.T) {
	for name, make := range map[string]func(...files) []*memory{"commits": history, "builds": builds} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			h := make(one, two, one)
			first := w.mustDeploy(h[0])
			var again *kvsync.Result
			kinds := w.counted(func() { again = w.mustDeploy(h[2]) })
			if !again.Switched || again.Version != first.Version || again.Commit != commitID(3) || !again.Plan.NoChange ||
				!again.Plan.Reactivate {
				t.Errorf("got %+v", again)
			}
			// The last one looks whether somebody else switched at the same moment.
			if want := []string{"workers.deployments.list", "workers.versions.get", "workers.deployments.create",
				"workers.deployments.list"}; !slices.Equal(kinds, want) {
				t.Errorf("it took %v, want %v", kinds, want)
			}
			_, err := w.deploy(h[1], plan.Options{})
			wantGuard(t, err, guard.Older)
			w.wantSite(one)

			kinds = w.counted(func() { again = w.mustDeploy(h[2]) })
			if len(kinds) != 2 || again.Switched {
				t.Errorf("the same commit again took %v", kinds)
			}
		})
	}
}

// A version that is activated again for newer commits is one deployment for retention and
// rollbacks.
func TestReactivationsAreOneDeployment(t *testing.T) {
	w := start(t)
	w.config.Retain = 2
	h := history(one, two, two, two, two)
	for _, src := range h {
		w.mustDeploy(src)
	}
	w.pass(48 * time.Hour)
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Commit != commitID(1) || res.Hold != commitID(5) {
		t.Errorf("got %+v", res)
	}
	w.wantSite(one)
	_, err = w.deploy(h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
}

// Promise 5, for a folder that a build made: its commit is the one that is checked out around it.
func TestBuildsKeepTheOrder(t *testing.T) {
	w := start(t)
	h := builds(one, two, three)
	w.mustDeploy(h[1])
	_, err := w.deploy(h[0], plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(two)

	w.mustDeploy(h[2])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.deploy(h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(two)
	past, err := w.engine().History(t.Context())
	if err != nil || past[0].Source != "folder" || past[0].Commit != commitID(2) {
		t.Errorf("%+v, %v", past[0], err)
	}
	// By a commit the newest deployment of it is found.
	if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: commitID(3)[33:],
		DryRun: true}); err == nil {
		t.Errorf("an abbreviation that is no beginning is taken for %+v", res)
	}
	if res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: commitID(3), DryRun: true}); err != nil ||
		res.Commit != commitID(3) {
		t.Errorf("got %+v, %v", res, err)
	}
}

// After a rollback from a scheduled rebuild, another build of the same commit goes live, and the
// same build does not.
func TestRollbackBetweenBuildsOfOneCommit(t *testing.T) {
	w := start(t)
	h := builds(one)
	rebuilt := func(f files) *memory {
		return &memory{files: f, commit: h[0].commit, order: h[0].order, built: true, time: h[0].time}
	}
	w.mustDeploy(h[0])
	bad := w.mustDeploy(rebuilt(two))
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	if err != nil || res.Hold != bad.Deployment {
		t.Fatalf("got %+v, %v", res, err)
	}
	_, err = w.deploy(rebuilt(two), plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(one)
	if _, err := w.deploy(rebuilt(two), plan.Options{Release: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(two)
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(rebuilt(three))
	w.wantSite(three)
}

// A deploy without a commit says that it has no order. The last commit and the hold remain in force
// for the next deploy.
func TestDeployWithoutACommit(t *testing.T) {
	w := start(t)
	h := builds(one, two, three)
	w.mustDeploy(h[1])
	p, err := w.engine().Plan(t.Context(), &memory{files: three}, script, plan.Options{})
	if err != nil || len(p.Notices) != 1 || p.Notices[0].Path != "order" {
		t.Errorf("the plan has the notices %v, %v", p.Notices, err)
	}
	w.mustDeploy(&memory{files: three})
	_, err = w.deploy(h[0], plan.Options{})
	wantGuard(t, err, guard.Older)

	w.mustDeploy(h[2])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: commitID(2)}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(&memory{files: one})
	_, err = w.deploy(h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantSite(one)
}

// Two repositories cannot share a site by accident.
func TestOtherRepository(t *testing.T) {
	w := start(t)
	from := func(f files, r manifest.Repository) *memory { return &memory{files: f, repository: r} }
	mine, theirs := manifest.Repository{Name: "github.com/ada/tides", ID: "1"},
		manifest.Repository{Name: "github.com/bob/tides", ID: "2"}
	w.mustDeploy(from(one, mine))
	if got := w.live().Repository; got.Name != mine.Name || got.ID != mine.ID {
		t.Errorf("the version says that it is from %+v", got)
	}
	_, err := w.deploy(from(two, theirs), plan.Options{})
	wantGuard(t, err, guard.Repository)
	_, err = w.deploy(from(one, theirs), plan.Options{}) // the same content is no reason
	wantGuard(t, err, guard.Repository)
	w.wantSite(one)

	w.mustDeploy(from(two, manifest.Repository{Name: "github.com/ada/renamed", ID: "1"}))
	w.mustDeploy(from(three, manifest.Repository{})) // not known, as on a laptop without a remote
	w.mustDeploy(from(one, theirs))                  // and so neither is what is live
	_, err = w.deploy(from(two, mine), plan.Options{})
	wantGuard(t, err, guard.Repository)
	if _, err := w.deploy(from(two, mine), plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(two)
}

// An upgrade of kv-sync that derives another name does not create a second site.
func TestFormerName(t *testing.T) {
	w := start(t)
	w.mustDeploy(&memory{files: one})
	former := w.config.Site
	w.config.Site, w.config.Formerly = "tides", former
	_, err := w.deploy(&memory{files: two}, plan.Options{})
	wantGuard(t, err, guard.Name)

	w.config.Formerly = "workspace" // of which nothing is live
	w.mustDeploy(&memory{files: two})
	w.config.Formerly = former // and what is there already is not asked again
	if kinds := w.counted(func() { w.mustDeploy(&memory{files: two}) }); len(kinds) != 2 {
		t.Errorf("no change took %v", kinds)
	}
}

// The shrink guard counts files, because a build with hashes in its names renames all of them.
func TestShrinkCountsFiles(t *testing.T) {
	w := start(t)
	hashed := func(suffix string, n int) files {
		f := files{"/index.html": "index " + suffix}
		for i := range n {
			f["/assets/"+string(rune('a'+i))+"-"+suffix+".js"] = suffix
		}
		return f
	}
	w.mustDeploy(&memory{files: hashed("D11aTr91", 8)})
	w.mustDeploy(&memory{files: hashed("B9xQ2c7f", 8)})
	w.wantSite(hashed("B9xQ2c7f", 8))
	_, err := w.deploy(&memory{files: hashed("C0000000", 3)}, plan.Options{})
	wantGuard(t, err, guard.Shrink)
	w.mustDeploy(&memory{files: hashed("C0000000", 4)})
}

// A release that left out files that git ignores made the live deployment. The next deploy asks
// once before it publishes such files. It does not ask about files that are already live.
func TestIgnoredFilesAreAskedAboutOnce(t *testing.T) {
	w := start(t)
	src := &memory{files: files{"/index.html": "i", "/tracked.log": "t"}}
	w.mustDeploy(src)
	src.edition, src.ignored = manifest.SelectionEdition, []string{"/build/app.js", "/tracked.log"}
	src.files = files{"/index.html": "i", "/tracked.log": "t2", "/build/app.js": "js", "/new.html": "n"}
	_, err := w.deploy(src, plan.Options{})
	wantGuard(t, err, guard.Ignored)
	if got := err.Error(); !strings.HasPrefix(got, "1 file ") || !strings.HasSuffix(got, ": /build/app.js") {
		t.Errorf("the guard says %s", got)
	}
	w.wantSite(files{"/index.html": "i", "/tracked.log": "t"})
	if _, err := w.deploy(src, plan.Options{PublishIgnored: true}); err != nil {
		t.Fatal(err)
	}
	src.files["/build/more.js"], src.ignored = "js", []string{"/build/app.js", "/build/more.js", "/tracked.log"}
	w.mustDeploy(src)
	w.wantSite(src.files)
}

// The guard decides the same as deployProject in TypeScript.
func TestShrinkVector(t *testing.T) {
	text, err := os.ReadFile("../testdata/guards/shrink.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Before, Now int
		Refused     bool
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 5 {
		t.Fatalf("read %d cases: %v", len(cases), err)
	}
	w := start(t)
	named := func(kind string, n int) files {
		f := files{}
		for i := range n {
			f[fmt.Sprintf("/%s%d.html", kind, i)] = kind
		}
		return f
	}
	for i, c := range cases {
		w.config.Site = fmt.Sprintf("site%d", i)
		if c.Before > 0 {
			w.mustDeploy(&memory{files: named("before", c.Before)})
		}
		_, err := w.engine().Plan(t.Context(), &memory{files: named("now", c.Now)}, script, plan.Options{})
		if stopped := (*guard.Error)(nil); c.Refused != errors.As(err, &stopped) || c.Refused &&
			stopped.Guard != guard.Shrink {
			t.Errorf("%d of %d files: %v, want refused %v", c.Now, c.Before, err, c.Refused)
		}
	}
}

// Promise 8: after a cancellation during the switch, the run waits for its answer. The switch is
// carried out some time after the engine said that it waits, or immediately after it looked.
func TestCancelledDuringTheSwitch(t *testing.T) {
	defer kvsync.SetPatience(time.Hour)()
	w := start(t)
	w.mustDeploy(&memory{files: one})
	ctx, cancel := context.WithCancel(t.Context())
	decided, decide := context.WithCancel(t.Context())
	w.config.Progress = func(p site.Progress) {
		if strings.Contains(p.Note, "waiting for its answer") {
			time.AfterFunc(300*time.Millisecond, decide) // an engine that does not wait looks by then
		}
	}
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		switch {
		case r.Kind == "workers.deployments.create":
			cancel()
			<-decided.Done()
		case ctx.Err() != nil && r.Kind == "workers.deployments.list":
			defer decide()
		}
		return platform.Fault{}
	})
	res, err := w.engine().Deploy(ctx, &memory{files: two}, script, plan.Options{})
	if err != nil || !res.Switched {
		t.Errorf("got %+v, %v", res, err)
	}
	w.p.Server.SetFault(nil)
	w.wantSite(two)
}

// If the answer does not arrive in time, the outcome is reported as unknown, never as unchanged.
func TestCancelledDuringASwitchWithoutAnAnswer(t *testing.T) {
	defer kvsync.SetPatience(10 * time.Millisecond)()
	w := start(t)
	w.mustDeploy(&memory{files: one})
	ctx, cancel := context.WithCancel(t.Context())
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind != "workers.deployments.create" {
			return platform.Fault{}
		}
		cancel()
		return platform.Fault{Kind: platform.FaultHang}
	})
	_, err := w.engine().Deploy(ctx, &memory{files: two}, script, plan.Options{})
	if !errors.Is(err, cloud.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// A one-time permission to replace the site of another repository or tool names what is replaced.
func TestTakeOverFrom(t *testing.T) {
	w := start(t)
	theirs := manifest.Repository{Name: "github.com/bob/tides", ID: "2"}
	w.mustDeploy(&memory{files: one, repository: theirs})
	version := w.activeVersion()
	mine := &memory{files: two, repository: manifest.Repository{Name: "github.com/ada/tides", ID: "1"}}
	for _, from := range []string{"github.com/eve/tides", "tides", "22", "github.com", version[:8]} {
		_, err := w.deploy(mine, plan.Options{TakeOverFrom: from})
		wantGuard(t, err, guard.Repository)
	}
	for _, from := range []string{"github.com/bob/tides", "Bob/Tides", "2", version} {
		if _, err := w.engine().Plan(t.Context(), mine, script, plan.Options{TakeOverFrom: from}); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}
