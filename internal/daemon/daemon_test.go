package daemon_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
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

// A push is deployed as soon as somebody tells of it, and says what it changed.
func TestPushIsDeployed(t *testing.T) {
	o := newOrigin(t)
	one := o.push(map[string]string{"public/about.html": "about"})
	r := start(t, quiet+siteOf(o))
	s := r.awaitLive(one)
	if s.Head != one || s.Branch != "main" || s.Remote != o.bare || s.Problem != "" || len(s.Runs) != 1 {
		t.Errorf("%+v", s)
	}
	if run := s.Runs[0]; run.Outcome != daemon.OutcomeDeployed || run.Commit != one || run.Subject != "change 1" || run.Author != "Ada" ||
		run.Actor != "poll" || run.Added != 2 || run.Deployment == "" || run.Duration <= 0 {
		t.Errorf("%+v", run)
	}
	two := o.push(nil)
	r.look("push")
	s = r.awaitLive(two)
	if run := s.Runs[0]; run.Changed != 1 || run.Added != 0 || run.Actor != "push" {
		t.Errorf("%+v", run)
	}
	past := r.past("blog")
	if len(past) != 2 || past[0].Commit != two || past[0].Record == nil || past[0].Record.Actor != "push" || past[0].Record.Subject != "change 2" {
		t.Errorf("%+v", past)
	}
}

// Without anybody telling, the branch is looked at from time to time.
func TestPoll(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, "poll = \"1s\"\n"+siteOf(o, `branch = "main"`))
	s := r.awaitPhase(daemon.PhaseRetry) // nothing was pushed yet
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
	r.await("blog", "the next look", func(s daemon.Status) bool { return time.Until(s.Next) > 0 && time.Until(s.Next) <= time.Second })
	if n := len(r.seen.of("blog")); n != 2 {
		t.Errorf("%d runs for two pushes", n)
	}
}

// What is pushed while a deploy is under way is deployed after it, and of several
// pushes the last alone.
func TestNewestWins(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, quiet+siteOf(o))
	first := o.push(nil)
	r.look("push")
	r.awaitLive(first)

	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.p.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Kind == "kv.bulk.put" {
			once.Do(func() { close(reached); <-goOn })
		}
		return platform.Fault{}
	})
	slow := o.push(nil)
	r.look("push")
	<-reached
	o.push(nil)
	r.look("push")
	o.push(nil)
	r.look("push")
	last := o.push(nil)
	r.look("push")
	close(goOn)
	r.awaitLive(last)
	var got []string
	for _, run := range r.seen.of("blog") {
		got = append(got, run.Commit)
	}
	if !slices.Equal(got, []string{first, slow, last}) {
		t.Errorf("deployed %v, want %v", got, []string{first, slow, last})
	}
	if past := r.past("blog"); past[0].Commit != last || len(past) != 3 {
		t.Errorf("%+v", past)
	}
}

