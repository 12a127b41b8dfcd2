package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// beforeOrigins is the last commit whose deployments have no origin.
const beforeOrigins = "1e188f2"

// A site that an older release deployed can be deployed by this release, and after that by the
// older one again.
func TestUpgrade(t *testing.T) {
	older := buildAt(t, beforeOrigins)
	newer, err := exec.LookPath("kv-sync")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]func(*upgrade){
		"a tracked site":          (*upgrade).tracked,
		"a build that is ignored": (*upgrade).built,
		"a site without a name":   (*upgrade).unnamed,
		"the older one prunes":    (*upgrade).prunedByOlder,
	} {
		t.Run(name, func(t *testing.T) {
			u := &upgrade{T: t, older: older, newer: newer, home: t.TempDir(), repo: t.TempDir()}
			u.p = platformtest.Start(t)
			u.git("init", "--quiet", "--initial-branch", "main", ".")
			test(u)
		})
	}
}

// buildAt builds the command from the sources of a commit, once for each release of Go: the user's
// cache folder keeps it. The build works offline, because the commit needs no modules that the
// current one does not need.
func buildAt(t *testing.T, commit string) string {
	t.Helper()
	const top = "../.."
	if out, err := exec.CommandContext(t.Context(), "git", "-C", top, "cat-file", "-e",
		commit+"^{commit}").CombinedOutput(); err != nil {
		t.Skipf("the sources of %s are not in this clone; git fetch --unshallow brings them (%v: %s)", commit, err, out)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "kv-sync")
	binary := filepath.Join(cache, fmt.Sprintf("kv-sync-%s-%s-%s", commit, runtime.Version(), runtime.GOARCH))
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "release-tmp-") // beside the binary, which is renamed into place
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in a cache folder is harmless
	buildIn(t, dir, top, commit)
	if err := os.Rename(filepath.Join(dir, "kv-sync"), binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// buildIn builds the command in a folder from the sources of a commit of the repository top.
func buildIn(t *testing.T, dir, top, commit string) {
	t.Helper()
	sources := filepath.Join(dir, "sources")
	if err := os.Mkdir(sources, 0o755); err != nil {
		t.Fatal(err)
	}
	tar := filepath.Join(dir, "sources.tar")
	git(t, top, "archive", "--output", tar, commit)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "kv-sync"), "./cmd/kv-sync")
	build.Dir = sources
	build.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	for _, cmd := range []*exec.Cmd{exec.CommandContext(t.Context(), "tar", "-xf", tar, "-C", sources), build} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
}

// upgrade is a platform and a repository that two releases of the command use.
type upgrade struct {
	*testing.T
	p                        *platformtest.Fixture
	older, newer, repo, home string
	vars                     map[string]string // further environment variables
	behind                   atomic.Int64      // how far the clock of the proxied API is behind, in nanoseconds
}

func (u *upgrade) git(args ...string) string {
	u.Helper()
	return strings.TrimSpace(git(u.T, u.repo, args...))
}

// commit commits the text of the page, and returns the commit.
func (u *upgrade) commit(page string) string {
	u.Helper()
	write(u.T, filepath.Join(u.repo, "public", "index.html"), page)
	u.git("add", "--all")
	u.git("commit", "--quiet", "--allow-empty", "--message", page)
	return u.git("rev-parse", "HEAD")
}

// run runs a release of the command with --json, checks the exit code, and returns the report.
func (u *upgrade) run(binary string, code int, args ...string) gjson.Result {
	u.Helper()
	cmd := exec.CommandContext(u.Context(), binary, append(args, "--json")...)
	cmd.Dir = u.repo
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": u.home, "XDG_CACHE_HOME": u.home, "TMPDIR": u.TempDir(),
		"GIT_CEILING_DIRECTORIES": filepath.Dir(u.repo),
		"CLOUDFLARE_API_TOKEN":    u.p.Token, "CLOUDFLARE_ACCOUNT_ID": u.p.AccountID, "CLOUDFLARE_API_BASE_URL": u.p.BaseURL,
	}
	maps.Copy(env, u.vars)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		u.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		u.Fatalf("%s %v: exit code %d, want %d\n%s%s", filepath.Base(binary), args, got, code, &stdout, &stderr)
	}
	return gjson.ParseBytes(stdout.Bytes())
}

