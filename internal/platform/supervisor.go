package platform

import (
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// At Cloudflare the alarm of a Durable Object runs without a request. workerd stores alarms
// with the objects, and runs the due alarms after it has started. So the platform starts a
// process with stored objects without a request.

// restartDelay is the time before a process that has ended is started again.
const restartDelay = time.Second

// startStateful starts the processes with stored Durable Objects.
func (w *workers) startStateful() {
	for _, id := range w.server.accountIDs() {
		for _, name := range w.server.stateful(id) {
			w.refresh(id, name)
		}
	}
}

// stateful returns the scripts of an account with stored Durable Objects.
func (s *Server) stateful(accountID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, sc := range s.account(accountID).sortedScripts() {
		for _, c := range sc.Classes {
			if _, err := os.Stat(filepath.Join(s.objectsDir(accountID), c.Namespace)); err == nil {
				names = append(names, sc.Name)
				break
			}
		}
	}
	return names
}

// restartAfter waits until a process has ended, and starts a new one unless another process
// has replaced it.
func (w *workers) restartAfter(accountID string, process *workerd.Process) {
	<-process.Done()
	_ = wait.For(w.server.life, restartDelay)
	if w.server.life.Err() == nil {
		w.refresh(accountID, "")
	}
}

// KillWorker kills the process of a script, which also runs the scripts that bindings connect
// to it. Requests in the process fail. The next request starts a new process. A process with
// Durable Objects is started again after a second, without a request. KillWorker reports
// whether a process ran.
func (s *Server) KillWorker(script string) bool {
	for _, id := range s.accountIDs() {
		st := s.workers.sitesOf(id)[script]
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
