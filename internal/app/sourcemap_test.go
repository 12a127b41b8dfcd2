package app_test

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// uploads keeps what a run sends.
type uploads struct {
	http.RoundTripper
	mu   sync.Mutex
	sent bytes.Buffer
}

func (u *uploads) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sent.Write(p)
}

func (u *uploads) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength != 0 {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, u), r.Body}
	}
	return u.RoundTripper.RoundTrip(r)
}

// The source map of a Worker names its source files. It goes to the local platform, whose log shows the
// place of an exception, and to no account.
func TestSourceMapsStayHere(t *testing.T) {
	for _, local := range []bool{true, false} {
		f := platformtest.Start(t)
		root := t.TempDir()
		writeAll(t, root, map[string]string{
			"public/index.html": "x",
			"src/worker.ts":     "export default { fetch() {} }",
			"wrangler.jsonc": `{"name":"tides","main":"src/worker.ts","compatibility_date":"2026-01-01",
				"assets":{"directory":"public"}}`,
		})
		shared := app.NewShared()
		defer shared.Close()
		sent := &uploads{RoundTripper: shared.Transport}
		shared.Transport = sent
		in := inputs(root, f)
		in.Local, in.Shared = local, shared
		if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(sent.sent.Bytes(), []byte("application/source-map")); got != local {
			t.Errorf("local %v: a source map was sent: %v", local, got)
		}
	}
}