// What the account refuses for a while is tried again; an exhausted quota only
// when the day is over, also by a daemon that was started again.
func TestRetry(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := newRig(t, quiet+siteOf(o))
	// The platform has no quota, so one stands before it.
	var exhausted atomic.Bool
	api, err := url.Parse(r.p.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(q *httputil.ProxyRequest) { q.SetURL(&url.URL{Scheme: api.Scheme, Host: api.Host}) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if exhausted.Load() && q.Method == http.MethodPut {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"success":false,"errors":[{"code":10048,"message":"your account has reached the free usage limit for this operation for today"}],"messages":[],"result":null}`)
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
	runs := r.seen.of("blog")
	if len(runs) < 3 || runs[0].Outcome != daemon.OutcomeFailed || runs[len(runs)-1].Outcome != daemon.OutcomeDeployed {
		t.Errorf("%+v", runs)
	}

	exhausted.Store(true)
	began := time.Now()
	o.push(nil)
	r.look("push")
	quota := func() {
		t.Helper()
		s := r.awaitPhase(daemon.PhaseRetry)
		next := s.Next.UTC()
		if midnight := next.Truncate(24 * time.Hour); s.Live != one || midnight.Before(began) || next.After(midnight.Add(10*time.Minute)) {
			t.Errorf("%+v", s)
		}
	}
	quota()
	before := len(r.seen.of("blog"))
	three := o.push(nil) // a newer commit has no more quota than an older one
	r.look("push")
	r.await("blog", "the newer commit", func(s daemon.Status) bool { return s.Head == three && s.Phase == daemon.PhaseRetry })
	quota()
	if n := len(r.seen.of("blog")); n != before {
		t.Errorf("%d runs without a quota", n-before)
	}
	r.stop()
	r.start()
	r.await("blog", "a fetch", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRetry })
	quota()
	if runs := r.seen.of("blog"); len(runs) != 0 {
		t.Errorf("a new daemon tried at once: %+v", runs)
	}
	exhausted.Store(false)
	r.look("grace") // who paid for more asks
	r.awaitLive(three)
}

// Files that must not be published are refused once, whoever looks, until somebody
// pushes something better.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.push(map[string]string{"public/.env": "", "public/id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"})
	r.look("push")
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "id_rsa") || s.Live != one {
		t.Errorf("%+v", s)
	}
	r.settled()
	if runs := r.seen.of("blog"); len(runs) != 2 {
		t.Errorf("%+v", runs)
	}
	if err := os.Remove(filepath.Join(o.dir, "public/id_rsa")); err != nil {
		t.Fatal(err)
	}
	r2 := o.push(nil)
	r.look("push")
	r.awaitLive(r2)
}

// A repository may not say where it is deployed to, nor by which name, where the
// daemon does.
func TestRepositoryDoesNotChoose(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"kv-sync.toml": "name = \"other\"\naccount-id = \"ffffffffffffffffffffffffffffffff\"\nmemory = \"900GiB\"\n"})
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	if past := r.past("blog"); len(past) != 1 {
		t.Errorf("%+v", past)
	}
	for _, q := range r.p.Server.Requests() {
		if strings.Contains(q.Path, "other") || strings.Contains(q.Path, "ffffffff") {
			t.Errorf("%s %s", q.Method, q.Path)
		}
	}
	o.push(map[string]string{"kv-sync.toml": "api-base-url = \"http://127.0.0.1:1\"\n"})
	r.look("push")
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "api-base-url") || s.Live != one {
		t.Errorf("%+v", s)
	}
}

// A site in a folder of the repository, with code of its own, is deployed from the
// commit, and its settings are the folder's.
func TestRoot(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{
		"sites/blog/wrangler.toml": "name = \"x\"\nmain = \"src/worker.ts\"\n[assets]\ndirectory = \"html\"\n",
		"sites/blog/src/worker.ts": "import { greet } from '../../../shared/greet.ts'; import site from '@kv-sync/worker/site'; export default { fetch(r: Request, e: any, c: any) { greet(); return site.fetch(r, e, c) } }",
		"shared/greet.ts":          "export function greet() {}",
		"sites/blog/html/a.html":   "a",
	})
	r := start(t, quiet+siteOf(o, `root = "sites/blog"`))
	s := r.awaitLive(one)
	if s.Runs[0].Added != 1 {
		t.Errorf("%+v", s.Runs[0])
	}
}

// A project of a Dynamic Worker is a site, too.
func TestProject(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o, `project = "tides"`))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	past := r.past("blog")
	if len(past) != 2 || past[0].Commit != two {
		t.Fatalf("%+v", past)
	}
	if err := r.Rollback(t.Context(), "blog", past[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitPhase(daemon.PhaseHeld)
}

// A site that waits for a place, behind one whose build takes long, is not at
// anything: nobody need be woken for it.
func TestWaitingForAPlace(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	hang := filepath.Join(t.TempDir(), "hang")
	fill(t, filepath.Dir(hang), map[string]string{"hang": ""})
	r := newRig(t, quiet+"parallel = 1\n[[site]]\nname = \"slow\"\nremote = \""+slow.bare+"\"\nbuild = \"while test -e "+hang+"; do sleep 0.02; done\"\n"+siteOf(o))
	gone := o.bare + ".gone"
	if err := os.Rename(o.bare, gone); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.await("slow", "its build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	if err := os.Rename(gone, o.bare); err != nil {
		t.Fatal(err)
	}
	r.look("push")
	if s := r.await("blog", "its turn", func(s daemon.Status) bool { return s.Head == one && s.Phase == daemon.PhaseIdle }); s.Live != "" {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(one)
}

// What a commit says of itself fits into what is remembered, however much it is.
func TestLongSubject(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, quiet+siteOf(o))
	o.commit(nil)
	message := filepath.Join(t.TempDir(), "message")
	fill(t, filepath.Dir(message), map[string]string{"message": strings.Repeat("long ", 1<<18)})
	o.git(o.dir, "commit", "-q", "--amend", "-F", message)
	o.git(o.dir, "push", "-q", "--force", o.bare, "HEAD:refs/heads/main")
	r.look("push")
	s := r.awaitLive(o.git(o.dir, "rev-parse", "HEAD"))
	if n := len(s.Runs[0].Subject); n < 1000 || n > 9000 {
		t.Errorf("%d bytes of a subject are remembered", n)
	}
}
