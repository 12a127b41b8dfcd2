package term

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

func none(string) string { return "" }

func changes(n int, prefix string) []kvsync.Change {
	var out []kvsync.Change
	for i := range n {
		out = append(out, kvsync.Change{Path: fmt.Sprintf("/%s%02d.html", prefix, i), Size: 2000, Before: 999})
	}
	return out
}

func TestPlan(t *testing.T) {
	p := &kvsync.Plan{
		Site:   "tides",
		Origin: kvsync.Origin{Kind: "commit", Dir: "public", Commit: strings.Repeat("a", 40), Branch: "main", Subject: "Fix\x1b[31m"},
		Added:  changes(22, "a"), Changed: changes(1, "c"), Removed: []kvsync.Change{{Path: "/evil\x1b]0;x\x07\u202e", Size: 12}},
		Unchanged: 12345, WorkerChanged: true, Blobs: 1023, Bytes: 12_345_678, Writes: 1025,
		Notices: []kvsync.Problem{{Path: "lib", Reason: "a submodule is not published"}},
	}
	var want strings.Builder
	want.WriteString("tides from public at commit aaaaaaaaaaaa (main): Fix\\x1b[31m\n\n")
	for i := range 20 {
		fmt.Fprintf(&want, "  + /a%02d.html%s  2.0 kB\n", i, strings.Repeat(" ", 12))
	}
	want.WriteString(`  + and 2 more
  ~ /c00.html              999 B → 2.0 kB
  - /evil\x1b]0;x\a\u202e  12 B
  ~ the Worker's code, bindings or settings

Note: lib: a submodule is not published
Plan: 22 to add, 1 to change, 1 to remove, 12,345 unchanged; 1,023 blobs (12 MB), 1,025 KV writes.
Note: the free plan has 1,000 KV writes a day, for the whole account.
`)
	if diff := cmp.Diff(want.String(), planText(planview.Of(p, forget), false)); diff != "" {
		t.Error(diff)
	}
	if got := planText(planview.Of(p, forget), true); strings.Contains(strings.NewReplacer("\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(got), "\x1b") {
		t.Errorf("an escape that is not ours:\n%q", got)
	}
}

// One very long path does not push the sizes of all others away.
func TestPlanWithALongPath(t *testing.T) {
	long := "/" + strings.Repeat("a", 100)
	p := &kvsync.Plan{Site: "tides", Origin: kvsync.Origin{Kind: "folder"}, Added: []kvsync.Change{{Path: long, Size: 1}, {Path: "/b", Size: 2}, {Path: "/cc", Size: 3}}}
	if got, want := planText(planview.Of(p, forget), false), "\n  + "+long+"  1 B\n  + /b   2 B\n  + /cc  3 B\n"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

// A size that did not change, as far as it is shown, is shown once.
func TestPlanOfTheSameSize(t *testing.T) {
	p := &kvsync.Plan{Site: "tides", Origin: kvsync.Origin{Kind: "folder"}, Changed: []kvsync.Change{{Path: "/a", Size: 45_000_001, Before: 45_000_002}}}
	if got := planText(planview.Of(p, forget), false); !strings.Contains(got, "\n  ~ /a  45 MB\n") {
		t.Errorf("got %q", got)
	}
}

// Only the upload finds out which chunks of a large file changed.
func TestPlanOfALargeFile(t *testing.T) {
	p := &kvsync.Plan{Site: "tides", Origin: kvsync.Origin{Kind: "folder"}, Changed: changes(1, "film"), Blobs: 5, Bytes: 60_000_000, Writes: 7, AtMost: true}
	want := "Plan: 0 to add, 1 to change, 0 to remove, 0 unchanged; at most 5 blobs (60 MB), 7 KV writes.\n"
	if got := planText(planview.Of(p, forget), false); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

// What a guard has kept from being removed is listed like what a plan removes.
func TestFailureListsWhatWouldGo(t *testing.T) {
	var out, err bytes.Buffer
	f := &app.Failure{Kind: app.KindGuard, Message: "23 of 24 files would be removed", Fix: "give --allow-shrink if that is meant", Removed: changes(23, "a\x1b")}
	New(&out, &err, none).Failure(f)
	lines := strings.Split(err.String(), "\n")
	if len(lines) != 1+shown+1+1+1 || lines[1] != `  - /a\x1b00.html  2.0 kB` || lines[shown+1] != "  - and 3 more" || strings.Contains(err.String(), "\x1b") {
		t.Errorf("%q", lines)
	}
	err.Reset()
	f.Removed = []kvsync.Change{{Path: "/a"}} // of the pathname layout
	New(&out, &err, none).Failure(f)
	if !strings.Contains(err.String(), "\n  - /a\n") {
		t.Errorf("%q", err.String())
	}
}

// In the pathname layout there are no deployments, and no sizes of what is live.
func TestPlanOfPathnameLayout(t *testing.T) {
	p := &kvsync.Plan{
		Site: "project/shop", Layout: "pathname", Origin: kvsync.Origin{Kind: "folder"},
		Changed: []kvsync.Change{{Path: "/a", Size: 5}}, Removed: []kvsync.Change{{Path: "/long"}}, Blobs: 1, Bytes: 5, Writes: 4,
	}
	want := "project/shop from this folder\n\n  ~ /a     5 B\n  - /long\n\nPlan: 0 to add, 1 to change, 1 to remove, 0 unchanged; 1 blob (5 B), 4 KV writes.\n"
	if got := planText(planview.Of(p, forget), false); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	same := &kvsync.Plan{Site: "project/shop", Layout: "pathname", Origin: p.Origin, NoChange: true}
	if got, want := planText(planview.Of(same, forget), false), "project/shop from this folder\n\nNo change: these are the files that are live.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := deploymentText("", strings.Repeat("a", 40)) + ", " + deploymentText("", ""); got != "commit aaaaaaaaaaaa, these files" {
		t.Error(got)
	}
}

// A plan says which removed files stay readable and which do not, and a deploy says it
// again at its end: nobody takes a removed file for gone.
func TestPlanOfRemovedFiles(t *testing.T) {
	p := &kvsync.Plan{
		Site: "tides", Origin: kvsync.Origin{Kind: "folder"}, Removed: []kvsync.Change{{Path: "/a\x1b", Size: 1}, {Path: "/b", Size: 2}},
		Retired: []kvsync.RetiredFile{{Path: "/a\x1b", Deployments: 4, Until: time.Date(2999, 12, 1, 17, 12, 0, 0, time.UTC)}},
		Guarded: []kvsync.Change{{Path: "/b", Size: 2}},
	}
	want := `Plan: 0 to add, 0 to change, 2 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.
Note: 1 file that this deployment does not have stays reachable for open tabs, until 4 more deployments are made and at least until 2999-12-01 17:12 UTC (to end that at once: deploy with --forget): /a\x1b
Note: 1 file is not kept for open tabs, because the Worker's code decides or decided who may read it (retire in kv-sync.toml names what everyone may read): /b
`
	if got := planText(planview.Of(p, forget), false); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
	const end = "1 removed file can still be read at the old address (above). To end that: deploy with --forget\n"
	var out bytes.Buffer
	New(&out, &out, none).Result(&kvsync.Result{Deployment: "d", Switched: true, Plan: p}, app.Stats{}, "")
	if !strings.HasSuffix(out.String(), end) {
		t.Errorf("got %q, want %q at its end", out.String(), end)
	}
	out.Reset()
	p.Removed = nil // it was removed before
	New(&out, &out, none).Result(&kvsync.Result{Deployment: "d", Switched: true, Plan: p}, app.Stats{}, "")
	if strings.Contains(out.String(), "--forget") {
		t.Errorf("a deploy that removed nothing says %q", out.String())
	}
}

func TestPlanWithoutChange(t *testing.T) {
	got := planText(planview.Of(&kvsync.Plan{Site: "tides", Origin: kvsync.Origin{Kind: "folder", Dir: "."}, Live: "d1", NoChange: true}, forget), false)
	if want := "tides from this folder\n\nNo change: this is what deployment d1 serves.\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestHistory(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.Local)
	of := func(id string, change func(*kvsync.Deployment)) kvsync.Deployment {
		d := kvsync.Deployment{ID: id, Time: at, Percent: 100, Retained: true, Source: "folder"}
		if change != nil {
			change(&d)
		}
		return d
	}
	live := func(d *kvsync.Deployment) { d.Live = true }
	upload := func(d *kvsync.Deployment) {
		d.Source, d.Record = "upload", &kvsync.Record{Subject: "New prices", Actor: "ada"}
	}
	commit := func(d *kvsync.Deployment) { d.Source, d.Commit = "commit", strings.Repeat("c", 40) }
	for name, c := range map[string]struct {
		list []kvsync.Deployment
		want string
	}{
		"none":            {nil, "Nothing was deployed yet.\n"},
		"one":             {[]kvsync.Deployment{of("d1", live)}, "● d1  2026-01-02 03:04  folder\n● live\n"},
		"one, live again": {[]kvsync.Deployment{of("d1", live), of("d1", nil)}, "● d1  2026-01-02 03:04  folder\n  d1  2026-01-02 03:04  folder\n● live\n"},
		"of another tool": {[]kvsync.Deployment{of("", func(d *kvsync.Deployment) { d.Live, d.Retained, d.Source = true, false, "" })}, "● (of another tool)         2026-01-02 03:04\n● live\n"},
		"one whose version is gone": {[]kvsync.Deployment{of("d2", live), of("d1", func(d *kvsync.Deployment) { d.Missing = true })},
			"● d2  2026-01-02 03:04  folder\n  d1  2026-01-02 03:04  folder  [its version is missing]\n● live\n"},
		"one to go back to": {[]kvsync.Deployment{of("d3", live), of("d2", upload), of("d1", commit)},
			"● d3  2026-01-02 03:04  folder\n○ d2  2026-01-02 03:04  upload New prices  [by ada]\n○ d1  2026-01-02 03:04  cccccccccccc\n" +
				"● live   ○ can be rolled back to: kv-sync rollback --to DEPLOYMENT\n"},
	} {
		var out bytes.Buffer
		New(&out, io.Discard, none).History(c.list, "kv-sync rollback")
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"plain /a b.html", "\x1b[2J", "\u202etxt", "\xff\xfe", "a\nb", "\u200b", "ünï", "\ufffd", "\x9b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := Visible(s)
		if !utf8.ValidString(v) {
			t.Fatalf("%q is not UTF-8", v)
		}
		for _, r := range v {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q has %U", v, r)
			}
		}
	})
}

