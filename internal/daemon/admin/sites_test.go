package admin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/version"
)

func TestSites(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	page := s.get("/").is(t, http.StatusOK)
	page.says(t, `<html lang="en">`, "<title>Sites · kv-sync</title>", `href="/sites/tides"`, "333333333333",
		"Third subject", "Grace", "main", "idle",
		`for <time datetime="2026-11-21T11:03:00Z" title="21 Nov, 11:03 UTC">57 minutes</time>`, "in 1 minute")
	if page.Header.Get("Refresh") != "" {
		t.Error("an idle page reloads")
	}
	for phase, active := range map[daemon.Phase]bool{
		daemon.PhaseFetch: true, daemon.PhaseBuild: true, daemon.PhaseDeploy: true, daemon.PhaseRollback: true,
		daemon.PhaseRetry: false, daemon.PhaseHeld: false, daemon.PhaseRefused: false,
	} {
		s.sites.statuses[0].Phase = phase
		for _, path := range []string{"/", "/sites/tides"} {
			page := s.get(path)
			page.says(t, string(phase))
			if got := page.Header.Get("Refresh") != ""; got != active {
				t.Errorf("%s while %s: it reloads: %t", path, phase, got)
			}
		}
	}
	s.sites.statuses = nil
	s.get("/").says(t, "No site is configured")
}

// row returns the table row that contains a text.
func row(t *testing.T, page answer, text string) string {
	t.Helper()
	for _, r := range strings.Split(page.text, "<tr ") {
		if strings.Contains(r, text) {
			return r
		}
	}
	t.Fatalf("no row contains %q:\n%s", text, page.text)
	return ""
}

func TestSite(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	page := s.get("/sites/tides").is(t, http.StatusOK)
	page.says(t, "<title>tides · kv-sync</title>", "https://git.example/tides.git")
	for subject, wants := range map[string][]string{
		"Third subject":  {"live</span>", "webhook-actor", "3\u00a0added, 2\u00a0changed", "in 2.0 s", "333333333333"},
		"Second subject": {"/sites/tides/rollback/" + twoID, "push", "2\u00a0added, 2\u00a0changed"},
		"First subject":  {"not retained"},
		"Broken":         {"failed", "the network is down\nsecond line", "1 minute ago"},
	} {
		r := row(t, page, subject)
		for _, want := range wants {
			if !strings.Contains(r, want) {
				t.Errorf("the row of %s does not say %q:\n%s", subject, want, r)
			}
		}
	}
	if n := strings.Count(page.text, "/rollback/"); n != 1 {
		t.Errorf("%d rollbacks are offered, want 1", n)
	}
	if strings.Index(page.text, "Third subject") > strings.Index(page.text, "Second subject") {
		t.Error("the newest is not first")
	}
	s.get("/sites/other").is(t, http.StatusNotFound).says(t, "There is no such site")

	s.sites.lists["tides"][1].Missing = true
	page = s.get("/sites/tides")
	if r := row(t, page, "Second subject"); !strings.Contains(r, "missing") || strings.Contains(page.text, "/rollback/") {
		t.Errorf("a missing version is offered: %s", r)
	}
	s.get("/sites/tides/rollback/"+twoID).is(t, http.StatusConflict)
}

// Repeated failures are one row.
func TestEqualRunsAreMerged(t *testing.T) {
	sites := tides()
	r := sites.statuses[0].Runs[0]
	for range 20 {
		sites.statuses[0].Runs = append(sites.statuses[0].Runs, r)
	}
	sites.statuses[0].Runs = sites.statuses[0].Runs[1:] // the deployment comes first, then 20 equal runs
	s := serve(t, sites)
	s.logIn()
	page := s.get("/sites/tides")
	page.says(t, "20 times in a row")
	if n := strings.Count(page.text, "the network is down"); n != 1 {
		t.Errorf("the failure is shown %d times", n)
	}
}

