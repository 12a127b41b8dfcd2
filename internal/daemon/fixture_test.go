package daemon_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// origin is a repository that people push to, with real git.
type origin struct {
	t         *testing.T
	bare, dir string
	n         int
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	base := t.TempDir()
	o := &origin{t: t, bare: filepath.Join(base, "site.git"), dir: filepath.Join(base, "work")}
	o.git(base, "init", "-q", "--bare", "-b", "main", o.bare)
	o.git(base, "init", "-q", "-b", "main", o.dir)
	return o
}

func (o *origin) git(dir string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commit makes a commit, with a page that says which it is, and returns its id.
func (o *origin) commit(files map[string]string) string {
	o.t.Helper()
	o.n++
	fill(o.t, o.dir, map[string]string{"public/index.html": fmt.Sprint("page ", o.n)})
	fill(o.t, o.dir, files)
	o.git(o.dir, "add", "-A")
	o.git(o.dir, "commit", "-q", "-m", fmt.Sprint("change ", o.n))
	return o.git(o.dir, "rev-parse", "HEAD")
}

// push commits and pushes.
func (o *origin) push(files map[string]string) string {
	o.t.Helper()
	id := o.commit(files)
	o.git(o.dir, "push", "-q", "--force", o.bare, "HEAD:refs/heads/main")
	return id
}

// seen counts what the daemon does.
type seen struct {
	mu      sync.Mutex
	runs    map[string][]daemon.Run
	fetches map[string]int
}

func (s *seen) Ran(site string, r daemon.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[site] = append(s.runs[site], r)
}

func (s *seen) Fetched(site string, _ time.Duration, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches[site]++
}

func (s *seen) fetched(site string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches[site]
}

// of lists a site's runs, the oldest first.
func (s *seen) of(site string) []daemon.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]daemon.Run(nil), s.runs[site]...)
}

// rig is a daemon with the local platform.
type rig struct {
	*daemon.Daemon
	t     *testing.T
	p     *platformtest.Fixture
	state string
	seen  *seen
	log   *logged
	env   []string
	conf  string
	stop  func()
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// siteOf is the configuration of a site "blog" that follows an origin.
func siteOf(o *origin, more ...string) string {
	return fmt.Sprintf("[[site]]\nname = \"blog\"\nremote = %q\n%s\n", o.bare, strings.Join(more, "\n"))
}

// quiet is a daemon that looks when it is asked to, and at the start.
const quiet = "poll = \"0\"\n"

// newRig makes a platform and a state folder, for a daemon with a configuration.
func newRig(t *testing.T, conf string) *rig {
	t.Helper()
	r := &rig{t: t, p: platformtest.Start(t), state: filepath.Join(t.TempDir(), "state"), conf: conf}
	r.env = append(os.Environ(), "CLOUDFLARE_API_TOKEN="+r.p.Token, "CLOUDFLARE_ACCOUNT_ID="+r.p.AccountID, "CLOUDFLARE_API_BASE_URL="+r.p.BaseURL,
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GITHUB_TOKEN=", "GITHUB_REPOSITORY=")
	t.Cleanup(func() {
		if t.Failed() && r.log != nil {
			t.Log(r.log)
		}
	})
	return r
}

// start is newRig, and starts the daemon.
func start(t *testing.T, conf string) *rig {
	t.Helper()
	r := newRig(t, conf)
	r.start()
	return r
}

func (r *rig) getenv(name string) string {
	for _, pair := range slices.Backward(r.env) { // the last one counts
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (r *rig) open() (*daemon.Daemon, error) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "daemon.toml")
	fill(r.t, filepath.Dir(file), map[string]string{"daemon.toml": fmt.Sprintf("state = %q\n", r.state) + r.conf})
	cfg, err := daemon.LoadConfig(file, r.getenv, webhook.ForgeNames())
	if err != nil {
		r.t.Fatal(err)
	}
	r.log, r.seen = &logged{}, &seen{runs: map[string][]daemon.Run{}, fetches: map[string]int{}}
	return daemon.Open(cfg, daemon.Options{
		Environ: r.env, Observer: r.seen, FirstRetry: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

// start starts the daemon, also again after stop.
func (r *rig) start() {
	r.t.Helper()
	d, err := r.open()
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	var once sync.Once
	r.Daemon = d
	r.stop = func() {
		once.Do(func() {
			cancel()
			<-done
			if err := d.Close(); err != nil {
				r.t.Error(err)
			}
		})
	}
	r.t.Cleanup(r.stop)
}

// hangLimit only bounds a hang: no test's outcome depends on it.
const hangLimit = 2 * time.Minute

// stopsAtOnce stops the daemon in the middle of what would last for longer than the
// limit.
func (r *rig) stopsAtOnce() {
	r.t.Helper()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	select {
	case <-stopped:
	case <-time.After(hangLimit):
		r.t.Fatal("it does not stop")
	}
}

// await waits until a site's status is as it is wanted.
func (r *rig) await(site, what string, want func(daemon.Status) bool) daemon.Status {
	r.t.Helper()
	end := time.Now().Add(hangLimit)
	for {
		s, err := r.Status(site)
		if err != nil {
			r.t.Fatal(err)
		}
		if want(s) {
			return s
		}
		if time.Now().After(end) {
			s.Runs = s.Runs[:min(len(s.Runs), 2)]
			r.t.Fatalf("%s: waited for %s, and it is %+v", site, what, s)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// awaitLive waits until a commit was deployed and nothing is under way.
func (r *rig) awaitLive(commit string) daemon.Status {
	r.t.Helper()
	return r.await("blog", "commit "+commit, func(s daemon.Status) bool { return s.Live == commit && s.Phase == daemon.PhaseIdle })
}

func (r *rig) awaitPhase(p daemon.Phase) daemon.Status {
	r.t.Helper()
	return r.await("blog", string(p), func(s daemon.Status) bool { return s.Phase == p })
}

func (r *rig) look(actor string) {
	r.t.Helper()
	if err := r.Look("blog", actor); err != nil {
		r.t.Fatal(err)
	}
}

// past is what the platform says was deployed, the newest first.
func (r *rig) past(site string) []kvsync.Deployment {
	r.t.Helper()
	list, err := r.Deployments(r.t.Context(), site)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// settled gives a daemon time to do what it must not do.
func (r *rig) settled() {
	r.t.Helper()
	before := r.seen.fetched("blog")
	r.look("push")
	r.await("blog", "a fetch", func(s daemon.Status) bool {
		return r.seen.fetched("blog") > before && s.Phase != daemon.PhaseFetch && s.Phase != daemon.PhaseDeploy && s.Phase != daemon.PhaseBuild
	})
}

// importStream makes commits in one go, and writes their ids to marks.
func importStream(t *testing.T, dir, stream, marks string) {
	t.Helper()
	cmd := exec.Command("git", "fast-import", "--quiet", "--force", "--export-marks="+marks)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
