package platform

import (
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// At Cloudflare the alarm of a Durable Object runs without a request. workerd stores
// alarms with the objects, and runs due ones after its start. So a process with
// objects is started without a request.

// restartDelay limits how often a process that ends is started again.
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

// restartAfter starts a new process when process has ended, unless another one has
// replaced it.
func (w *workers) restartAfter(accountID string, process *workerd.Process) {
	<-process.Done()
	_ = wait.For(w.server.life, restartDelay)
	if w.server.life.Err() == nil {
		w.refresh(accountID, "")
	}
}

// KillWorker kills the process of a script, and with it the scripts that bindings
// connect to it. Its requests fail. The next request starts a new process; with Durable
// Objects it also starts by itself after a second. KillWorker reports whether a
// process ran.
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
