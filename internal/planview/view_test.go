package planview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func TestOf(t *testing.T) {
	files := []plan.Change{{Path: "/a", Size: 2000, Before: 999}}
	folder := manifest.Origin{Kind: "folder"}
	for name, c := range map[string]struct {
		plan plan.Plan
		want View
	}{
		"files": {
			plan.Plan{Site: "tides", Origin: folder, Added: files, Changed: files, Removed: files},
			View{Files: []Group{
				{Add, []File{{"/a", "2.0 kB", ""}}}, {Modify, []File{{"/a", "2.0 kB", "999 B"}}},
				{Remove, []File{{"/a", "2.0 kB", ""}}},
			}},
		},
		"pathname layout, which does not know the live sizes": {
			plan.Plan{Site: "tides", Origin: folder, Layout: "pathname", Added: files, Changed: files, Removed: files},
			View{Files: []Group{
				{Add, []File{{"/a", "2.0 kB", ""}}}, {Modify, []File{{"/a", "2.0 kB", ""}}}, {Remove, []File{{"/a", "", ""}}},
			}},
		},
		"first deploy": {
			plan.Plan{Site: "tides", Origin: folder, First: true, WorkerChanged: true, Companion: "tides-overlay"},
			View{Others: []Line{
				{Add, "the Worker's code, bindings and settings"},
				{Add, "the script tides-overlay, which keeps what is written at run time"},
			}},
		},
		"code": {
			plan.Plan{Site: "tides", Origin: folder, WorkerChanged: true},
			View{Others: []Line{{Modify, "the Worker's code, bindings or settings"}}},
		},
		"rules": {
			plan.Plan{Site: "tides", Origin: folder},
			View{Others: []Line{{None, "no file differs; what it was made from does"}}},
		},
		"kv-assets": {
			plan.Plan{Site: "tides", Origin: folder, Layout: "kv-assets"},
			View{Others: []Line{{None, "no file differs; its build decides whether the code does"}}},
		},
		"a folder whose commit changed, and that a build writes": {
			plan.Plan{Site: "tides", Origin: folder, Live: "d1", NoChange: true, Reactivate: true},
			View{NoChange: "No change: this is what deployment d1 serves. kv-sync runs no build: if the site should have " +
				"changed, run npm run build first."},
		},
		"a folder that a build writes, in a dirty work tree": {
			plan.Plan{Site: "tides", Origin: manifest.Origin{Kind: "folder", Dirty: true}, Live: "d1", NoChange: true},
			View{NoChange: "No change: this is what deployment d1 serves. kv-sync runs no build: if the site should have " +
				"changed, run npm run build first."},
		},
		"notices and notes": {
			plan.Plan{Site: "tides", Origin: folder, Removed: files, Writes: 1001,
				Notices: []manifest.Problem{{Path: "lib", Reason: "a submodule is not published"}},
				Retired: []plan.RetiredFile{{Path: "/a"}}},
			View{
				Files:   []Group{{Remove, []File{{"/a", "2.0 kB", ""}}}},
				Notices: []string{"lib: a submodule is not published"},
				Notes: []string{
					"1 file that this deployment does not have stays reachable for open tabs, " +
						"until the next deployment is made (to end that at once: do): /a",
					"the free plan has 1,000 KV writes a day, for the whole account.",
				},
				Retires: true,
			},
		},
		"no change": {
			plan.Plan{Site: "tides", Origin: folder, Live: "d1", NoChange: true},
			View{NoChange: "No change: this is what deployment d1 serves."},
		},
		"no change in the pathname layout": {
			plan.Plan{Site: "tides", Origin: folder, Layout: "pathname", NoChange: true},
			View{NoChange: "No change: these are the files that are live."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Site, c.want.Origin = "tides", "from this folder"
			got := Reader{Place: advice.Terminal, Forget: "do", Build: "npm run build"}.View(&c.plan)
			if d := cmp.Diff(&c.want, got, cmpopts.IgnoreUnexported(View{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	commit := strings.Repeat("a", 40)
	for want, o := range map[string]manifest.Origin{
		"from this folder":                                {Kind: "folder", Dir: "."},
		"from folder dist":                                {Kind: "folder", Dir: "dist"},
		"without files":                                   {Kind: "folder", ID: manifest.NoFiles},
		"from dist at commit aaaaaaaaaaaa":                {Kind: "commit", Dir: "dist", Commit: commit},
		"from the repository's root at commit abc (main)": {Kind: "commit", Commit: "abc", Branch: "main"},
		"without files, at commit aaaaaaaaaaaa: Fix it": {Kind: "commit", ID: manifest.NoFiles, Commit: commit,
			Subject: "Fix it"},
		"from dist at commit aaaaaaaaaaaa: " + strings.Repeat("x", 71) + "…": {
			Kind: "commit", Dir: "dist", Commit: commit, Subject: strings.Repeat("x", 80)},
	} {
		if got := origin(o); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	one := make([]plan.Change, 1)
	for _, c := range []struct {
		plan           plan.Plan
		planned, after string
	}{
		{plan.Plan{}, "0 to add, 0 to change, 0 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.",
			"0 added, 0 changed, 0 removed, 0 unchanged; 0 blobs (0 B), 0 KV writes."},
		{plan.Plan{Added: one, Changed: one, Removed: one, Unchanged: 12345, Blobs: 2, Bytes: 2048, Writes: 4, Ahead: 1},
			"1 to add, 1 to change, 1 to remove, 12,345 unchanged; 2 blobs (2.0 kB), 4 KV writes; 1 file uploaded ahead.",
			"1 added, 1 changed, 1 removed, 12,345 unchanged; 2 blobs (2.0 kB), 4 KV writes; 1 file uploaded ahead."},
		// Only the upload finds out which chunks of a large file changed.
		{plan.Plan{Changed: one, Blobs: 5, Bytes: 60_000_000, Writes: 7, AtMost: true},
			"0 to add, 1 to change, 0 to remove, 0 unchanged; at most 5 blobs (60 MB), 7 KV writes.",
			"0 added, 1 changed, 0 removed, 0 unchanged; at most 5 blobs (60 MB), 7 KV writes."},
	} {
		if v := (Reader{Place: advice.Terminal}).View(&c.plan); v.Summary() != c.planned || v.Done() != c.after {
			t.Errorf("got  %q and %q\nwant %q and %q", v.Summary(), v.Done(), c.planned, c.after)
		}
	}
}

func TestSizes(t *testing.T) {
	for want, f := range map[string]File{
		"": {}, "5 B": {Size: "5 B"}, "4 B → 5 B": {Size: "5 B", Before: "4 B"}, "45 MB": {Size: "45 MB", Before: "45 MB"},
	} {
		if got := f.Sizes(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRemoved(t *testing.T) {
	sized := Removed([]plan.Change{{Path: "/a", Size: 1}, {Path: "/b"}})
	if d := cmp.Diff(Group{Remove, []File{{"/a", "1 B", ""}, {"/b", "0 B", ""}}}, sized); d != "" {
		t.Error(d)
	}
	if got := Removed([]plan.Change{{Path: "/a"}}).Files[0].Size; got != "" {
		t.Errorf("an unknown size is %q", got)
	}
}

func TestChanges(t *testing.T) {
	file := []plan.Change{{Path: "/a"}}
	for want, p := range map[string]*plan.Plan{
		"nothing":     {NoChange: true},
		"new":         {First: true, Added: file, WorkerChanged: true},
		"files":       {Removed: file},
		"code":        {WorkerChanged: true},
		"files, code": {Changed: file, WorkerChanged: true},
		"rules":       {Unchanged: 1},
	} {
		if got := Changes(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Changes(nil); got != "nothing" {
		t.Errorf("no plan changes %q", got)
	}
}

func TestCounts(t *testing.T) {
	for want, n := range map[string][3]int{
		"no file": {}, "1 added": {1, 0, 0}, "1,000 changed, 2 removed": {0, 1000, 2},
		"1 added, 2 changed, 3 removed": {1, 2, 3},
	} {
		if got := strings.Join(Counts(n[0], n[1], n[2]), ", "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "ab…", "äöü": "äöü", "äöüß": "äö…"} {
		if got := Cut(in, 3); got != want {
			t.Errorf("Cut(%q) is %q, want %q", in, got, want)
		}
	}
	if got := Commit(strings.Repeat("a", 40)) + Commit("b"); got != "aaaaaaaaaaaab" {
		t.Errorf("commits are %q", got)
	}
}
