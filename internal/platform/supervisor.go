package platform

import (
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// At Cloudflare the alarm of a Durable Object comes whether or not anybody asks for
// the object. workerd keeps alarms beside the objects, and runs those that are due
// once it has started; so a process that has objects is started without a visitor.

// restartDelay keeps a process that does not stay up from being started without end.
const restartDelay = time.Second

// wake starts the processes whose Durable Objects have stored something.
func (w *workers) wake() {
	for _, id := range w.server.accountIDs() {
		for _, name := range w.server.stateful(id) {
			w.refresh(id, name)
		}
	}
}

// stateful returns the scripts of an account whose Durable Objects lie on disk.
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

// keepUp starts what deployments ask for once process has ended. Where another has
// taken its place, that is nothing.
func (w *workers) keepUp(accountID string, process *workerd.Process) {
	<-process.Done()
	_ = wait.For(w.server.life, restartDelay)
	if w.server.life.Err() == nil {
		w.refresh(accountID, "")
	}
}

// KillWorker ends the process that runs a script, and with it the scripts that
// bindings connect to it, as kill -9 does: what is under way there breaks off. The
// next request starts it anew, and where there are Durable Objects, a second does.
// It reports whether a process ran.
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
