package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// project makes a folder with a site of two files.
func project(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"index.html": "<h1>one</h1>", "about.html": "<h1>about</h1>"} {
		file := filepath.Join(root, "public", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T, in app.Inputs) *app.Site {
	t.Helper()
	site, err := app.Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := site.Close(); err != nil {
			t.Error(err)
		}
	})
	return site
}

func inputs(root string, f *platformtest.Fixture) app.Inputs {
	return app.Inputs{
		Root: root, Name: "tides", Source: "folder", CacheDir: filepath.Join(root, ".cache"),
		Getenv: func(string) string { return "" },
		Token:  f.Token, AccountID: f.AccountID, BaseURL: f.BaseURL,
	}
}

func TestStatsAndReport(t *testing.T) {
	f := platformtest.Start(t)
	site := open(t, inputs(project(t), f))
	res, err := site.Deploy(t.Context(), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := app.NewReport(advice.Terminal, "deploy", false)
	r.AddResult(res)
	r.Finish(site, nil)
	sent := int64(len(f.Server.Requests()))
	// If the outcome of the switch is unknown, the report does not say what is live.
	lost := app.NewReport(advice.Terminal, "deploy", false)
	if _, err := site.Plan(t.Context(), plan.Options{}); err != nil || site.Live().Deployment != res.Deployment {
		t.Errorf("%+v is live, %v", site.Live(), err)
	}
	if lost.Finish(site, cloud.ErrUnknown); lost.Deployment != "" || lost.VersionID != "" {
		t.Errorf("with an unknown outcome the report says that %s is live", lost.Deployment)
	}
	if r.Requests != sent || r.Added != 2 || r.Uploaded != 2 || r.NoChange || r.Site != "tides" || r.Error != nil {
		t.Errorf("%+v after %d requests", r, sent)
	}
}

// Opening the source needs no token. A plan does.
func TestOpenWithoutAccount(t *testing.T) {
	site := open(t, app.Inputs{Root: project(t), Name: "tides", Source: "folder",
		Getenv: func(string) string { return "" }, CacheDir: t.TempDir()})
	src, err := site.Source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if l, err := src.Files(t.Context(), nil); err != nil || len(l.Files) != 2 {
		t.Errorf("got %v, %v", l, err)
	}
	_, err = site.Plan(t.Context(), plan.Options{})
	if k := app.Explain(advice.Terminal, err).Kind; k != app.KindUsage {
		t.Errorf("a missing token is %s: %v", k, err)
	}
}

func TestOpenHonoursTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := app.Open(ctx, app.Inputs{Root: project(t)})
	if k := app.Explain(advice.Terminal, err).Kind; k != app.KindInterrupted {
		t.Errorf("got %s: %v", k, err)
	}
}

// With DeployedOnly, a project without files to publish can be opened.
func TestDeployedOnly(t *testing.T) {
	in := app.Inputs{Root: t.TempDir(), Name: "tides", Getenv: func(string) string { return "" }}
	if _, err := app.Open(t.Context(), in); app.Explain(advice.Terminal, err).Kind != app.KindUsage {
		t.Errorf("an empty project was accepted: %v", err)
	}
	in.DeployedOnly = true
	open(t, in)
}

// The engine reads what is live while the Worker is bundled. If the bundling fails, Close ends
// these requests and their retries, because the local platform may end with the command.
func TestCloseEndsRequests(t *testing.T) {
	f := platformtest.Start(t)
	closed := make(chan struct{})
	f.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		<-closed
		return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusServiceUnavailable}
	})
	root := project(t)
	if err := os.WriteFile(filepath.Join(root, "worker.js"), []byte("export default {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "kv-sync.toml"), []byte(`worker = "worker.js"`), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	shared := app.NewShared()
	defer shared.Close()
	counted := &pendingRequests{RoundTripper: shared.Transport}
	shared.Transport = counted
	in := inputs(root, f)
	in.Shared = shared
	in.Log = slog.New(slog.NewTextHandler(&log, nil))
	for counted.all.Load() == 0 { // repeat until the bundling failed during a request
		site, err := app.Open(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		_, err = site.Deploy(t.Context(), plan.Options{})
		if k := app.Explain(advice.Terminal, err).Kind; k != app.KindRefused {
			t.Errorf("got %s: %v", k, err)
		}
		if err := site.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if now, all := counted.now.Load(), counted.all.Load(); now != 0 || log.Len() > 0 {
		t.Errorf("after Close, %d of %d requests are still pending:\n%s", now, all, log.String())
	}
	close(closed)
}

// pendingRequests counts all requests, and those without an answer.
type pendingRequests struct {
	http.RoundTripper
	now, all atomic.Int64
}

func (p *pendingRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	p.all.Add(1)
	p.now.Add(1)
	defer p.now.Add(-1)
	return p.RoundTripper.RoundTrip(r)
}

// If a file changes between the plan and its upload, a guard stops the deploy before the switch.
func TestFileChangesBeforeItsUpload(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	for name, change := range map[string]func(file string) error{
		"written": func(file string) error { return os.WriteFile(file, []byte("<h1>later and longer</h1>"), 0o600) },
		"removed": os.Remove,
	} {
		file := filepath.Join(root, "public", "about.html")
		if err := os.WriteFile(file, []byte("<h1>"+name+"</h1>"), 0o600); err != nil {
			t.Fatal(err)
		}
		in := inputs(root, f)
		in.Progress = func(p site.Progress) {
			if p.Plan != nil {
				if err := change(file); err != nil {
					t.Error(err)
				}
			}
		}
		where := open(t, in)
		_, err := where.Deploy(t.Context(), plan.Options{})
		said := app.Explain(advice.Terminal, err)
		if said == nil || said.Code != 4 || said.Guard != guard.Changed ||
			!strings.Contains(said.Message, "about.html") || !strings.Contains(said.Fix, "run again") {
			t.Errorf("%s: %+v", name, said)
		}
		if where.Live() != (site.Live{}) {
			t.Errorf("%s: %+v is live", name, where.Live())
		}
	}
	if _, err := open(t, inputs(root, f)).Deploy(t.Context(), plan.Options{}); err != nil {
		t.Errorf("running again: %v", err)
	}
}
