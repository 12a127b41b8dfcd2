package daemon_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// recorder is an observer that keeps everything.
type recorder struct {
	mu      sync.Mutex
	runs    map[string][]daemon.Run
	fetches map[string]int
	// fetched is called after a fetch, before what follows. It may be nil.
	fetched func()
}

func (rec *recorder) Ran(site string, r daemon.Run) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.runs[site] = append(rec.runs[site], r)
}

func (rec *recorder) Fetched(site string, _ time.Duration, _ error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.fetches[site]++
	if rec.fetched != nil {
		rec.fetched()
	}
}

// testDaemon is a daemon and the local platform that it deploys to.
type testDaemon struct {
	*daemon.Daemon
	t        *testing.T
	p        *platformtest.Fixture
	state    string
	recorder *recorder
	// fetched is called after each fetch, before what follows. It may be nil.
	fetched func()
	log     *syncBuffer
	env     []string
	conf    string
	stop    func()
}

// syncBuffer is a buffer that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// siteOf returns the configuration of a site "blog" that follows an origin.
func siteOf(o *origin, more ...string) string {
	return fmt.Sprintf("[[site]]\nname = \"blog\"\nremote = %q\n%s\n", o.bare, strings.Join(more, "\n"))
}

// noPoll configures a daemon that polls only at the start and on request.
const noPoll = "poll = \"0\"\n"

// newTestDaemon makes a platform and a state folder. It does not start the daemon.
func newTestDaemon(t *testing.T, conf string) *testDaemon {
	t.Helper()
	r := &testDaemon{t: t, p: platformtest.Start(t), state: filepath.Join(t.TempDir(), "state"), conf: conf}
	r.env = append(os.Environ(), "CLOUDFLARE_API_TOKEN="+r.p.Token, "CLOUDFLARE_ACCOUNT_ID="+r.p.AccountID,
		"CLOUDFLARE_API_BASE_URL="+r.p.BaseURL,
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GITHUB_TOKEN=", "GITHUB_REPOSITORY=")
	t.Cleanup(func() {
		if t.Failed() && r.log != nil {
			t.Log(r.log)
		}
	})
	return r
}

// start makes and starts a daemon.
func start(t *testing.T, conf string) *testDaemon {
	t.Helper()
	r := newTestDaemon(t, conf)
	r.start()
	return r
}

// startLive pushes a commit and starts a daemon that deploys it.
func startLive(t *testing.T, o *origin, settings ...string) (r *testDaemon, commit string) {
	t.Helper()
	commit = o.push(nil)
	r = start(t, noPoll+siteOf(o, settings...))
	r.awaitLive(commit)
	return r, commit
}

// deploy pushes a commit, as a webhook reports it, and waits until it is live.
func (td *testDaemon) deploy(o *origin, files map[string]string) (commit string) {
	td.t.Helper()
	commit = o.push(files)
	td.poll("push")
	td.awaitLive(commit)
	return commit
}

func (td *testDaemon) rollBack(deployment string) {
	td.t.Helper()
	if err := td.Rollback(td.t.Context(), "blog", deployment, "grace"); err != nil {
		td.t.Fatal(err)
	}
}

// blockUpload makes the next upload wait for resume. reached is closed when it waits.
func (td *testDaemon) blockUpload() (reached <-chan struct{}, resume func()) {
	at, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	td.p.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Kind == "kv.bulk.put" {
			once.Do(func() { close(at); <-goOn })
		}
		return platform.Fault{}
	})
	return at, func() { close(goOn) }
}

// slowSite returns the configuration of a site "slow" whose build lasts while a file
// exists, and that file. With parallel = 1 other sites wait for the build.
func slowSite(t *testing.T, o *origin) (conf, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "slow")
	return fmt.Sprintf("parallel = 1\n[[site]]\nname = \"slow\"\nremote = %q\nbuild = \"while test -e %s; do sleep "+
		"0.02; done\"\n",
		o.bare, file), file
}

