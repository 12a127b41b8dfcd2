package daemon_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/platform"
)

// A push is deployed after a request, and its run has the details.
func TestPushIsDeployed(t *testing.T) {
	o := newOrigin(t)
	one := o.push(map[string]string{"public/about.html": "about"})
	r := start(t, noPoll+siteOf(o))
	s := r.awaitLive(one)
	if s.Head != one || s.Branch != "main" || s.Remote != o.bare || s.Problem != "" || len(s.Runs) != 1 {
		t.Errorf("%+v", s)
	}
	if run := s.Runs[0]; run.Outcome != daemon.OutcomeDeployed || run.Commit != one || run.Subject != "change 1" ||
		run.Author != "Ada" ||
		run.Actor != "poll" || run.Added != 2 || run.Deployment == "" || run.Duration <= 0 {
		t.Errorf("%+v", run)
	}
	two := r.deploy(o, nil)
	s = r.awaitLive(two)
	if run := s.Runs[0]; run.Changed != 1 || run.Added != 0 || run.Actor != "push" {
		t.Errorf("%+v", run)
	}
	past := r.history("blog")
	if len(past) != 2 || past[0].Commit != two || past[0].Record == nil || past[0].Record.Actor != "push" ||
		past[0].Record.Subject != "change 2" {
		t.Errorf("%+v", past)
	}
}

// The branch is polled at the configured interval.
func TestPoll(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, "poll = \"1s\"\n"+siteOf(o, `branch = "main"`))
	s := r.awaitPhase(daemon.PhaseRetry) // nothing has been pushed yet
	if !strings.Contains(s.Problem, "no branch main") {
		t.Errorf("%q", s.Problem)
	}
	one := o.push(nil)
	r.awaitLive(one)
	two := o.push(nil)
	s = r.awaitLive(two)
	if s.Runs[0].Actor != "poll" {
		t.Errorf("%+v", s)
	}
	r.await("blog", "next poll", func(s daemon.Status) bool {
		return time.Until(s.Next) > 0 && time.Until(s.Next) <= time.Second
	})
	if n := len(r.runs("blog")); n != 2 {
		t.Errorf("%d runs for two pushes", n)
	}
}

// Of several pushes during a deploy, only the last is deployed after it.
func TestNewestWins(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, noPoll+siteOf(o))
	first := r.deploy(o, nil)

	reached, resume := r.blockUpload()
	slow := o.push(nil)
	r.poll("push")
	<-reached
	o.push(nil)
	r.poll("push")
	o.push(nil)
	r.poll("push")
	last := o.push(nil)
	r.poll("push")
	resume()
	r.awaitLive(last)
	var got []string
	for _, run := range r.runs("blog") {
		got = append(got, run.Commit)
	}
	if !slices.Equal(got, []string{first, slow, last}) {
		t.Errorf("deployed %v, want %v", got, []string{first, slow, last})
	}
	if past := r.history("blog"); past[0].Commit != last || len(past) != 3 {
		t.Errorf("%+v", past)
	}
}

// A failed request is tried again. After a used-up quota the next attempt is on the
// next day, also after a restart.
func TestRetry(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := newTestDaemon(t, noPoll+siteOf(o))
	// The platform has no quota, so a proxy adds one.
	var exhausted atomic.Bool
	api, err := url.Parse(r.p.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) {
		q.SetURL(&url.URL{Scheme: api.Scheme, Host: api.Host})
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if exhausted.Load() && q.Method == http.MethodPut {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"success":false,"errors":[{"code":10048,"message":"your account has reached the free `+
				`usage limit for this operation for today"}],"messages":[],"result":null}`)
			return
		}
		pass.ServeHTTP(w, q)
	}))
	t.Cleanup(front.Close)
	r.env = append(r.env, "CLOUDFLARE_API_BASE_URL="+front.URL+api.Path)

	var mu sync.Mutex
	down := 4
	r.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		mu.Lock()
		defer mu.Unlock()
		if down == 0 {
			return platform.Fault{}
		}
		down--
		return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
	})
	r.start()
	r.awaitLive(one)
	runs := r.runs("blog")
	if len(runs) < 3 || runs[0].Outcome != daemon.OutcomeFailed || runs[len(runs)-1].Outcome != daemon.OutcomeDeployed {
		t.Errorf("%+v", runs)
	}

	exhausted.Store(true)
	began := time.Now()
	o.push(nil)
	r.poll("push")
	quota := func() {
		t.Helper()
		s := r.awaitPhase(daemon.PhaseRetry)
		next := s.Next.UTC()
		if midnight := next.Truncate(24 * time.Hour); s.Live != one || midnight.Before(began) ||
			next.After(midnight.Add(10*time.Minute)) {
			t.Errorf("%+v", s)
		}
	}
	quota()
	before := len(r.runs("blog"))
	three := o.push(nil) // the quota is the account's, not the commit's
	r.poll("push")
	r.await("blog", "newer commit", func(s daemon.Status) bool {
		return s.Head == three && s.Phase == daemon.PhaseRetry
	})
	quota()
	if n := len(r.runs("blog")); n != before {
		t.Errorf("%d runs without a quota", n-before)
	}
	r.stop()
	r.start()
	r.await("blog", "fetch", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRetry })
	quota()
	if runs := r.runs("blog"); len(runs) != 0 {
		t.Errorf("a restart ignored the quota: %+v", runs)
	}
	exhausted.Store(false)
	r.poll("grace") // a person does not wait
	r.awaitLive(three)
}

