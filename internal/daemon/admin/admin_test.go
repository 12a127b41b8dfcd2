package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

const user, password = "ada", "correct horse battery staple"

// fake is a daemon whose sites are values.
type fake struct {
	mu       sync.Mutex
	statuses []daemon.Status
	lists    map[string][]kvsync.Deployment
	// asked is what was wished for and by whom; err is what everything that changes
	// something answers.
	asked []string
	err   error
	// unread is what listing deployments answers.
	unread error
}

func (f *fake) Statuses() []daemon.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]daemon.Status(nil), f.statuses...)
}

func (f *fake) Status(name string) (daemon.Status, error) {
	for _, s := range f.Statuses() {
		if s.Name == name {
			return s, nil
		}
	}
	return daemon.Status{}, fmt.Errorf("site %q: %w", name, daemon.ErrNoSite)
}

func (f *fake) Deployments(ctx context.Context, name string) ([]kvsync.Deployment, error) {
	if _, err := f.Status(name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]kvsync.Deployment(nil), f.lists[name]...), f.unread
}

func (f *fake) Rollback(ctx context.Context, name, deployment, actor string) error {
	if err := f.wish(name, "rollback "+deployment, actor); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.lists[name]
	for _, d := range list {
		if d.ID == deployment {
			was := list[0]
			for i := range list {
				list[i].Live = false
			}
			d.Live, d.Rollback, d.Hold, d.Time = true, true, was.Commit, was.Time.Add(time.Minute)
			f.lists[name] = append([]kvsync.Deployment{d}, list...)
			return nil
		}
	}
	return errors.New("no such deployment")
}

func (f *fake) Release(name, actor string) error { return f.wish(name, "release", actor) }
func (f *fake) Look(name, actor string) error    { return f.wish(name, "look", actor) }

func (f *fake) wish(name, what, actor string) error {
	if _, err := f.Status(name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.asked = append(f.asked, name+": "+what+" by "+actor)
	return nil
}

// changed returns what was asked for, which the page must not do unasked.
func (f *fake) changed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// clock stands still until it is turned.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func commit(c string) string { return strings.Repeat(c, 40) }

// tides is a site with three deployments: the last is live, the first is not
// retained.
func tides() *fake {
	deployed := func(n int, subject string) kvsync.Deployment {
		id := fmt.Sprintf("20261121-11%02d00-abc%d", n, n)
		at := noon.Add(time.Duration(n-60) * time.Minute)
		return kvsync.Deployment{ID: id, Version: "v" + id, Time: at, Commit: commit(fmt.Sprint(n)), Source: "commit", Percent: 100, Retained: true,
			Record: &kvsync.Record{Deployment: id, Subject: subject, Author: "Grace", Actor: "push", Added: n, Changed: 2, Time: at}}
	}
	three, two, one := deployed(3, "Third subject"), deployed(2, "Second subject"), deployed(1, "First subject")
	three.Live, one.Retained = true, false
	return &fake{
		statuses: []daemon.Status{{
			Name: "tides", Remote: "https://git.example/tides.git", Branch: "main", Head: commit("3"), Live: commit("3"),
			Phase: daemon.PhaseIdle, Since: three.Time, Next: noon.Add(time.Minute),
			Runs: []daemon.Run{
				{Commit: commit("4"), Subject: "Broken", Author: "Grace", Actor: "push", Started: noon.Add(-time.Minute), Outcome: daemon.OutcomeFailed, Problem: "the network was away\nsecond line"},
				{Deployment: three.ID, Commit: commit("3"), Subject: "Third subject", Author: "Grace", Actor: "webhook-actor", Started: three.Time.Add(-2 * time.Second), Duration: 2 * time.Second, Outcome: daemon.OutcomeDeployed},
			},
		}},
		lists: map[string][]kvsync.Deployment{"tides": {three, two, one}},
	}
}

const twoID, oneID, threeID = "20261121-110200-abc2", "20261121-110100-abc1", "20261121-110300-abc3"

// served is a page and somebody's browser.
type served struct {
	*testing.T
	sites  *fake
	clock  *clock
	server *httptest.Server
	http   *http.Client
	page   http.Handler
}

func serve(t *testing.T, sites *fake, change ...func(*admin.Options)) *served {
	t.Helper()
	c := &clock{at: noon}
	opt := admin.Options{Sites: sites, User: user, Password: password, Now: c.now}
	for _, f := range change {
		f(&opt)
	}
	page, err := admin.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(page)
	t.Cleanup(server.Close)
	s := &served{T: t, sites: sites, clock: c, server: server, page: page}
	s.http = s.browser()
	return s
}

// browser has cookies of its own, and follows no redirect.
func (s *served) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// answer is a response that was read.
type answer struct {
	*http.Response
	text string
}

func (a answer) says(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			t.Errorf("the page does not say %q:\n%s", text, a.text)
		}
	}
}

func (a answer) is(t *testing.T, code int) answer {
	t.Helper()
	if a.StatusCode != code {
		t.Errorf("%s %s: %s, want %d\n%s", a.Request.Method, a.Request.URL, a.Status, code, a.text)
	}
	return a
}

