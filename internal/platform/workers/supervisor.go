package workers

import (
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// At Cloudflare the alarm of a Durable Object runs without a request. workerd stores alarms
// with the objects, and runs the due alarms after it has started. So the platform starts a
// process with stored objects without a request.

// restartDelay is the time before a process that has ended is started again.
const restartDelay = time.Second

// StartStateful starts the processes with stored Durable Objects.
func (w *Workers) StartStateful() {
	for _, id := range w.store.Accounts() {
		for _, name := range w.stateful(id) {
			w.refresh(id, name)
		}
	}
}

// stateful returns the scripts of an account with stored Durable Objects.
func (w *Workers) stateful(accountID string) (names []string) {
	w.store.View(accountID, func(a *scripts.Account) {
		for _, sc := range a.Sorted() {
			for _, c := range sc.Classes {
				if _, err := os.Stat(filepath.Join(w.store.ObjectsDir(accountID), c.Namespace)); err == nil {
					names = append(names, sc.Name)
					break
				}
			}
		}
	})
	return names
}

// restartAfter waits until a process has ended, and starts a new one unless another process
// has replaced it.
func (w *Workers) restartAfter(accountID string, process *workerd.Process) {
	<-process.Done()
	_ = wait.For(w.life, restartDelay)
	if w.life.Err() == nil {
		w.refresh(accountID, "")
	}
}

// Kill kills the process of a script, which also runs the scripts that bindings connect
// to it. Requests in the process fail. The next request starts a new process. A process with
// Durable Objects is started again after a second, without a request. Kill reports
// whether a process ran.
func (w *Workers) Kill(script string) bool {
	for _, id := range w.store.Accounts() {
		st := w.sitesOf(id)[script]
		if st == nil {
			continue
		}
		r := st.running()
		if r == nil || r.process == nil || r.ended() {
			return false
		}
		r.stop()
		return true
	}
	return false
}
