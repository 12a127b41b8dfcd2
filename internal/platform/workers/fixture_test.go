package workers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/platform/kv"
	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

const account = "0123456789abcdef0123456789abcdef"

// fixture is a store of scripts with its runtime.
type fixture struct {
	*Workers
	store  *scripts.Store
	routes *http.ServeMux
	// close ends the runtime, also before the test ends.
	close func()
}

// start opens an empty store that checks each upload by a start.
func start(t *testing.T, log io.Writer) *fixture {
	t.Helper()
	dir := t.TempDir()
	namespaces, err := kv.Open(dir, func() kv.Behaviour { return kv.Behaviour{} })
	if err != nil {
		t.Fatal(err)
	}
	location := edge.NewLocation(edge.Options{Now: time.Now, Minute: func() time.Duration { return 0 }})
	bindings, err := edge.Open(location, namespaces, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	store, err := scripts.Open(scripts.Options{Dir: dir, CheckScripts: true, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.Background())
	find := sync.OnceValues(func() (string, error) { return workerd.Find(life, t.Logf) })
	runtime, err := New(life, store, Options{Find: find, Edge: bindings, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Workers: runtime, store: store, routes: http.NewServeMux()}
	f.close = func() { end(); f.Close(); bindings.Close() }
	t.Cleanup(f.close)
	if err := store.Run(f.Workers); err != nil {
		t.Fatal(err)
	}
	for _, rt := range store.Routes() {
		f.routes.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if apiErr := rt.Handler(&api.Call{W: w, R: r, Account: r.PathValue("account")}); apiErr != nil {
				api.WriteError(w, apiErr)
			}
		})
	}
	return f
}

// put uploads a script with PUT, and returns the response.
func (f *fixture) put(name, code string) string {
	body := strings.ReplaceAll(fmt.Sprintf(`--b
Content-Disposition: form-data; name="metadata"

{"main_module":"m.js","compatibility_date":"2026-11-01"}
--b
Content-Disposition: form-data; name="m.js"; filename="m.js"
Content-Type: application/javascript+module

%s
--b--
`, code), "\n", "\r\n")
	req := httptest.NewRequest("PUT", "/accounts/"+account+"/workers/scripts/"+name, strings.NewReader(body))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer := httptest.NewRecorder()
	f.routes.ServeHTTP(answer, req)
	return answer.Body.String()
}

// page returns what a script answers.
func (f *fixture) page(t *testing.T, script string) string {
	t.Helper()
	res, err := http.Get(f.store.Addresses()[script])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
