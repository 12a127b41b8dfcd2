package admin_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/browsertest"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// The page is tested in a browser, with a daemon whose site is deployed to the local
// platform and served by workerd, and with sites in every state. Screenshots are in
// artefacts/.
func TestBrowser(t *testing.T) {
	environ := append(os.Environ(), browsertest.Environ(t)...)
	f := platformtest.Start(t)
	work := repository(t)
	push := func(subject, page string) {
		cmd := exec.CommandContext(t.Context(), "sh", "testdata/push.sh", work, subject, page)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("push: %v\n%s", err, out)
		}
	}
	push("The first tide table", "low tide at noon")
	sites := follow(t, f, filepath.Join(work, "origin.git"))
	awaitDeployments(t, sites, 1)
	push("A table with a mistake", "low tide at midnight")
	if err := sites.Poll("tides", "push"); err != nil {
		t.Fatal(err)
	}
	awaitDeployments(t, sites, 2)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "testdata/page.test.mjs")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = slices.Concat(environ, []string{
		"ADMIN=" + listen(t, sites), "WORK=" + work, "GALLERY=" + listen(t, gallery()),
		"SECURE=" + listenTLS(t, gallery()), "EVIL=" + evil(t), "SITE=" + f.SiteURL("tides"),
		"LOGIN=" + user, "PASSWORD=" + password,
	})
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// listen serves the page of some sites.
func listen(t *testing.T, sites daemon.Sites) string {
	t.Helper()
	server := httptest.NewServer(pageOf(t, sites))
	t.Cleanup(server.Close)
	return server.URL
}

func listenTLS(t *testing.T, sites daemon.Sites) string {
	t.Helper()
	server := httptest.NewTLSServer(pageOf(t, sites))
	t.Cleanup(server.Close)
	return server.URL
}

