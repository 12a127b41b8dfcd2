package daemon_test

import (
	"context"
	"errors"
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

// A rollback holds what it left back, also over a new start, until somebody
// pushes or releases it.
func TestRollbackHolds(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	target := r.past("blog")[1]
	if err := r.Rollback(t.Context(), "blog", target.ID, "grace"); err != nil {
		t.Fatal(err)
	}
	s, _ := r.Status("blog")
	if s.Phase != daemon.PhaseHeld || s.Live != one || s.Head != two || !strings.Contains(s.Problem, "grace") ||
		s.Runs[0].Outcome != daemon.OutcomeRolledBack || s.Runs[0].Actor != "grace" || s.Runs[0].Commit != one || s.Runs[0].Subject != "change 1" {
		t.Fatalf("%+v", s)
	}
	if past := r.past("blog"); past[0].Commit != one || !past[0].Rollback || past[0].Hold != two {
		t.Fatalf("%+v", past[0])
	}
	r.settled()
	if n := len(r.seen.of("blog")); n != 3 {
		t.Errorf("a look at a branch that did not move made a run: %+v", r.seen.of("blog"))
	}

	// A new daemon tries, for it may be that somebody released it elsewhere.
	r.stop()
	r.start()
	s = r.awaitPhase(daemon.PhaseHeld)
	if !strings.Contains(s.Problem, "release it") || s.Runs[0].Outcome != daemon.OutcomeHeld || r.past("blog")[0].Commit != one {
		t.Errorf("%+v", s)
	}
	r.look("grace") // a person asks: it is held all the same
	r.await("blog", "another try", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 2 && s.Phase == daemon.PhaseHeld })

	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(two)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	three := o.push(nil)
	r.look("push")
	r.awaitLive(three)
}

