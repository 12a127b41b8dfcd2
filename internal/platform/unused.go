package platform

import (
	"net"
	"net/http"
	"sync"
)

// unused are connections that were opened and have brought no request yet, as
// clients dial ahead of need. Shutting down a server waits seconds for theirs,
// which never comes.
type unused struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// note is a server's ConnState.
func (u *unused) note(c net.Conn, s http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s != http.StateNew {
		delete(u.conns, c)
		return
	}
	if u.conns == nil {
		u.conns = make(map[net.Conn]struct{})
	}
	u.conns[c] = struct{}{}
}

func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // nobody waits for an answer on it
	}
}