// refused runs this release, and checks that a guard stops it.
func (u *upgrade) refused(guard guard.ID, args ...string) gjson.Result {
	u.Helper()
	report := u.run(u.newer, 4, args...)
	if got := report.Get("error.guard").String(); got != string(guard) {
		u.Errorf("kv-sync %v: the guard %q stopped it, want %q: %s", args, got, guard, report.Get("error"))
	}
	return report
}

// shows checks the page of a site.
func (u *upgrade) shows(site, page string) {
	u.Helper()
	req, err := http.NewRequestWithContext(u.Context(), http.MethodGet, u.p.SiteURL(site)+"/", http.NoBody)
	if err != nil {
		u.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		u.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != page {
		u.Errorf("%s shows %q, want %q (%v)", site, got, page, err)
	}
}

func (u *upgrade) tracked() {
	site := func(command string, more ...string) []string {
		return append([]string{command, "--name", "tides"}, more...)
	}
	deploy := site("deploy", "--dir", "public")
	one := u.commit("one")
	two := u.commit("two")
	before := u.run(u.older, 0, deploy...)
	u.shows("tides", "two")

	u.git("remote", "add", "origin", "https://example.org/ada/tides.git")
	u.refused(guard.Older, append(deploy, "--commit", one)...)
	u.shows("tides", "two")
	three := u.commit("three")
	if got := u.run(u.newer, 0, deploy...).Get("commit").String(); got != three {
		u.Errorf("commit %s is live, want %s", got, three)
	}
	u.shows("tides", "three")
	u.refused(guard.Older, append(deploy, "--commit", two)...)

	back := u.run(u.newer, 0, site("rollback")...)
	if back.Get("deployment").String() != before.Get("deployment").String() {
		u.Errorf("the rollback went to %s, want %s", back.Get("deployment"), before.Get("deployment"))
	}
	u.shows("tides", "two")
	u.run(u.newer, 0, site("verify", "--read-data")...)
	u.run(u.newer, 0, site("prune")...)
	u.refused(guard.Held, deploy...)

	// The older release records no repository, so any repository may deploy next.
	u.git("remote", "set-url", "origin", "https://example.org/elsewhere/tides.git")
	u.commit("four")
	u.run(u.newer, 0, deploy...)
	u.shows("tides", "four")
	u.git("remote", "set-url", "origin", "https://example.org/ada/tides.git")
	u.commit("five")
	u.refused(guard.Repository, deploy...)

	seen := u.run(u.older, 0, site("history")...).Get("history.#.deployment").String()
	want := u.run(u.newer, 0, site("history")...).Get("history.#.deployment").String()
	if seen != want || !strings.Contains(seen, before.Get("deployment").String()) {
		u.Errorf("the older kv-sync lists %s, want %s", seen, want)
	}
}

func (u *upgrade) built() {
	build := func(page string) { write(u.T, filepath.Join(u.repo, "dist", "index.html"), page) }
	deploy := []string{"deploy", "--name", "built", "--dir", "dist"}
	write(u.T, filepath.Join(u.repo, ".gitignore"), "dist/\n")
	first := u.commit("source of one")
	build("one")
	if commit := u.run(u.older, 0, deploy...).Get("commit").String(); commit != "" {
		u.Fatalf("the older kv-sync knows the commit %s of a folder", commit)
	}

	second := u.commit("source of two")
	build("two")
	if commit := u.run(u.newer, 0, deploy...).Get("commit").String(); commit != second {
		u.Errorf("commit %q is live, want %s", commit, second)
	}
	u.shows("built", "two")
	u.git("checkout", "--quiet", first)
	build("one, once more")
	u.refused(guard.Older, deploy...)
	u.git("checkout", "--quiet", "main")

	u.run(u.newer, 0, "rollback", "--name", "built")
	u.shows("built", "one")
	u.run(u.newer, 0, "verify", "--name", "built", "--read-data")
	u.run(u.newer, 0, "prune", "--name", "built")
	build("two")
	u.refused(guard.Held, deploy...)
	u.commit("source of three")
	build("three")
	u.run(u.newer, 0, deploy...)
	u.shows("built", "three")
}

// unnamed deploys an artifact without a name for the site. The older release names the site
// after the folder, and this release names it after the repository.
func (u *upgrade) unnamed() {
	u.repo = filepath.Join(u.TempDir(), "workspace")
	u.vars = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": u.repo, "GITHUB_REPOSITORY": "ada/tides-site"}
	write(u.T, filepath.Join(u.repo, "public", "index.html"), "one")
	u.run(u.older, 0, "deploy")
	u.shows("workspace", "one")

	write(u.T, filepath.Join(u.repo, "public", "index.html"), "two")
	text := u.refused(guard.Name, "deploy").Get("error").String()
	if !strings.Contains(text, "workspace to continue that site") ||
		!strings.Contains(text, "tides-site for a new one") {
		u.Errorf("the guard says %s", text)
	}
	if at := u.p.SiteURL("tides-site"); at != "" {
		u.Errorf("there is a second site at %s", at)
	}
	u.shows("workspace", "one")
	u.run(u.newer, 0, "deploy", "--name", "workspace")
	u.shows("workspace", "two")
}

// prunedByOlder prunes and deploys, with the older release, a site of this release that activated
// one version for many commits. The older release must delete no more than this one would.
func (u *upgrade) prunedByOlder() {
	const age = 96 * time.Hour
	api := u.aged(age)
	u.vars = map[string]string{"CLOUDFLARE_API_BASE_URL": api}
	account, err := cloudflare.New(cloudflare.Options{Token: u.p.Token, AccountID: u.p.AccountID, BaseURL: api})
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(account.Close)
	at := age
	deploy := func(page string) *kvsync.Result {
		u.commit(page)
		at -= time.Minute // ids of records have the time in seconds, so each deploy needs its own time
		return u.deployAgo(account, at)
	}
	var deployments []string
	for i := range 8 {
		deployments = append(deployments, deploy(fmt.Sprintf("page %d", i)).Deployment)
	}
	for range 6 {
		if res := deploy("page 7"); !res.Plan.Reactivate {
			u.Fatal("a commit that changes nothing did not activate the live version again")
		}
	}

	if n := u.run(u.older, 0, "prune", "--name", "tides").Get("pruned").Int(); n == 0 {
		u.Error("the older kv-sync deleted nothing, so the test proves nothing")
	}
	u.run(u.newer, 0, "verify", "--name", "tides", "--read-data")
	u.run(u.newer, 0, "rollback", "--name", "tides", "--to", deployments[8-5])
	u.commit("page 8")
	u.run(u.older, 0, "deploy", "--name", "tides", "--dir", "public")
	u.run(u.newer, 0, "verify", "--name", "tides", "--read-data")
}

// aged starts a proxy of the API that moves the times of all activations back.
func (u *upgrade) aged(age time.Duration) string {
	u.Helper()
	to, err := url.Parse(u.p.BaseURL)
	if err != nil {
		u.Fatal(err)
	}
	created := regexp.MustCompile(`"created_on":\s*"([^"]+)"`)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: to.Scheme,
			Host: to.Host})
	}}
	proxy.ModifyResponse = func(res *http.Response) error {
		res.Header.Set("Date", time.Now().Add(-time.Duration(u.behind.Load())).UTC().Format(http.TimeFormat))
		if !strings.HasSuffix(res.Request.URL.Path, "/deployments") {
			return nil
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		body = created.ReplaceAllFunc(body, func(found []byte) []byte {
			at, err := time.Parse(time.RFC3339, string(created.FindSubmatch(found)[1]))
			if err != nil {
				u.Errorf("read %s: %v", found, err)
			}
			return fmt.Appendf(nil, `"created_on":%q`, at.Add(-age).Format(time.RFC3339Nano))
		})
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		res.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	server := httptest.NewServer(proxy)
	u.Cleanup(server.Close)
	return server.URL + to.Path
}

// deployAgo deploys HEAD with a clock that is behind by this duration, as that of the API is.
func (u *upgrade) deployAgo(account *cloudflare.Account, age time.Duration) *kvsync.Result {
	u.Helper()
	u.behind.Store(int64(age))
	defer u.behind.Store(0)
	src, err := source.OpenCommit(u.Context(), source.Options{WorkDir: u.repo, Dir: "public", CacheDir: u.home})
	if err != nil {
		u.Fatal(err)
	}
	defer src.Close()
	e, err := kvsync.New(site.Config{Site: "tides", Account: account,
		Now: func() time.Time { return time.Now().Add(-age) }})
	if err != nil {
		u.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(u.Context(), hangLimit)
	defer cancel()
	res, err := e.Deploy(ctx, src, cloud.Worker{
		Main: "main.js", CompatibilityDate: "2026-11-01", Routing: &manifest.Routing{},
		Modules: []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
			Content: []byte("export default { fetch: () => new Response() };")}},
	}, plan.Options{})
	if err != nil {
		u.Fatal(err)
	}
	return res
}