func touch(t *testing.T, file string) {
	t.Helper()
	fill(t, filepath.Dir(file), map[string]string{filepath.Base(file): ""})
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

// stateFile returns a path in the state folder of the site "blog".
func (td *testDaemon) stateFile(name string) string {
	return filepath.Join(td.state, "sites", "blog", name)
}

// runs returns a site's runs since the start of the daemon, the oldest first.
func (td *testDaemon) runs(site string) []daemon.Run {
	td.recorder.mu.Lock()
	defer td.recorder.mu.Unlock()
	return slices.Clone(td.recorder.runs[site])
}

// fetches returns how often a site was fetched since the start of the daemon.
func (td *testDaemon) fetches(site string) int {
	td.recorder.mu.Lock()
	defer td.recorder.mu.Unlock()
	return td.recorder.fetches[site]
}

func (td *testDaemon) getenv(name string) string {
	for _, pair := range slices.Backward(td.env) { // the last value counts
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (td *testDaemon) open() (*daemon.Daemon, error) {
	td.t.Helper()
	file := filepath.Join(td.t.TempDir(), "daemon.toml")
	fill(td.t, filepath.Dir(file), map[string]string{"daemon.toml": fmt.Sprintf("state = %q\n", td.state) + td.conf})
	cfg, err := daemon.LoadConfig(file, td.getenv, webhook.ForgeNames())
	if err != nil {
		td.t.Fatal(err)
	}
	td.log, td.recorder = &syncBuffer{}, &recorder{runs: map[string][]daemon.Run{}, fetches: map[string]int{},
		fetched: td.fetched}
	d := daemon.New(cfg, daemon.Options{
		Environ: td.env, Observer: td.recorder, FirstRetry: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(td.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return d, d.Open()
}

// start starts the daemon. After stop it can be called again.
func (td *testDaemon) start() {
	td.t.Helper()
	d, err := td.open()
	if err != nil {
		td.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	var once sync.Once
	td.Daemon = d
	td.stop = func() {
		once.Do(func() {
			cancel()
			<-done
			if err := d.Close(); err != nil {
				td.t.Error(err)
			}
		})
	}
	td.t.Cleanup(td.stop)
}

// hangLimit ends a test that hangs. No result depends on it.
const hangLimit = 2 * time.Minute

// stopsAtOnce stops the daemon while it does something that lasts longer than the
// limit.
func (td *testDaemon) stopsAtOnce() {
	td.t.Helper()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		td.stop()
	}()
	select {
	case <-stopped:
	case <-time.After(hangLimit):
		td.t.Fatal("the daemon does not stop")
	}
}

// await waits until a site has the wanted status.
func (td *testDaemon) await(site, what string, want func(daemon.Status) bool) daemon.Status {
	td.t.Helper()
	end := time.Now().Add(hangLimit)
	for {
		s, err := td.Status(site)
		if err != nil {
			td.t.Fatal(err)
		}
		if want(s) {
			return s
		}
		if time.Now().After(end) {
			s.Runs = s.Runs[:min(len(s.Runs), 2)]
			td.t.Fatalf("%s: no %s; the status is %+v", site, what, s)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// awaitLive waits until a commit is live and the site is idle.
func (td *testDaemon) awaitLive(commit string) daemon.Status {
	td.t.Helper()
	return td.await("blog", "commit "+commit, func(s daemon.Status) bool {
		return s.Live == commit && s.Phase == daemon.PhaseIdle
	})
}

func (td *testDaemon) awaitPhase(p daemon.Phase) daemon.Status {
	td.t.Helper()
	return td.await("blog", string(p), func(s daemon.Status) bool { return s.Phase == p })
}

// poll requests a poll of the site "blog".
func (td *testDaemon) poll(actor string) {
	td.t.Helper()
	if err := td.Poll("blog", actor); err != nil {
		td.t.Fatal(err)
	}
}

// history returns the platform's deployments, the newest first.
func (td *testDaemon) history(site string) []version.Deployment {
	td.t.Helper()
	list, err := td.Deployments(td.t.Context(), site)
	if err != nil {
		td.t.Fatal(err)
	}
	return list
}

// pollAgain requests a poll and waits for it, so that the daemon can do what it must
// not do.
func (td *testDaemon) pollAgain() {
	td.t.Helper()
	before := td.fetches("blog")
	td.poll("push")
	td.await("blog", "a fetch", func(s daemon.Status) bool {
		return td.fetches("blog") > before && s.Phase != daemon.PhaseFetch && s.Phase != daemon.PhaseDeploy &&
			s.Phase != daemon.PhaseBuild
	})
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
