package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

var hostile = []string{
	"a|b", "`x`", "<script>alert(1)</script>", "a\n| x | y |", "a\r\n::error::x", "::set-output name=x::y",
	"  ::stop-commands::x", "##[add-mask]x", "x ##[set-env name=PATH;]y", "![x](http://e.example/x.png)",
	"[x](javascript:x)", "@mona", "www.example.com", "https://example.com", "\u202egnp.exe", "\x1b[31mred\x1b[0m",
	"*b*", "_i_", "# h", ":+1:", "a\u2028b", "\x00", "~~x~~", "&lt;", "\\|", "%0A::error::x",
}

func testConsole(w *bytes.Buffer, secret ...string) *console {
	getenv := func(string) string { return "" }
	return newConsole(githubactions.New(githubactions.WithWriter(w), githubactions.WithGetenv(getenv)), w, secret)
}

// FuzzLog checks that a file name cannot add a line or a workflow command to the log.
func FuzzLog(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var w bytes.Buffer
		c := testConsole(&w)
		c.say("%s", name)
		line := w.String()
		if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\x1b\x00") {
			t.Errorf("%q is printed as %q", name, line)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("%q is printed as the command %q", name, line)
		}
		w.Reset()
		c.annotate(levelError, name, 1, name, name)
		if line = w.String(); strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "::error file=") && name != "" {
			t.Errorf("%q is annotated as %q", name, line)
		}
	})
}

// FuzzSummary checks that a file name is plain text in a table of the summary.
func FuzzSummary(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := escape(name)
		for _, r := range got {
			switch {
			case r == ' ' || r == '/' || r == '&' || r == '#' || r == ';' || r > 127:
			case r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			default:
				t.Fatalf("escape(%q) is %q, with %q", name, got, r)
			}
		}
		if strings.ContainsAny(got, "\u202e\u2028\u200b") {
			t.Errorf("escape(%q) is %q", name, got)
		}
		plan := &plan.Plan{Added: []plan.Change{{Path: name}}}
		text := summary(&app.Report{Command: modeDeploy, Plan: plan})
		if n := strings.Count(text, "| added |"); n != 1 {
			t.Errorf("%q gives %d rows", name, n)
		}
	})
}

func TestConsoleReplacesSecrets(t *testing.T) {
	var w bytes.Buffer
	c := testConsole(&w, "tok-123456")
	w.Reset()
	c.say("%s", c.hide.Replace(summary(&app.Report{Error: &app.Failure{Message: "x tok-123456"}})))
	c.say("a tok-123456 b")
	c.annotate(levelError, "tok-123456", 1, "tok-123456", "x tok-123456")
	c.logger().Warn("retry", "url", "https://x/?tok-123456")
	if strings.Contains(w.String(), "123456") {
		t.Errorf("the log is %q", w.String())
	}
}

func TestLargePlanStaysWithinTheLimits(t *testing.T) {
	shown := &plan.Plan{Unchanged: 7}
	for i := range 50_000 {
		shown.Added = append(shown.Added, plan.Change{Path: fmt.Sprintf("/%s/%d", strings.Repeat("|", 100), i)})
	}
	b, err := planJSON(shown)
	if err != nil || len(b) > maxPlanJSON || !strings.Contains(b, `"truncated":true`) ||
		!strings.Contains(b, `"unchanged":7`) || !strings.Contains(b, `"added":[]`) {
		t.Errorf("plan-json is %.300q: %v", b, err)
	}
	text := summary(&app.Report{Command: modeDeploy, Plan: shown})
	if len(text) > 1<<20 || !strings.Contains(text, "And 49800 more.") {
		t.Errorf("the summary has %d bytes", len(text))
	}
	var w bytes.Buffer
	testConsole(&w).plan(shown)
	if n := strings.Count(w.String(), "\n"); n > loggedPaths+5 {
		t.Errorf("the log has %d lines", n)
	}
}

// The error of a deploy that would remove too many files lists these files, up to the limits
// of the log and the summary.
func TestErrorListsTheFilesItWouldRemove(t *testing.T) {
	f := &app.Failure{Kind: app.KindGuard, Message: "600 of 601 files would be removed",
		Fix: "give --allow-shrink if that is intended"}
	for i := range 600 {
		f.Removed = append(f.Removed, plan.Change{Path: fmt.Sprintf("/%03d|.html", i)})
	}
	rep := &app.Report{Command: modeDeploy, Error: f}
	text := summary(rep)
	if !strings.Contains(text, "\n| /000&#124;&#46;html |\n") || !strings.Contains(text, "\nAnd 400 more.\n") {
		t.Errorf("the summary is %.600s", text)
	}
	var w bytes.Buffer
	testConsole(&w).fault(&turn{rep: rep})
	if log := w.String(); !strings.Contains(log, "  - /499|.html\n  and 100 more\n") || strings.Contains(log, "/500") {
		t.Errorf("the log is %.300s", log)
	}
}

// The log and the summary say which removed files stay readable, with the command that
// ends it, and which do not. No path becomes markup or a workflow command.
func TestRemovedFilesInLogAndSummary(t *testing.T) {
	var log bytes.Buffer
	c := newConsole(githubactions.New(githubactions.WithWriter(&log)), &log, nil)
	p := &plan.Plan{
		Site: "project/shop", Removed: []plan.Change{{Path: "/a"}, {Path: "/b"}},
		Retired: []plan.RetiredFile{{Path: "/a\n::error::x", Deployments: 4}}, Guarded: []plan.Change{{Path: "/b<i>"}},
	}
	c.plan(p)
	text := summary(&app.Report{Command: modeDeploy, Plan: p})
	for _, want := range []string{"stays reachable for open tabs, until 4 more deployments are made",
		"run kv-sync deploy --project shop --forget by hand", "is not kept for open tabs"} {
		if !strings.Contains(log.String(), want) || !strings.Contains(text, escape(want)) {
			t.Errorf("%q is missing:\n%s\n%s", want, log.String(), text)
		}
	}
	if strings.Contains(log.String(), "\n::error") || strings.Contains(text, "<i>") {
		t.Errorf("a path became markup or a command:\n%s\n%s", log.String(), text)
	}
	p.Removed = make([]plan.Change, 0)
	for i := range 20000 {
		p.Retired = append(p.Retired, plan.RetiredFile{Path: fmt.Sprintf("/%030d", i)})
		p.Guarded = append(p.Guarded, plan.Change{Path: fmt.Sprintf("/%030d", i)})
	}
	if b, err := planJSON(p); err != nil || len(b) > maxPlanJSON || !strings.Contains(b, `"truncated":true`) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
