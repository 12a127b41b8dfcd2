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
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	"github.com/kv-sync/kv-sync/sync/version"
)

const user, password = "ada", "correct horse battery staple"

// fake is a daemon with fixed sites.
type fake struct {
	mu       sync.Mutex
	statuses []daemon.Status
	lists    map[string][]version.Deployment
	// requests records what was requested and by whom. err is returned by every
	// request.
	requests []string
	err      error
	// listErr is returned by Deployments.
	listErr error
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

func (f *fake) Deployments(ctx context.Context, name string) ([]version.Deployment, error) {
	if _, err := f.Status(name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]version.Deployment(nil), f.lists[name]...), f.listErr
}

func (f *fake) Rollback(ctx context.Context, name, deployment, actor string) error {
	if err := f.request(name, "rollback "+deployment, actor); err != nil {
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
			f.lists[name] = append([]version.Deployment{d}, list...)
			return nil
		}
	}
	return errors.New("no such deployment")
}

func (f *fake) Release(name, actor string) error { return f.request(name, "release", actor) }

func (f *fake) Poll(name, actor string) error { return f.request(name, "poll", actor) }

func (f *fake) request(name, what, actor string) error {
	if _, err := f.Status(name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.requests = append(f.requests, name+": "+what+" by "+actor)
	return nil
}

// changed returns all requests, a line each.
func (f *fake) changed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.requests, "\n")
}

// clock is a clock that only advance moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func commit(c string) string { return strings.Repeat(c, 40) }

// tides has one site with three deployments: the last is live, the first is not
// retained.
func tides() *fake {
	deployed := func(n int, subject string) version.Deployment {
		id := fmt.Sprintf("20261121-11%02d00-abc%d", n, n)
		at := noon.Add(time.Duration(n-60) * time.Minute)
		return version.Deployment{ID: id, Version: "v" + id, Time: at, Commit: commit(fmt.Sprint(n)), Source: "commit",
			Percent: 100, Retained: true,
			Record: &version.Record{Deployment: id, Subject: subject, Author: "Grace", Actor: "push", Added: n, Changed: 2,
				Time: at}}
	}
	three, two, one := deployed(3, "Third subject"), deployed(2, "Second subject"), deployed(1, "First subject")
	three.Live, one.Retained = true, false
	return &fake{
		statuses: []daemon.Status{{
			Name: "tides", Remote: "https://git.example/tides.git", Branch: "main", Head: commit("3"), Live: commit("3"),
			Phase: daemon.PhaseIdle, Since: three.Time, Next: noon.Add(time.Minute),
			Runs: []daemon.Run{
				{Commit: commit("4"), Subject: "Broken", Author: "Grace", Actor: "push", Started: noon.Add(-time.Minute),
					Outcome: daemon.OutcomeFailed, Problem: "the network is down\nsecond line"},
				{Deployment: three.ID, Commit: commit("3"), Subject: "Third subject", Author: "Grace", Actor: "webhook-actor",
					Started: three.Time.Add(-2 * time.Second), Duration: 2 * time.Second, Outcome: daemon.OutcomeDeployed},
			},
		}},
		lists: map[string][]version.Deployment{"tides": {three, two, one}},
	}
}

const twoID, oneID, threeID = "20261121-110200-abc2", "20261121-110100-abc1", "20261121-110300-abc3"

// served is a page and a browser.
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

// browser returns a client with its own cookies that follows no redirect.
func (s *served) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// answer is a response and its body.
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

// send sends a request as a browser does. change may modify it.
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

// token returns the token of the session's forms.
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
