package clients_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// installLimit ends an installation that hangs, and hangLimit another wait. No result depends
// on them.
const (
	installLimit = 15 * time.Minute
	hangLimit    = 2 * time.Minute
)

func withOneAccount(o *platform.Options) { o.Accounts = []string{platformtest.AccountID} }

func withStartCheck(o *platform.Options) { o.CheckScripts = true }

// project is a folder with a Worker, in which wrangler runs as a client of a platform.
type project struct {
	*testing.T
	*platformtest.Fixture
	wrangler *platformtest.Wrangler
	dir      string
}

// startProject opens a platform and a project with a Worker named site.
func startProject(t *testing.T) *project {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t, platformtest.Start(t, withStartCheck, withOneAccount), w, t.TempDir()}
	p.configure("")
	p.write("worker.js", `export default { fetch() { return new Response("hello") } }`)
	return p
}

// configure writes wrangler.json with further members.
func (p *project) configure(members string) {
	p.Helper()
	p.write("wrangler.json", `{"name":"site","main":"worker.js","compatibility_date":"2026-11-01"`+members+`}`)
}

func (p *project) write(name, content string) {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.Fatal(err)
	}
}

// must runs wrangler, which must succeed, and returns its output.
func (p *project) must(args ...string) string {
	p.Helper()
	out, err := p.Fixture.Run(p.Context(), p.wrangler, p.dir, args...)
	if err != nil {
		p.Fatal(err)
	}
	return out
}

// waitFor polls until a condition holds. what describes the condition in the error.
func (p *project) waitFor(what string, holds func() bool) {
	p.Helper()
	for end := time.Now().Add(hangLimit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("timeout while waiting for %s", what)
		}
	}
}

// asked reports whether the platform has received a request of a kind.
func (p *project) asked(kind string) bool {
	for _, r := range p.Server.Requests() {
		if r.Kind == kind {
			return true
		}
	}
	return false
}
