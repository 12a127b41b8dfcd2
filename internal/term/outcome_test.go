package term

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

var (
	commitA = strings.Repeat("a", 40)
	cost    = app.Stats{Requests: 7, BytesUploaded: 1500, Duration: 1200 * time.Millisecond}
)

func TestResult(t *testing.T) {
	result := func(r kvsync.Result, st app.Stats, rollback string) func(*Console) {
		return func(c *Console) { c.Result(&r, st, rollback) }
	}
	removed := plan.Plan{Removed: changes(1, "a"), Retired: make([]plan.RetiredFile, 1)}
	retried := cost
	retried.Retries = 2
	check(t, []output{
		{"a deploy", result(kvsync.Result{Switched: true, Deployment: "d2", Commit: commitA, URL: "https://x.dev\x1b",
			PreviousDeployment: "d1", Pruned: 1, Notices: []manifest.Problem{{Reason: "a\x1b"}}}, cost, "kv-sync rollback"),
			"\nLive: commit aaaaaaaaaaaa as deployment d2, in 1.2 s (7 requests, 1.5 kB sent)\n      https://x.dev\\x1b\n" +
				"Pruned 1 key that nothing needed any more.\nNote: a\\x1b\nTo go back: kv-sync rollback\n"},
		{"a first deploy, with retries", result(kvsync.Result{Switched: true, Deployment: "d1"}, retried, "kv-sync rollback"),
			"\nLive: deployment d1, in 1.2 s (7 requests, 1.5 kB sent, 2 retries)\n"},
		{"one retry, in the pathname layout", result(kvsync.Result{Switched: true}, app.Stats{Requests: 1, Retries: 1}, ""),
			"\nLive: these files, in 0.00 s (1 request, 0 B sent, 1 retry)\n"},
		{"a commit in the pathname layout", result(kvsync.Result{Switched: true, Commit: commitA}, app.Stats{}, ""),
			"\nLive: commit aaaaaaaaaaaa, in 0.00 s (0 requests, 0 B sent)\n"},
		{"nothing to do", result(kvsync.Result{Deployment: "d1", URL: "https://x.dev", PreviousDeployment: "d0"}, cost, "x"),
			"      https://x.dev\n"},
		{"an address that may be off", result(kvsync.Result{URL: "https://x.dev", Unchecked: true}, cost, ""),
			"      https://x.dev (last known address)\n"},
		{"a removed file, which the plan named", result(kvsync.Result{Switched: true, Deployment: "d", Plan: &removed},
			app.Stats{}, ""),
			"\nLive: deployment d, in 0.00 s (0 requests, 0 B sent)\n"},
	})
}

func TestAhead(t *testing.T) {
	ahead := func(a kvsync.Ahead) func(*Console) { return func(c *Console) { c.Ahead(&a, cost, "kv-sync deploy") } }
	shown := &plan.Plan{Origin: manifest.Origin{Commit: commitA}}
	const next = "To switch, within half of the grace period: kv-sync deploy\n"
	check(t, []output{
		{"uploaded", ahead(kvsync.Ahead{Plan: shown, Uploaded: 2, Receipt: true}),
			"\nUploaded ahead: 2 blobs for commit aaaaaaaaaaaa, in 1.2 s (7 requests, 1.5 kB sent). Nobody sees them yet.\n" +
				next},
		{"uploaded before", ahead(kvsync.Ahead{Plan: shown, Receipt: true}),
			"\nUploaded ahead already: commit aaaaaaaaaaaa. Nobody sees it yet.\n" + next},
		{"too little", ahead(kvsync.Ahead{Plan: shown}),
			"Nothing was sent: these files are so small that the deploy sends them with its own requests.\n"},
		{"no change", ahead(kvsync.Ahead{Plan: &plan.Plan{NoChange: true}}), ""},
	})
}