func TestRollbackThatIsRefused(t *testing.T) {
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	err := r.Rollback(t.Context(), "blog", "20200101-000000-00000000", "grace")
	if err == nil || strings.Contains(err.Error(), "--to") {
		t.Errorf("got %v", err)
	}
	if s, _ := r.Status("blog"); s.Phase != daemon.PhaseIdle || s.Live != one || s.Runs[0].Outcome != daemon.OutcomeRefused {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{r.Rollback(t.Context(), "none", "", ""), r.Look("none", ""), r.Release("none", "")} {
		if !errors.Is(err, daemon.ErrNoSite) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Rollback(ctx, "blog", "", "grace"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.stop()
	if err := r.Rollback(t.Context(), "blog", "", "grace"); !errors.Is(err, daemon.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// A branch that is forced elsewhere is followed, though what is live is in it no
// more; one that is forced back to what was live before is not, for that is a
// rollback, and those have a button.
func TestForcePush(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.push(nil)
	r.look("push")
	r.await("blog", "the second", func(s daemon.Status) bool { return s.Live == s.Head && s.Live != one && s.Phase == daemon.PhaseIdle })
	o.git(o.dir, "reset", "-q", "--hard", one)
	other := o.push(nil)
	r.look("push")
	r.awaitLive(other)

	// Nothing of the old history is lost while runs are about it.
	o.git(o.dir, "checkout", "-q", "--orphan", "anew")
	orphan := o.push(nil)
	r.look("push")
	r.awaitLive(orphan)

	o.git(o.dir, "push", "-q", "--force", o.bare, one+":refs/heads/main")
	r.look("push")
	r.awaitPhase(daemon.PhaseIdle)
	o.git(o.dir, "checkout", "-q", "-B", "main", orphan)
	newest := o.push(nil)
	r.look("push")
	r.awaitLive(newest)
	o.git(o.dir, "push", "-q", "--force", o.bare, orphan+":refs/heads/main")
	r.look("push")
	if s := r.awaitPhase(daemon.PhaseRefused); s.Live != newest || !strings.Contains(s.Problem, "older") || strings.Contains(s.Problem, "--any-order") {
		t.Errorf("%+v", s)
	}
	runs := len(r.seen.of("blog"))
	r.settled()
	if len(r.seen.of("blog")) != runs {
		t.Error("a commit that is refused was tried again unasked")
	}
	r.look("grace")
	r.await("blog", "a try that was asked for", func(s daemon.Status) bool {
		return len(r.seen.of("blog")) == runs+1 && s.Phase == daemon.PhaseRefused
	})
}

// A branch that is gone changes nothing, and is followed again when it is back.
func TestBranchIsDeleted(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	o.git(o.bare, "update-ref", "-d", "refs/heads/main")
	before := len(r.p.Server.Requests())
	r.look("push")
	s := r.awaitPhase(daemon.PhaseRetry)
	if s.Live != one || !strings.Contains(s.Problem, "no such branch") {
		t.Errorf("%+v", s)
	}
	r.settled()
	if n := len(r.p.Server.Requests()); n != before {
		t.Errorf("%d requests for a branch that is gone", n-before)
	}
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	if past := r.past("blog"); past[0].Commit != two || len(past) != 2 {
		t.Errorf("%+v", past)
	}
}

// A remote that is down is tried again by itself, and a site that is refused is
// not, but both go on as soon as they can.
func TestRemoteIsDown(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	gone := o.bare + ".gone"
	if err := os.Rename(o.bare, gone); err != nil {
		t.Fatal(err)
	}
	r := start(t, quiet+siteOf(o))
	s := r.await("blog", "some tries", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRetry && r.seen.fetched("blog") > 2 })
	if s.Problem == "" || s.Next.IsZero() || len(s.Runs) != 0 {
		t.Errorf("%+v", s)
	}
	if err := os.Rename(gone, o.bare); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(one)
	if n := strings.Count(r.log.String(), "could not be fetched"); n != 1 {
		t.Errorf("it was said %d times", n)
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
	o.push(nil)
	r.look("push")
	quota := func() {
		t.Helper()
		s := r.awaitPhase(daemon.PhaseRetry)
		next := s.Next.UTC()
		midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		if s.Live != one || next.Before(midnight) || next.After(midnight.Add(10*time.Minute)) {
			t.Errorf("%+v", s)
		}
	}
	quota()
	three := o.push(nil) // a newer commit has no more quota than an older one
	r.look("push")
	r.await("blog", "the newer commit", func(s daemon.Status) bool { return s.Head == three && s.Phase == daemon.PhaseRetry })
	quota()
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

// A daemon that is stopped in the middle of a deploy says so, and the next one
// finishes it.
func TestStop(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, quiet+siteOf(o))
	r.awaitPhase(daemon.PhaseRetry)
	one := o.push(nil)
	r.look("push")
	r.awaitLive(one)
	reached := make(chan struct{})
	var once sync.Once
	r.p.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Kind != "kv.bulk.put" {
			return platform.Fault{}
		}
		once.Do(func() { close(reached) })
		return platform.Fault{Kind: platform.FaultHang}
	})
	two := o.push(nil)
	r.look("push")
	<-reached
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	r.p.Server.SetFault(nil)
	r.start()
	s := r.awaitLive(two)
	if s.Runs[1].Outcome != daemon.OutcomeInterrupted || s.Runs[1].Commit != two || s.Runs[0].Outcome != daemon.OutcomeDeployed {
		t.Errorf("%+v", s.Runs)
	}
}

// Two daemons do not share a state folder.
func TestTwoDaemons(t *testing.T) {
	r := start(t, quiet+siteOf(newOrigin(t)))
	if _, err := r.open(); !errors.Is(err, daemon.ErrRunning) || !strings.Contains(err.Error(), r.state) {
		t.Errorf("got %v", err)
	}
	r.stop()
	d, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// State that cannot be read is put aside, and nothing is lost by that: not a push,
// and not the hold of a rollback. State of a site that is not configured stays.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	r.stop()
	site := filepath.Join(r.state, "sites", "blog")
	for i, damage := range []string{"", "{", `{"format":99}`, `{"format":1,"runs":7}`, "\x00\x00\x00"} {
		fill(t, r.state, map[string]string{"sites/gone/state.json": "mine", "deliveries": "\x00 no line\n"})
		fill(t, site, map[string]string{"state.json": damage})
		r.start()
		s := r.awaitPhase(daemon.PhaseHeld)
		if len(s.Runs) != 1 || s.Head != two || !strings.Contains(r.log.String(), "put aside") {
			t.Errorf("%+v", s)
		}
		if aside, _ := filepath.Glob(filepath.Join(site, "state.json.damaged-*")); len(aside) != i+1 {
			t.Errorf("put aside are %v", aside)
		}
		r.stop()
	}
	if b, err := os.ReadFile(filepath.Join(r.state, "sites/gone/state.json")); err != nil || string(b) != "mine" {
		t.Errorf("the state of another site is %q, %v", b, err)
	}
}

// The mirror is not what matters: whatever becomes of it, it is cloned anew.
func TestDamagedMirror(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, mirror string){
		"a lock of a git that was killed": func(t *testing.T, mirror string) {
			fill(t, mirror, map[string]string{"refs/heads/main.lock": "", "packed-refs.lock": ""})
		},
		"no objects": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(filepath.Join(mirror, "objects")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(mirror, "objects"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a pack that is cut short": func(t *testing.T, mirror string) {
			packs, _ := filepath.Glob(filepath.Join(mirror, "objects/pack/*.pack"))
			if len(packs) == 0 {
				t.Fatal("there is no pack")
			}
			for _, pack := range packs {
				if err := os.Chmod(pack, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(pack, 40); err != nil {
					t.Fatal(err)
				}
			}
		},
		"no mirror at all": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
		},
		"a file in its place": func(t *testing.T, mirror string) {
			if err := os.RemoveAll(mirror); err != nil {
				t.Fatal(err)
			}
			fill(t, filepath.Dir(mirror), map[string]string{"mirror.git": "x"})
		},
		"what is left of a clone": func(t *testing.T, mirror string) {
			if err := os.Rename(mirror, mirror+".new"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			for range 3 {
				o.push(nil)
			}
			r := start(t, quiet+siteOf(o))
			r.await("blog", "the first", func(s daemon.Status) bool { return s.Live != "" && s.Phase == daemon.PhaseIdle })
			r.stop()
			damage(t, filepath.Join(r.state, "sites/blog/mirror.git"))
			last := o.push(nil)
			r.start()
			r.awaitLive(last)
		})
	}
}

// A site whose remote is another one now is deployed from that one.
func TestRemoteIsAnother(t *testing.T) {
	first, second := newOrigin(t), newOrigin(t)
	one := first.push(nil)
	r := start(t, quiet+siteOf(first))
	r.awaitLive(one)
	r.stop()
	first.git(second.dir, "pull", "-q", first.bare, "main")
	second.n = 10
	two := second.push(nil)
	r.conf = quiet + siteOf(second)
	r.start()
	r.awaitLive(two)
}

// A start at which nothing changed asks the account nothing; one with other
// settings of the site deploys by them.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"other/index.html": "other"})
	r := start(t, quiet+siteOf(o, `dir = "public"`))
	r.awaitLive(one)
	r.stop()
	r.p.Server.ResetRequests()
	r.start()
	r.await("blog", "a fetch", func(s daemon.Status) bool { return r.seen.fetched("blog") == 1 && s.Phase == daemon.PhaseIdle })
	if n := len(r.p.Server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	r.stop()
	r.conf = quiet + siteOf(o, `dir = "other"`)
	r.start()
	r.await("blog", "a run", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 1 && s.Phase == daemon.PhaseIdle })
	if past := r.past("blog"); len(past) != 2 {
		t.Errorf("%+v", past)
	}
}
