package workers

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A deploy starts only one process: the switch uses the process of the start check. The output
// of the Worker is in the log once.
func TestSwitchReusesTheCheckedProcess(t *testing.T) {
	log := &safeBuffer{}
	f := start(t, log)
	f.ready.limit = time.Hour
	for i := range 3 {
		if answer := f.put("s",
			fmt.Sprintf(`console.log("start %d"); export default { fetch: () => new Response("page %d") }`, i,
				i)); !strings.Contains(answer, `"success":true`) {
			t.Fatal(answer)
		}
		// The first deploy leaves a waiting process, because no site runs yet.
		if w := f.ready.waiting; (w == nil) != (i > 0) {
			t.Errorf("after deploy %d a process waits: %v", i, w != nil)
		}
		if page := f.page(t, "s"); page != fmt.Sprintf("page %d", i) {
			t.Fatalf("got %q", page)
		}
		if f.ready.waiting != nil {
			t.Error("the waiting process was not used")
		}
	}
	f.close() // now the log is complete
	for i := range 3 {
		if n := strings.Count(log.String(), fmt.Sprintf("start %d", i)); n != 1 {
			t.Errorf("Worker %d was started %d times:\n%s", i, n, log)
		}
	}
}

// A waiting process is not used if it has ended, or belongs to another script.
func TestEndedProcessIsNotReused(t *testing.T) {
	f := start(t, t.Output())
	f.ready.limit = time.Hour
	f.put("dead", `export default { fetch: () => new Response("dead") }`)
	f.ready.waiting.process.Stop()
	if got := f.page(t, "dead"); got != "dead" {
		t.Errorf("got %q", got)
	}
	f.put("first", `export default { fetch: () => new Response("first") }`)
	f.put("second", `export default { fetch: () => new Response("second") }`)
	if first, second := f.page(t, "first"), f.page(t, "second"); first != "first" || second != "second" {
		t.Errorf("got %q, %q", first, second)
	}
	f.put("third", `export default { fetch: () => new Response("third") }`)
	last := f.ready.waiting.process
	f.close()
	select {
	case <-last.Done():
	case <-time.After(2 * time.Minute):
		t.Error("a waiting process still runs after the platform was closed")
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