func pageOf(t *testing.T, sites daemon.Sites) http.Handler {
	t.Helper()
	page, err := admin.New(admin.Options{Sites: sites, User: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// evil serves a foreign page with a form and a link to the address in its query.
func evil(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form method="post" action="%[1]s"><button>You have won</button></form>`+
			`<a href="%[1]s">Look at this</a>`, html.EscapeString(r.URL.Query().Get("to")))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// repository makes a folder for testdata/push.sh with a work tree and its bare remote.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q", "--bare", "-b", "main", "origin.git"},
		{"init", "-q", "-b", "main", "work"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

// follow runs a daemon with one site, which is polled on request.
func follow(t *testing.T, f *platformtest.Fixture, remote string) *daemon.Daemon {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "daemon.toml")
	conf := fmt.Sprintf("state = %q\npoll = \"0\"\n[[site]]\nname = \"tides\"\nremote = %q\n", filepath.Join(dir, "state"),
		remote)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CLOUDFLARE_API_TOKEN": f.Token, "CLOUDFLARE_ACCOUNT_ID": f.AccountID,
		"CLOUDFLARE_API_BASE_URL": f.BaseURL}
	cfg, err := daemon.LoadConfig(file, func(name string) string { return env[name] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	d := daemon.New(cfg, daemon.Options{Environ: environ})
	if err := d.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// awaitDeployments waits until the site has been deployed n times.
func awaitDeployments(t *testing.T, d *daemon.Daemon, n int) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		s, err := d.Status("tides")
		if err != nil {
			t.Fatal(err)
		}
		deployed := 0
		for _, r := range s.Runs {
			if r.Outcome == daemon.OutcomeDeployed {
				deployed++
			}
		}
		if deployed == n && s.Phase == daemon.PhaseIdle {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited for %d deployments: %+v", n, s)
		}
	}
}

// gallery has a site in every state, and malicious texts.
func gallery() *fake {
	now := time.Now()
	f := &fake{lists: make(map[string][]version.Deployment)}
	hash := func(n int) string { return strings.Repeat(fmt.Sprintf("%x%x7", n+3, (n*7)%16), 14)[:40] }
	subjects := []string{
		"Say when the ferry goes in winter", "Fix the opening hours", "Merge pull request #214 from ada/harbour-light",
		"A subject that somebody wrote without ever pressing return, because a commit message is a fine place for the " +
			"whole story of how it came to this, with all that was tried before and did not help",
		"<script>document.title = 'owned'</script><img src=x onerror=alert(1)>",
		"Right\u202eto\u2066left\u0007 and \u001b[31mred", "כותרת בעברית", "Begin",
	}
	list := func(live int) []version.Deployment {
		var all []version.Deployment
		for i, subject := range subjects {
			at := now.Add(-time.Duration(1+i*i*5) * time.Hour)
			id := at.UTC().Format("20060102-150405") + fmt.Sprintf("-%04x", i*977+4096)
			all = append(all, version.Deployment{ID: id, Version: id, Time: at, Commit: hash(i), Source: "commit",
				Live: i == live, Percent: 100, Retained: i < 6, Missing: i == 5,
				Record: &version.Record{Subject: subject, Author: []string{"Grace Hopper", "Ada Lovelace",
					"javascript:alert(2)"}[i%3], Actor: []string{"push", "poll"}[i%2], Added: i * i * 30, Changed: 1 + i*3,
					Removed: i % 2}})
		}
		return all
	}
	add := func(s daemon.Status, deployments []version.Deployment) {
		if len(deployments) > 0 {
			for i, d := range deployments {
				outcome := daemon.OutcomeDeployed
				if d.Rollback {
					outcome, d.Record = daemon.OutcomeRolledBack, &version.Record{Subject: d.Record.Subject, Author: d.Record.Author,
						Actor: "ada"}
				}
				s.Runs = append(s.Runs, daemon.Run{Deployment: d.ID, Commit: d.Commit, Subject: d.Record.Subject,
					Author: d.Record.Author, Actor: d.Record.Actor,
					Started: d.Time.Add(-3 * time.Second), Duration: time.Duration(1+i) * 1234 * time.Millisecond, Outcome: outcome})
			}
			s.Live = liveCommit(deployments)
		}
		s.Branch = "main"
		f.statuses = append(f.statuses, s)
		f.lists[s.Name] = deployments
	}
	add(daemon.Status{Name: "blog", Remote: "https://github.com/ada/blog", Head: hash(0), Phase: daemon.PhaseIdle,
		Since: now.Add(-time.Hour), Next: now.Add(40 * time.Second),
		Runs: []daemon.Run{
			{Commit: hash(9), Subject: "Add the new photographs", Author: "Grace Hopper", Actor: "poll",
				Started: now.Add(-90 * time.Minute), Duration: 400 * time.Millisecond, Outcome: daemon.OutcomeRefused,
				Problem: "2 files must not be published:\n  public/.env: looks like a file of secrets\n  public/id_ed25519: " +
					"holds a private key\nremove them from the commit, or name them in .assetsignore"},
			{Commit: hash(8), Subject: "Fix the opening hours again", Author: "Ada Lovelace", Actor: "push",
				Started: now.Add(-26 * time.Hour), Duration: 31 * time.Second, Outcome: daemon.OutcomeFailed,
				Problem: "upload 3 files: the API answered 503; it is tried again"},
			{Commit: hash(8), Subject: "Fix the opening hours again", Author: "Ada Lovelace", Actor: "push",
				Started: now.Add(-27 * time.Hour), Duration: 31 * time.Second, Outcome: daemon.OutcomeFailed,
				Problem: "upload 3 files: the API answered 503; it is tried again"},
			{Commit: hash(1), Subject: subjects[1], Author: "Ada Lovelace", Actor: "push", Started: now.Add(-28 * time.Hour),
				Duration: 70 * time.Millisecond, Outcome: daemon.OutcomeNoChange},
		}}, list(0))
	add(daemon.Status{Name: "docs", Remote: "ssh://git@git.example.com/docs.git", Head: hash(10), Phase: daemon.PhaseBuild,
		Since: now.Add(-12 * time.Second)}, list(0))
	held := list(1)
	back := held[1]
	held[1].Live = false
	back.Live, back.Rollback, back.Time, back.Hold = true, true, now.Add(-20*time.Minute), held[0].Commit
	add(daemon.Status{Name: "harbour", Remote: "https://codeberg.org/quay/harbour", Head: hash(0), Phase: daemon.PhaseHeld,
		Since: now.Add(-20 * time.Minute), Next: now.Add(20 * time.Second),
		Problem: "a rollback by ada left commit " + hash(0)[:12] + "; push a newer commit, or release it"},
		append([]version.Deployment{back}, held...))
	add(daemon.Status{Name: "project/kiosk", Remote: "https://gitlab.com/quay/kiosk", Head: hash(2),
		Phase: daemon.PhaseRetry, Since: now.Add(-4 * time.Minute), Next: now.Add(90 * time.Second),
		Problem: "fetch https://gitlab.com/quay/kiosk: could not resolve host: gitlab.com"}, nil)
	add(daemon.Status{Name: "shop", Remote: "https://github.com/ada/shop", Head: hash(3), Phase: daemon.PhaseRefused,
		Since: now.Add(-2 * time.Hour), Next: now.Add(50 * time.Second),
		Problem: "it would remove 412 of 430 files; look at what is gone, and deploy by hand with --allow-shrink if that " +
			"is right\n  public/a.html\n  public/b.html\nand 410 more"}, list(2))
	return f
}

func liveCommit(list []version.Deployment) string {
	for _, d := range list {
		if d.Live {
			return d.Commit
		}
	}
	return ""
}