// Files that must not be published are refused once for each commit.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	o.push(map[string]string{"public/.env": "", "public/id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"})
	r.poll("push")
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "id_rsa") || s.Live != one {
		t.Errorf("%+v", s)
	}
	r.pollAgain()
	if runs := r.runs("blog"); len(runs) != 2 {
		t.Errorf("%+v", runs)
	}
	remove(t, filepath.Join(o.dir, "public/id_rsa"))
	r.deploy(o, nil)
}

// A repository cannot override the name and the account of the daemon's configuration.
func TestRepositoryCannotChooseTheAccount(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{
		"kv-sync.toml": "name = \"other\"\naccount-id = \"" + strings.Repeat("f", 32) + "\"\nmemory = \"900GiB\"\n",
	})
	r := start(t, noPoll+siteOf(o))
	r.awaitLive(one)
	if past := r.history("blog"); len(past) != 1 {
		t.Errorf("%+v", past)
	}
	for _, q := range r.p.Server.Requests() {
		if strings.Contains(q.Path, "other") || strings.Contains(q.Path, "ffffffff") {
			t.Errorf("%s %s", q.Method, q.Path)
		}
	}
	o.push(map[string]string{"kv-sync.toml": "api-base-url = \"http://127.0.0.1:1\"\n"})
	r.poll("push")
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "api-base-url") || s.Live != one {
		t.Errorf("%+v", s)
	}
}

// A site in a folder of the repository is deployed with that folder's settings and
// code.
func TestRoot(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{
		"sites/blog/wrangler.toml": "name = \"x\"\nmain = \"src/worker.ts\"\n[assets]\ndirectory = \"html\"\n",
		"sites/blog/src/worker.ts": "import { greet } from '../../../shared/greet.ts'; import site from " +
			"'@kv-sync/worker/site'; " +
			"export default { fetch(r: Request, e: any, c: any) { greet(); return site.fetch(r, e, c) } }",
		"shared/greet.ts":        "export function greet() {}",
		"sites/blog/html/a.html": "a",
	})
	r := start(t, noPoll+siteOf(o, `root = "sites/blog"`))
	s := r.awaitLive(one)
	if s.Runs[0].Added != 1 {
		t.Errorf("%+v", s.Runs[0])
	}
}

// A project of a Dynamic Worker is deployed and rolled back like a site.
func TestProject(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, noPoll+siteOf(o, `project = "tides"`))
	r.awaitLive(one)
	two := r.deploy(o, nil)
	past := r.history("blog")
	if len(past) != 2 || past[0].Commit != two {
		t.Fatalf("%+v", past)
	}
	r.rollBack(past[1].ID)
	r.awaitPhase(daemon.PhaseHeld)
}

// A site that waits for a slot is idle, so that no alert fires.
func TestWaitingForASlotIsIdle(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	slowConf, hang := slowSite(t, slow)
	touch(t, hang)
	r := newTestDaemon(t, noPoll+slowConf+siteOf(o))
	o.down()
	r.start()
	r.await("slow", "build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	o.up()
	r.poll("push")
	s := r.await("blog", "wait for a slot", func(s daemon.Status) bool {
		return s.Head == one && s.Phase == daemon.PhaseIdle
	})
	if s.Live != "" {
		t.Errorf("%+v", s)
	}
	remove(t, hang)
	r.awaitLive(one)
}

// The subject of a run is limited.
func TestLongSubject(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, noPoll+siteOf(o))
	o.commit(nil)
	message := filepath.Join(t.TempDir(), "message")
	fill(t, filepath.Dir(message), map[string]string{"message": strings.Repeat("long ", 1<<18)})
	o.git(o.dir, "commit", "-q", "--amend", "-F", message)
	o.git(o.dir, "push", "-q", "--force", o.bare, "HEAD:refs/heads/main")
	r.poll("push")
	s := r.awaitLive(o.git(o.dir, "rev-parse", "HEAD"))
	if n := len(s.Runs[0].Subject); n < 1000 || n > 9000 {
		t.Errorf("%d bytes of a subject are stored", n)
	}
}
