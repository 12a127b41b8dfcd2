package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// putWorker uploads a script with PUT, and returns the response.
func putWorker(s *Server, name, code string) string {
	body := strings.ReplaceAll(fmt.Sprintf(`--b
Content-Disposition: form-data; name="metadata"

{"main_module":"m.js","compatibility_date":"2026-11-01"}
--b
Content-Disposition: form-data; name="m.js"; filename="m.js"
Content-Type: application/javascript+module

%s
--b--
`, code), "\n", "\r\n")
	req := httptest.NewRequest("PUT",
		"http://127.0.0.1/client/v4/accounts/0123456789abcdef0123456789abcdef/workers/scripts/"+name, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, req)
	return answer.Body.String()
}

// A deploy starts only one process: the switch uses the process of the start check. The output
// of the Worker is in the log once.
func TestSwitchReusesTheCheckedProcess(t *testing.T) {
	log := &safeBuffer{}
	s, err := Open(Options{CheckScripts: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // the folder is temporary
	s.workers.ready.limit = time.Hour
	for i := range 3 {
		if answer := putWorker(s, "s",
			fmt.Sprintf(`console.log("start %d"); export default { fetch: () => new Response("page %d") }`, i,
				i)); !strings.Contains(answer, `"success":true`) {
			t.Fatal(answer)
		}
		// The first deploy leaves a waiting process, because no site runs yet.
		if w := s.workers.ready.waiting; (w == nil) != (i > 0) {
			t.Errorf("after deploy %d a process waits: %v", i, w != nil)
		}
		res, err := http.Get(s.SiteURL("s"))
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || string(page) != fmt.Sprintf("page %d", i) {
			t.Fatalf("got %q, %v", page, err)
		}
		if s.workers.ready.waiting != nil {
			t.Error("the waiting process was not used")
		}
	}
	if err := s.Close(context.Background()); err != nil { // now the log is complete
		t.Fatal(err)
	}
	for i := range 3 {
		if n := strings.Count(log.String(), fmt.Sprintf("start %d", i)); n != 1 {
			t.Errorf("Worker %d was started %d times:\n%s", i, n, log)
		}
	}
}

// A waiting process is not used if it has ended, or belongs to another script.
func TestEndedProcessIsNotReused(t *testing.T) {
	s, err := Open(Options{CheckScripts: true, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // the folder is temporary
	s.workers.ready.limit = time.Hour
	page := func(script string) string {
		res, err := http.Get(s.SiteURL(script))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	putWorker(s, "dead", `export default { fetch: () => new Response("dead") }`)
	s.workers.ready.waiting.process.Stop()
	if got := page("dead"); got != "dead" {
		t.Errorf("got %q", got)
	}
	putWorker(s, "first", `export default { fetch: () => new Response("first") }`)
	putWorker(s, "second", `export default { fetch: () => new Response("second") }`)
	if first, second := page("first"), page("second"); first != "first" || second != "second" {
		t.Errorf("got %q, %q", first, second)
	}
	putWorker(s, "third", `export default { fetch: () => new Response("third") }`)
	last := s.workers.ready.waiting.process
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-last.Done():
	case <-time.After(2 * time.Minute):
		t.Error("a waiting process outlives the platform")
	}
}

// safeBuffer is a log that can be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