// A run belongs to its own activation, not to another one of the same deployment.
func TestRunsAreJoinedByTime(t *testing.T) {
	sites := tides()
	list := sites.lists["tides"]
	back := list[1]
	list[0].Live = false
	back.Rollback, back.Live, back.Time = true, true, noon.Add(-30*time.Minute)
	sites.lists["tides"] = append([]version.Deployment{back}, list...)
	run := daemon.Run{Deployment: twoID, Commit: commit("2"), Actor: "the-daemon", Duration: time.Second}
	for name, c := range map[string]struct {
		after   time.Duration
		outcome daemon.Outcome
		joined  bool
	}{
		"its own run":              {0, daemon.OutcomeRolledBack, true},
		"a run long before":        {-20 * time.Minute, daemon.OutcomeRolledBack, false},
		"a run long after":         {20 * time.Minute, daemon.OutcomeRolledBack, false},
		"a run without any change": {0, daemon.OutcomeNoChange, false},
	} {
		run.Started, run.Outcome = back.Time.Add(c.after-time.Second), c.outcome
		sites.statuses[0].Runs = []daemon.Run{run}
		s := serve(t, sites)
		s.logIn()
		page := s.get("/sites/tides")
		if got := strings.Contains(row(t, page, "rollback to "+twoID), "the-daemon"); got != c.joined {
			t.Errorf("%s: joined is %t", name, got)
		}
		if strings.Contains(page.text, "Other runs") == c.joined {
			t.Errorf("%s: it is among the other runs: %t", name, c.joined)
		}
	}
}

// The warnings of a build are shown with its deployment, or with the run that has none.
func TestWarningsOfABuild(t *testing.T) {
	sites := tides()
	run := daemon.Run{Deployment: twoID, Commit: commit("2"), Outcome: daemon.OutcomeDeployed,
		Started: sites.lists["tides"][0].Time, Duration: time.Second, Warnings: []string{"theme is <empty>"}}
	failed := daemon.Run{Commit: commit("3"), Outcome: daemon.OutcomeFailed, Warnings: []string{"font is empty"}}
	sites.statuses[0].Runs = []daemon.Run{run, failed}
	s := serve(t, sites)
	s.logIn()
	page := s.get("/sites/tides")
	got := row(t, page, "Second subject")
	if !strings.Contains(got, "theme is &lt;empty&gt;") {
		t.Errorf("the warning is not with its deployment: %s", got)
	}
	page.says(t, "Other runs", "font is empty")
}

func TestUnreachableAccount(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	s.sites.listErr = errors.New("list the deployments of tides: the network is down")
	page := s.get("/sites/tides").is(t, http.StatusOK)
	page.says(t, "The deployments cannot be listed: list the deployments of tides: the network is down", "Broken",
		"Poll now")
	s.get("/sites/tides/rollback/"+twoID).is(t, http.StatusBadGateway)
}

func TestButtons(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	token := s.token()
	if strings.Contains(s.get("/sites/tides").text, "Release</button>") {
		t.Error("a release is offered although nothing is held")
	}
	s.post("/sites/tides/release", url.Values{"token": {token}}).is(t, http.StatusConflict).says(t, "Nothing is held back")
	s.sites.statuses[0].Phase, s.sites.statuses[0].Problem = daemon.PhaseHeld, "rolled back by ada"
	s.get("/sites/tides").says(t, "Release</button>", "rolled back by ada")
	for _, what := range []string{"look", "release"} {
		done := s.post("/sites/tides/"+what, url.Values{"token": {token}}).is(t, http.StatusSeeOther)
		if at := done.Header.Get("Location"); at != "/sites/tides" {
			t.Errorf("%s leads to %q", what, at)
		}
		s.get("/sites/tides").says(t, `role="status"`)
		if strings.Contains(s.get("/sites/tides").text, `role="status"`) {
			t.Error("the notice is shown twice")
		}
		s.post("/sites/other/"+what, url.Values{"token": {token}}).is(t, http.StatusNotFound)
	}
	if got := s.sites.changed(); got != "tides: poll by ada\ntides: release by ada" {
		t.Errorf("requested: %s", got)
	}
}