// send sends a request as a browser does; change may break it.
func (s *served) send(method, path string, form url.Values, change ...func(*http.Request)) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.server.URL)
	}
	for _, f := range change {
		f(req)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp, string(b)}
}

func (s *served) get(path string, change ...func(*http.Request)) answer {
	s.Helper()
	return s.send(http.MethodGet, path, nil, change...)
}

func (s *served) post(path string, form url.Values, change ...func(*http.Request)) answer {
	s.Helper()
	return s.send(http.MethodPost, path, form, change...)
}

func (s *served) tryLogin(name, word string, change ...func(*http.Request)) answer {
	s.Helper()
	return s.post("/login", url.Values{"user": {name}, "password": {word}}, change...)
}

func (s *served) logIn() {
	s.Helper()
	s.tryLogin(user, password).is(s.T, http.StatusSeeOther)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// token is that of the session's forms.
func (s *served) token() string {
	s.Helper()
	m := tokenField.FindStringSubmatch(s.get("/").text)
	if m == nil {
		s.Fatal("the page has no form")
	}
	return m[1]
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func without(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(name) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestNewRefuses(t *testing.T) {
	right := admin.Options{Sites: tides(), User: user, Password: password, Hosts: []string{"deploy.example.com", "deploy.example.com:8443", "[fd00::1]:80"}}
	if _, err := admin.New(right); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*admin.Options){
		"no sites":       func(o *admin.Options) { o.Sites = nil },
		"no user":        func(o *admin.Options) { o.User = "" },
		"not a person":   func(o *admin.Options) { o.User = "poll" },
		"no password":    func(o *admin.Options) { o.Password = "" },
		"blank password": func(o *admin.Options) { o.Password = " \n" },
		"empty host":     func(o *admin.Options) { o.Hosts = []string{""} },
		"any host":       func(o *admin.Options) { o.Hosts = []string{"*"} },
		"wildcard":       func(o *admin.Options) { o.Hosts = []string{"*.example.com"} },
		"scheme":         func(o *admin.Options) { o.Hosts = []string{"https://deploy.example.com"} },
		"path":           func(o *admin.Options) { o.Hosts = []string{"deploy.example.com/x"} },
		"user in host":   func(o *admin.Options) { o.Hosts = []string{"a@deploy.example.com"} },
		"port alone":     func(o *admin.Options) { o.Hosts = []string{":80"} },
		"no port":        func(o *admin.Options) { o.Hosts = []string{"deploy.example.com:"} },
	} {
		t.Run(name, func(t *testing.T) {
			opt := right
			change(&opt)
			_, err := admin.New(opt)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	if text := fmt.Sprintf("%v %+v %#v", right, right, right); strings.Contains(text, config.Secret(password).Reveal()) {
		t.Errorf("the options print the password: %s", text)
	}
}

func TestSites(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	page := s.get("/").is(t, http.StatusOK)
	page.says(t, `<html lang="en">`, "<title>Sites · kv-sync</title>", `href="/sites/tides"`, "333333333333", "Third subject", "Grace", "main", "idle",
		`for <time datetime="2026-11-21T11:03:00Z" title="21 Nov, 11:03 UTC">57 minutes</time>`, "in 1 minute")
	if page.Header.Get("Refresh") != "" {
		t.Error("nothing is under way, and the page reloads")
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

// row is the table row of a page that has a text.
func row(t *testing.T, page answer, text string) string {
	t.Helper()
	for _, r := range strings.Split(page.text, "<tr ") {
		if strings.Contains(r, text) {
			return r
		}
	}
	t.Fatalf("no row says %q:\n%s", text, page.text)
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
		"Broken":         {"failed", "the network was away\nsecond line", "1 minute ago"},
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
		t.Errorf("a version that is gone is offered: %s", r)
	}
	s.get("/sites/tides/rollback/"+twoID).is(t, http.StatusConflict)
}

// What failed again and again is one row.
func TestRunsAlikeAreOne(t *testing.T) {
	sites := tides()
	r := sites.statuses[0].Runs[0]
	for range 20 {
		sites.statuses[0].Runs = append(sites.statuses[0].Runs, r)
	}
	sites.statuses[0].Runs = sites.statuses[0].Runs[1:] // the deployment is first now, then 20 alike
	s := serve(t, sites)
	s.logIn()
	page := s.get("/sites/tides")
	page.says(t, "20 times in a row")
	if n := strings.Count(page.text, "the network was away"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// A run belongs to the activation that it made, not to another of the same
// deployment.
func TestRunsAreJoinedByTime(t *testing.T) {
	sites := tides()
	list := sites.lists["tides"]
	back := list[1]
	list[0].Live = false
	back.Rollback, back.Live, back.Time = true, true, noon.Add(-30*time.Minute)
	sites.lists["tides"] = append([]kvsync.Deployment{back}, list...)
	run := daemon.Run{Deployment: twoID, Commit: commit("2"), Actor: "the-daemon", Duration: time.Second}
	for name, c := range map[string]struct {
		after   time.Duration
		outcome daemon.Outcome
		joined  bool
	}{
		"it": {0, daemon.OutcomeRolledBack, true}, "one long before": {-20 * time.Minute, daemon.OutcomeRolledBack, false},
		"one long after": {20 * time.Minute, daemon.OutcomeRolledBack, false}, "one that changed nothing": {0, daemon.OutcomeNoChange, false},
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

func TestAccountAway(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	s.sites.unread = errors.New("list the deployments of tides: the network is away")
	page := s.get("/sites/tides").is(t, http.StatusOK)
	page.says(t, "The deployments cannot be listed: list the deployments of tides: the network is away", "Broken", "Look now")
	s.get("/sites/tides/rollback/"+twoID).is(t, http.StatusBadGateway)
}

func TestButtons(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	token := s.token()
	if strings.Contains(s.get("/sites/tides").text, "Release</button>") {
		t.Error("a release is offered where nothing is held")
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
			t.Error("what was done is said twice")
		}
		s.post("/sites/other/"+what, url.Values{"token": {token}}).is(t, http.StatusNotFound)
	}
	if got := s.sites.changed(); got != "tides: look by ada\ntides: release by ada" {
		t.Errorf("asked for %s", got)
	}
}

func TestRollback(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	path := "/sites/tides/rollback/" + twoID
	question := s.get(path).is(t, http.StatusOK)
	question.says(t, "Roll <bdi>tides</bdi> back?", "Third subject", "Second subject", "<code>333333333333</code> is held back", "Nothing is uploaded")
	form := url.Values{"token": {s.token()}, "live": {threeID}}

	stale := url.Values{"token": form["token"], "live": {oneID}}
	s.post(path, stale).is(t, http.StatusConflict).says(t, "Another deployment went live")
	for _, to := range []string{threeID, oneID, "nothing", twoID[:12]} {
		s.get("/sites/tides/rollback/"+to).is(t, http.StatusConflict)
		s.post("/sites/tides/rollback/"+to, form).is(t, http.StatusConflict)
	}
	s.post("/sites/other/rollback/"+twoID, form).is(t, http.StatusNotFound)
	s.sites.err = &kvsync.GuardError{Text: "a blob of it is gone", Fix: "deploy that commit again"}
	s.post(path, form).is(t, http.StatusConflict).says(t, "Not rolled back: a blob of it is gone; deploy that commit again")
	s.sites.err = errors.New("the network was away")
	s.post(path, form).is(t, http.StatusBadGateway).says(t, "Not rolled back: the network was away")
	if got := s.sites.changed(); got != "" {
		t.Fatalf("asked for %s", got)
	}

	s.sites.err = nil
	if at := s.post(path, form).is(t, http.StatusSeeOther).Header.Get("Location"); at != "/sites/tides" {
		t.Errorf("it leads to %q", at)
	}
	s.get("/sites/tides").says(t, "Rolled back to deployment "+twoID+" (222222222222).", "holds back 333333333333")
	if got := s.sites.changed(); got != "tides: rollback "+twoID+" by ada" {
		t.Errorf("asked for %s", got)
	}
	s.post(path, form).is(t, http.StatusConflict) // pressed twice
	if got := s.sites.changed(); strings.Count(got, "\n") != 0 {
		t.Errorf("asked for %s", got)
	}
}

// A decision stands though the browser does not wait for the answer.
func TestRollbackOutlivesTheRequest(t *testing.T) {
	sites := &leaving{fake: tides()}
	s := serve(t, sites.fake, func(o *admin.Options) { o.Sites = sites })
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}}
	ctx, cancel := context.WithCancel(t.Context())
	sites.leave = cancel
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, s.server.URL+"/sites/tides/rollback/"+twoID, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range s.http.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	s.page.ServeHTTP(httptest.NewRecorder(), r)
	if sites.err != nil || sites.changed() == "" {
		t.Errorf("asked for %q, and the rollback was told %v", sites.changed(), sites.err)
	}
}

// leaving is a fake whose visitor goes away while it rolls back.
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

// A rollback waits for what is under way, but not for ever.
func TestRollbackThatWaitsTooLong(t *testing.T) {
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
		cookies = send("POST", "/login", url.Values{"user": {user}, "password": {password}}).Result().Cookies() //nolint:bodyclose // a recorder's
		token := tokenField.FindStringSubmatch(send("GET", "/", nil).Body.String())[1]
		w := send("POST", "/sites/tides/rollback/"+twoID, url.Values{"token": {token}, "live": {threeID}})
		if text := w.Body.String(); w.Code != http.StatusBadGateway || !strings.Contains(text, "Not rolled back: what is under way has not ended in 30 min 0 s; look at the site, and try again") {
			t.Errorf("%d: %s", w.Code, text)
		}
	})
}

// waiting is a fake with something under way that does not end.
type waiting struct{ *fake }

func (waiting) Rollback(ctx context.Context, _, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// A project's name has a slash, which is no part of the path.
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
	if got := s.sites.changed(); got != "project/tides: look by ada" {
		t.Errorf("asked for %s", got)
	}
}
