package term

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

var folder = manifest.Origin{Kind: "folder"}

func changes(n int, prefix string) []plan.Change {
	var out []plan.Change
	for i := range n {
		out = append(out, plan.Change{Path: fmt.Sprintf("/%s%02d.html", prefix, i), Size: 2000, Before: 999})
	}
	return out
}

func rows(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func planned(p *plan.Plan) func(*Console) { return func(c *Console) { c.Plan(p) } }

func TestPlan(t *testing.T) {
	long := "/" + strings.Repeat("a", 100)
	hostile := "/evil\x1b]0;x\x07\u202e"
	const nothing = "0 to add, 0 to change, 0 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.\n"
	check(t, []output{
		{
			"everything",
			planned(&plan.Plan{
				Site: "tides",
				Origin: manifest.Origin{Kind: "commit", Dir: "public", Commit: strings.Repeat("a", 40), Branch: "main",
					Subject: "Fix\x1b[31m"},
				Added: changes(22, "a"), Changed: changes(1, "c"), Removed: []plan.Change{{Path: hostile, Size: 12}},
				Unchanged: 12345, WorkerChanged: true, Blobs: 1023, Bytes: 12_345_678, Writes: 1025,
				Notices: []manifest.Problem{{Path: "lib", Reason: "a submodule is not published"}},
			}),
			"tides from public at commit aaaaaaaaaaaa (main): Fix\\x1b[31m\n\n" +
				rows(20, "  + /a%02d.html              2.0 kB\n") +
				`  + and 2 more (-v lists them)
  ~ /c00.html              999 B → 2.0 kB
  - /evil\x1b]0;x\a\u202e  12 B
  ~ the Worker's code, bindings or settings

Note: lib: a submodule is not published
Plan: 22 to add, 1 to change, 1 to remove, 12,345 unchanged; 1,023 blobs (12 MB), 1,025 KV writes.
Note: the free plan has 1,000 KV writes a day, for the whole account.
`,
		},
		{
			"a long path, which does not move the column of the other sizes",
			planned(&plan.Plan{Site: "tides", Origin: folder,
				Added: []plan.Change{{Path: long, Size: 1}, {Path: "/b", Size: 2}, {Path: "/cc", Size: 3}}}),
			"tides from this folder\n\n  + " + long + "  1 B\n  + /b   2 B\n  + /cc  3 B\n\n" +
				"Plan: 3 to add, 0 to change, 0 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.\n",
		},
		{
			"a change with sizes that look the same",
			planned(&plan.Plan{Site: "tides", Origin: folder,
				Changed: []plan.Change{{Path: "/a", Size: 45_000_001, Before: 45_000_002}}}),
			"tides from this folder\n\n  ~ /a  45 MB\n\n" +
				"Plan: 0 to add, 1 to change, 0 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.\n",
		},
		{
			"the pathname layout, which does not know the live sizes",
			planned(&plan.Plan{
				Site: "project/shop", Layout: "pathname", Origin: folder, Blobs: 1, Bytes: 5, Writes: 4,
				Changed: []plan.Change{{Path: "/a", Size: 5}}, Removed: []plan.Change{{Path: "/long"}},
			}),
			"project/shop from this folder\n\n  ~ /a     5 B\n  - /long\n\n" +
				"Plan: 0 to add, 1 to change, 1 to remove, 0 unchanged; 1 blob (5 B), 4 KV writes.\n",
		},
		{
			"a first deploy of code with an overlay",
			planned(&plan.Plan{Site: "tides", Origin: manifest.Origin{Kind: "folder", ID: manifest.NoFiles}, First: true,
				WorkerChanged: true, Companion: "tides-overlay"}),
			"tides without files\n\n  + the Worker's code, bindings and settings\n" +
				"  + the script tides-overlay, which keeps what is written at run time\n\nPlan: " + nothing,
		},
		{
			"rules",
			planned(&plan.Plan{Site: "tides", Origin: folder}),
			"tides from this folder\n\n  no file differs; what it was made from does\n\nPlan: " + nothing,
		},
		{
			"no change",
			planned(&plan.Plan{Site: "tides", Origin: folder, Live: "d1", NoChange: true}),
			"tides from this folder\n\nNo change: this is what deployment d1 serves.\n",
		},
		{
			"no change in the pathname layout",
			planned(&plan.Plan{Site: "project/shop", Layout: "pathname", Origin: folder, NoChange: true}),
			"project/shop from this folder\n\nNo change: these are the files that are live.\n",
		},
	})
}

// A plan lists the removed files that stay readable and those that do not.
func TestPlanOfRemovedFiles(t *testing.T) {
	check(t, []output{
		{
			"removed files, of which one stays readable and one does not",
			planned(&plan.Plan{
				Site: "tides", Origin: folder, Removed: []plan.Change{{Path: "/a\x1b", Size: 1}, {Path: "/b", Size: 2}},
				Retired: []plan.RetiredFile{
					{Path: "/a\x1b", Deployments: 4, Until: time.Date(2999, 12, 1, 17, 12, 0, 0, time.UTC)},
				},
				Guarded: []plan.Change{{Path: "/b", Size: 2}},
			}),
			`tides from this folder

  - /a\x1b  1 B
  - /b      2 B

Plan: 0 to add, 0 to change, 2 to remove, 0 unchanged; 0 blobs (0 B), 0 KV writes.
` + "Note: 1 file that this deployment does not have stays reachable for open tabs, until 4 more deployments " +
				"are made and at least until 2999-12-01 17:12 UTC (to end that at once: deploy with --forget): /a\\x1b\n" +
				"Note: 1 file is not kept for open tabs, because the Worker's code decides or decided who may read it " +
				"(retire in kv-sync.toml names what everyone may read): /b\n",
		},
	})
}

// Only escape sequences of the console itself reach the terminal. Those in names are escaped.
func TestPlanInColors(t *testing.T) {
	got := colored(planned(&plan.Plan{Site: "t\x1b[5m", Origin: folder, Added: changes(1, "a"), Changed: changes(1, "c"),
		Removed: []plan.Change{{Path: "/\x1b]0;x"}}}))
	want := "\x1b[1mt\\x1b[5m\x1b[0m from this folder\n\n" +
		"  \x1b[32m+\x1b[0m /a00.html  \x1b[2m2.0 kB\x1b[0m\n" +
		"  \x1b[33m~\x1b[0m /c00.html  \x1b[2m999 B → 2.0 kB\x1b[0m\n" +
		"  \x1b[31m-\x1b[0m /\\x1b]0;x  \x1b[2m0 B\x1b[0m\n\n"
	if !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSaved(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	saved := func(p *plan.Plan) func(*Console) {
		return func(c *Console) { c.Saved(p, at, 87*time.Millisecond) }
	}
	check(t, []output{
		{"one file", saved(&plan.Plan{Changed: changes(1, "a\x1b")}), "03:04:05  ~ /a\\x1b00.html  in 87 ms\n"},
		{"many files", saved(&plan.Plan{Added: changes(1, "a"), Changed: changes(1, "c"), Removed: changes(3, "r")}),
			"03:04:05  + /a00.html  ~ /c00.html  - /r00.html  and 2 more  in 87 ms\n"},
		{"code", saved(&plan.Plan{WorkerChanged: true}), "03:04:05  ~ the Worker's code, bindings or settings  in 87 ms\n"},
		{"rules", saved(&plan.Plan{}), "03:04:05  ~ _redirects, _headers or how the site is served  in 87 ms\n"},
		{"the address", func(c *Console) { c.Address("http://127.0.0.1:1/\x1b") }, "http://127.0.0.1:1/\\x1b\n"},
	})
}