func TestRollback(t *testing.T) {
	rollback := func(r kvsync.Result, dry bool) func(*Console) {
		return func(c *Console) { c.Rollback(&r, cost, dry) }
	}
	back := kvsync.Result{Deployment: "d1", Version: "v1", PreviousDeployment: "d2", PreviousVersion: "v2",
		Commit: commitA,
		URL:    "https://x.dev", Notices: []manifest.Problem{{Reason: "n"}}}
	const again = "Live: commit aaaaaaaaaaaa as deployment d1 again, in 1.2 s (7 requests, 1.5 kB sent)\n      " +
		"https://x.dev\n"
	held, sameCommit, same, unchecked := back, back, back, back
	unchecked.Unchecked = true
	held.Hold, sameCommit.Hold, same.PreviousVersion = strings.Repeat("b", 40), "20260102-030405-0a1b2c3d", "v1"
	check(t, []output{
		{"back", rollback(back, false), again + "Note: n\n"},
		{"an address that others may have switched off", rollback(unchecked, false),
			strings.TrimSuffix(again, "\n") + " (last known address)\nNote: n\n"},
		{"a held commit", rollback(held, false), again +
			"Commit bbbbbbbbbbbb is held back until a newer one changes what it deploys, or --release is given.\nNote: n\n"},
		{"a held deployment", rollback(sameCommit, false), again +
			"Deployment 20260102-030405-0a1b2c3d is held back: the same build is refused until --release is given.\nNote: n\n"},
		{"dry", rollback(back, true), "Would go back from deployment d2 to commit aaaaaaaaaaaa as deployment d1.\nNote: n\n"},
		{"live already", rollback(same, false),
			"No change: commit aaaaaaaaaaaa as deployment d1 is live already.\nNote: n\n"},
	})
}

func TestPruned(t *testing.T) {
	pruned := func(p layout.Pruned, dry bool) func(*Console) { return func(c *Console) { c.Pruned(&p, dry) } }
	check(t, []output{
		{"some", pruned(layout.Pruned{Deleted: 2, Kept: 1234, Left: 3, Keys: []string{"a"}}, false),
			"Deleted 2 keys; kept 1,234 in use.\n3 more are left for the next prune.\n"},
		{"none", pruned(layout.Pruned{Kept: 5, Young: 2}, false),
			"Nothing to delete; kept 5 in use and 2 too young to judge.\n"},
		{"dry", pruned(layout.Pruned{Deleted: 1, Keys: []string{"t/b/\x1b"}}, true),
			"  - t/b/\\x1b\nWould delete 1 key; kept 0 in use.\n"},
	})
}

