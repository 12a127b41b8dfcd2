package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// The fix of a failure says what is live: nothing before the first deploy, and afterwards the
// deployment before.
func TestFailureSaysWhatIsLive(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	in := inputs(root, f)
	deploy := func() string {
		t.Helper()
		_, err := open(t, in).Deploy(t.Context(), plan.Options{})
		if err == nil {
			return ""
		}
		return app.Explain(advice.Terminal, err).Fix
	}
	refuse := func(q platform.RequestInfo) platform.Fault {
		if q.Kind == "kv.bulk.put" {
			return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
		}
		return platform.Fault{}
	}
	f.Server.SetFault(refuse)
	if got := deploy(); !strings.Contains(got, "; nothing went live; run again") {
		t.Errorf("after a failed first deploy: %q", got)
	}
	f.Server.SetFault(nil)
	if got := deploy(); got != "" {
		t.Fatal(got)
	}
	if err := os.WriteFile(filepath.Join(root, "public/index.html"), []byte("<h1>two</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.Server.SetFault(refuse)
	if got := deploy(); !strings.Contains(got, "; what was live is still live; run again") {
		t.Errorf("after a failed later deploy: %q", got)
	}
}

// At most four of many projects run at the same time.
func TestProjectsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		under, most := 0, 0
		ids := make([]string, 60)
		err := app.EachProject(ids, func(string) (int, error) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(time.Second) // synctest continues after every other goroutine is blocked
			mu.Lock()
			defer mu.Unlock()
			under--
			return 0, nil
		}, func(string, int, error) {})
		if err != nil || most > 4 {
			t.Errorf("%d projects run at the same time, %v", most, err)
		}
	})
}