func TestTimeLeft(t *testing.T) {
	for want, got := range map[string]string{
		"":                  left(10*time.Second, 0, 100),
		", 30 s left":       left(10*time.Second, 25, 100),
		", 1 min 30 s left": left(10*time.Second, 10, 100),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := left(10*time.Second, 100, 100) + left(time.Millisecond, 1, 100); got != "" {
		t.Errorf("got %q", got)
	}
}

// TestRecordsAreSaid: the adapters' records become lines for people.
func TestRecordsAreSaid(t *testing.T) {
	var out, err bytes.Buffer
	log := New(&out, &err, none).Log(false)
	log.Warn("read the version: 503; trying again in 1.5 s", slog.String("error", "PUT /x: 503\x1b[2J"))
	log.Info("few requests of the API's rate limit are left: going slower", slog.Int64("left", 3), slog.Duration("for", 20*time.Second))
	log.Debug("source is the folder")
	want := "read the version: 503; trying again in 1.5 s: PUT /x: 503\\x1b[2J\nfew requests of the API's rate limit are left: going slower (left 3, for 20 s)\n"
	if diff := cmp.Diff(want, err.String()); diff != "" || out.Len() > 0 {
		t.Errorf("%s%s", diff, out.String())
	}
}

// TestPlainProgress: where there is no terminal, no bar and no escape is written.
func TestPlainProgress(t *testing.T) {
	var out, err bytes.Buffer
	c := New(&out, &err, none)
	c.Progress(kvsync.Progress{Stage: kvsync.StagePlan, Plan: &kvsync.Plan{Site: "tides", Blobs: 2, Bytes: 10, Added: changes(2, "a")}})
	c.reported = time.Now().Add(-time.Minute)
	c.Progress(kvsync.Progress{Stage: kvsync.StageUpload, Files: 1, TotalFiles: 2, Bytes: 4, TotalBytes: 10})
	c.Progress(kvsync.Progress{Stage: kvsync.StageUpload, Files: 2, TotalFiles: 2, Bytes: 10, TotalBytes: 10})
	c.Progress(kvsync.Progress{Stage: kvsync.StageSwitch, Note: "another deployment switched meanwhile"})
	c.Close()
	want := "uploading: 1 of 2 values, 4 B of 10 B\nanother deployment switched meanwhile\n"
	if err.String() != want || !strings.Contains(out.String(), "Plan: 2 to add") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("err %q, out %q", err.String(), out.String())
	}
}

// TestBars: a bar is drawn, notes go above it, and nothing of it is left.
func TestBars(t *testing.T) {
	var out, err bytes.Buffer
	c := New(&out, &err, none)
	c.bars = true
	c.Progress(kvsync.Progress{Stage: kvsync.StagePlan, Plan: &kvsync.Plan{Site: "tides", Blobs: 100, Bytes: 1000}})
	c.Progress(kvsync.Progress{Stage: kvsync.StageUpload, Files: 50, TotalFiles: 100, Bytes: 500, TotalBytes: 1000})
	c.Say("a note")
	c.Progress(kvsync.Progress{Stage: kvsync.StageUpload, Files: 100, TotalFiles: 100, Bytes: 1000, TotalBytes: 1000})
	c.Progress(kvsync.Progress{Stage: kvsync.StageUpload, Files: 1, TotalFiles: 2, Bytes: 10, TotalBytes: 20})
	c.Close()
	if c.progress != nil || !strings.Contains(err.String(), "a note\n") {
		t.Errorf("err %q", err.String())
	}
	c.Say("after")
	if !strings.HasSuffix(err.String(), "after\n") {
		t.Errorf("err %q", err.String())
	}
}