func TestRollback(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	path := "/sites/tides/rollback/" + twoID
	question := s.get(path).is(t, http.StatusOK)
	question.says(t, "Roll <bdi>tides</bdi> back?", "Third subject", "Second subject",
		"<code>333333333333</code> is held back", "Nothing is uploaded")
	form := url.Values{"token": {s.token()}, "live": {threeID}}

	stale := url.Values{"token": form["token"], "live": {oneID}}
	s.post(path, stale).is(t, http.StatusConflict).says(t, "Another deployment went live")
	for _, to := range []string{threeID, oneID, "nothing", twoID[:12]} {
		s.get("/sites/tides/rollback/"+to).is(t, http.StatusConflict)
		s.post("/sites/tides/rollback/"+to, form).is(t, http.StatusConflict)
	}
	s.post("/sites/other/rollback/"+twoID, form).is(t, http.StatusNotFound)
	s.sites.err = &guard.Error{Guard: guard.Missing, Finding: finding.Finding{Case: "a blob of it is gone"}}
	s.post(path, form).is(t, http.StatusConflict).says(t, "Not rolled back: a blob of it is gone")
	s.sites.err = errors.New("the network is down")
	s.post(path, form).is(t, http.StatusBadGateway).says(t, "Not rolled back: the network is down")
	if got := s.sites.changed(); got != "" {
		t.Fatalf("requested: %s", got)
	}

	s.sites.err = nil
	if at := s.post(path, form).is(t, http.StatusSeeOther).Header.Get("Location"); at != "/sites/tides" {
		t.Errorf("the rollback leads to %q", at)
	}
	s.get("/sites/tides").says(t, "Rolled back to deployment "+twoID+" (222222222222).", "holds back 333333333333")
	if got := s.sites.changed(); got != "tides: rollback "+twoID+" by ada" {
		t.Errorf("requested: %s", got)
	}
	s.post(path, form).is(t, http.StatusConflict) // a second click
	if got := s.sites.changed(); strings.Count(got, "\n") != 0 {
		t.Errorf("requested: %s", got)
	}
}

// A rollback is finished even if the browser disconnects.
func TestRollbackContinuesAfterDisconnect(t *testing.T) {
	sites := &leaving{fake: tides()}
	s := serve(t, sites.fake, func(o *admin.Options) { o.Sites = sites })
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}}
	ctx, cancel := context.WithCancel(t.Context())
	sites.leave = cancel
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, s.server.URL+"/sites/tides/rollback/"+twoID,
		strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range s.http.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	s.page.ServeHTTP(httptest.NewRecorder(), r)
	if sites.err != nil || sites.changed() == "" {
		t.Errorf("requested %q, and the rollback's context was %v", sites.changed(), sites.err)
	}
}

// leaving is a fake daemon. The browser disconnects during its rollback.
type leaving struct {
	*fake
	leave context.CancelFunc
	err   error
}

func (l *leaving) Rollback(ctx context.Context, name, deployment, actor string) error {
	l.leave()
	if l.err = ctx.Err(); l.err != nil {
		return l.err
	}
	return l.fake.Rollback(ctx, name, deployment, actor)
}

// A rollback waits for the current run, but not for ever.
func TestRollbackTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := tides()
		page, err := admin.New(admin.Options{Sites: waiting{sites}, User: user, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		var cookies []*http.Cookie
		send := func(method, path string, form url.Values) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			for _, c := range cookies {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			return w
		}
		cookies = send("POST", "/login",
			url.Values{"user": {user}, "password": {password}}).Result().Cookies() //nolint:bodyclose // a recorder's
		token := tokenField.FindStringSubmatch(send("GET", "/", nil).Body.String())[1]
		w := send("POST", "/sites/tides/rollback/"+twoID, url.Values{"token": {token}, "live": {threeID}})
		if text := w.Body.String(); w.Code != http.StatusBadGateway ||
			!strings.Contains(text, "Not rolled back: the current run did not end in 30 min 0 s; check the site and try again") {
			t.Errorf("%d: %s", w.Code, text)
		}
	})
}

// waiting is a fake daemon with a run that does not end.
type waiting struct{ *fake }

func (waiting) Rollback(ctx context.Context, _, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// The slash in a project's name is escaped in paths.
func TestProject(t *testing.T) {
	sites := tides()
	sites.statuses[0].Name = "project/tides"
	sites.lists["project/tides"] = sites.lists["tides"]
	s := serve(t, sites)
	s.logIn()
	s.get("/").says(t, `href="/sites/project%2Ftides"`)
	s.get("/sites/project%2Ftides").is(t, http.StatusOK).says(t, "/sites/project%2Ftides/rollback/"+twoID)
	s.get("/sites/project%2Ftides/rollback/"+twoID).is(t, http.StatusOK)
	s.post("/sites/project%2Ftides/look", url.Values{"token": {s.token()}}).is(t, http.StatusSeeOther)
	if got := s.sites.changed(); got != "project/tides: poll by ada" {
		t.Errorf("requested: %s", got)
	}
}