func TestHistory(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.Local)
	of := func(id string, change func(*version.Deployment)) version.Deployment {
		d := version.Deployment{ID: id, Time: at, Percent: 100, Retained: true, Source: "folder"}
		if change != nil {
			change(&d)
		}
		return d
	}
	live := func(d *version.Deployment) { d.Live = true }
	upload := func(d *version.Deployment) {
		d.Source, d.Record = "upload", &version.Record{Subject: "New prices", Actor: "ada"}
	}
	made := func(d *version.Deployment) {
		d.Commit, d.Record = commitA, &version.Record{Commit: commitA, Subject: "First"}
	}
	commit := func(d *version.Deployment) { d.Source, d.Commit = "commit", strings.Repeat("c", 40) }
	for name, c := range map[string]struct {
		list []version.Deployment
		want string
	}{
		"none": {nil, "Nothing was deployed yet.\n"},
		"one":  {[]version.Deployment{of("d1", live)}, "● d1  2026-01-02 03:04  folder\n● live\n"},
		"one, live again": {[]version.Deployment{of("d1", live), of("d1", nil)},
			"● d1  2026-01-02 03:04  folder\n  d1  2026-01-02 03:04  folder\n● live\n"},
		"for a part of the visitors": {[]version.Deployment{of("d1",
			func(d *version.Deployment) { d.Live, d.Percent = true, 25 })},
			"● d1  2026-01-02 03:04  folder  [25 % of visitors]\n● live\n"},
		"of a commit, and again of a newer commit with the same files": {[]version.Deployment{of("d1",
			func(d *version.Deployment) { live(d); made(d); d.Commit = strings.Repeat("c", 40) }), of("d1", made)},
			"● d1  2026-01-02 03:04  cccccccccccc\n  d1  2026-01-02 03:04  aaaaaaaaaaaa First\n● live\n"},
		"a rollback": {[]version.Deployment{of("d1", func(d *version.Deployment) {
			d.Live, d.Rollback, d.Hold = true, true, commitA
		})},
			"● d1  2026-01-02 03:04  folder  [rollback, holds back aaaaaaaaaaaa]\n● live\n"},
		"a rollback by a person of what the daemon deployed": {[]version.Deployment{of("d1",
			func(d *version.Deployment) {
				d.Live, d.Rollback, d.RolledBackBy, d.Record = true, true, "grace", &version.Record{Actor: "poll"}
			})},
			"● d1  2026-01-02 03:04  folder  [rollback, by grace]\n● live\n"},
		"a rollback by an older kv-sync": {[]version.Deployment{of("d1", func(d *version.Deployment) {
			d.Live, d.Rollback, d.Record = true, true, &version.Record{Actor: "poll"}
		})},
			"● d1  2026-01-02 03:04  folder  [rollback]\n● live\n"},
		"a rollback of one commit": {[]version.Deployment{of("d1",
			func(d *version.Deployment) { d.Live, d.Rollback, d.Hold = true, true, "2026-0a" })},
			"● d1  2026-01-02 03:04  folder  [rollback, holds back 2026-0a]\n● live\n"},
		"of another tool": {[]version.Deployment{of("", func(d *version.Deployment) {
			d.Live, d.Retained, d.Source = true, false, ""
		})}, "● (of another tool)         2026-01-02 03:04\n● live\n"},
		"one whose version is gone": {[]version.Deployment{of("d2", live),
			of("d1", func(d *version.Deployment) { d.Missing = true })},
			"● d2  2026-01-02 03:04  folder\n  d1  2026-01-02 03:04  folder  [its version is missing]\n● live\n"},
		"one to go back to": {[]version.Deployment{of("d3", live), of("d2", upload), of("d1", commit)},
			"● d3  2026-01-02 03:04  folder\n○ d2  2026-01-02 03:04  upload New prices  [by ada]\n" +
				"○ d1  2026-01-02 03:04  cccccccccccc\n" +
				"● live   ○ can be rolled back to: kv-sync rollback --to DEPLOYMENT\n"},
	} {
		var out bytes.Buffer
		New(&out, io.Discard, noVariable).History(c.list, "kv-sync rollback")
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestVerified(t *testing.T) {
	verified := func(v kvsync.Verification) func(*Console) {
		return func(c *Console) { c.Verified(&v, 2*time.Second) }
	}
	check(t, []output{
		{"complete", verified(kvsync.Verification{Keys: 5, Deployments: []layout.VerifiedDeployment{
			{Deployment: "d2", Live: true, Retained: true, Files: 2}, {Deployment: "d1", Retained: true, Files: 1},
		}}), "d2 (live)  2 files  whole\nd1  1 file  whole\nChecked 5 keys in 2.0 s.\n"},
		{"incomplete", verified(kvsync.Verification{
			Keys: 5, Unrooted: 2,
			Deployments: []layout.VerifiedDeployment{
				{Deployment: "d1", Files: 3, Missing: []string{"/a\x1b"}, Corrupt: []string{"/b", "/c"}},
				{Deployment: "d0", Retained: true, Problem: "its manifest is gone\x1b"},
			},
			Overlay: &kvsync.VerifiedOverlay{Edits: 1, Missing: []string{"/e"}},
		}), `d1 (not retained)  3 files  1 missing, 2 corrupt
  ! /a\x1b
  ! /b
  ! /c
d0  0 files  its manifest is gone\x1b
Edits made at run time  1 path  1 missing, 0 corrupt
  ! /e
Checked 5 keys in 2.0 s, 2 of them named by no retained deployment.
`},
	})
}

func TestFailure(t *testing.T) {
	for name, c := range map[string]struct {
		failure app.Failure
		want    string
	}{
		"message": {app.Failure{Message: "no\x1b\nmore"}, "kv-sync: no\\x1b\nmore\n"},
		"fix":     {app.Failure{Message: "no", Fix: "do\nthis\x1b"}, "kv-sync: no\n  → do\nthis\\x1b\n"},
		"problems": {app.Failure{Message: "no", Problems: []manifest.Problem{{Path: "a\x1b", Reason: "is secret"}}},
			"kv-sync: no\n  ! a\\x1b: is secret\n"},
		// What a guard kept from being removed is listed as in a plan.
		"removed": {app.Failure{Message: "23 of 24 files would be removed", Fix: "give --allow-shrink",
			Removed: changes(23, "a\x1b")},
			"kv-sync: 23 of 24 files would be removed\n" + rows(20, `  - /a\x1b%02d.html  2.0 kB`+"\n") +
				"  - and 3 more (-v lists them)\n  → give --allow-shrink\n"},
		"removed in the pathname layout": {app.Failure{Message: "no", Removed: []plan.Change{{Path: "/a"}}},
			"kv-sync: no\n  - /a\n"},
	} {
		var out, err bytes.Buffer
		New(&out, &err, noVariable).Failure(&c.failure)
		if d := cmp.Diff(c.want, err.String()); d != "" || out.Len() > 0 {
			t.Errorf("%s: %s%s", name, d, out.String())
		}
	}
}
