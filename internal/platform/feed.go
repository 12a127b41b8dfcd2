package platform

import (
	"io"
	"net/http"
	"slices"
	"sync"
)

// feed writes the log, and copies it to the clients that follow it.
type feed struct {
	to io.Writer

	mu        sync.Mutex
	followers map[chan []byte]bool
}

// maxUnread is how many lines wait for a client that does not read. Further ones are dropped.
const maxUnread = 1000

// Write implements [io.Writer].
func (f *feed) Write(p []byte) (int, error) {
	f.mu.Lock()
	for lines := range f.followers {
		select {
		case lines <- slices.Clone(p):
		default:
		}
	}
	f.mu.Unlock()
	return f.to.Write(p)
}

// follow adds a client. The client calls done after the last line.
func (f *feed) follow() (lines <-chan []byte, done func()) {
	c := make(chan []byte, maxUnread)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers == nil {
		f.followers = map[chan []byte]bool{}
	}
	f.followers[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.followers, c)
	}
}

// followLog answers with the log from now on, until the client disconnects or the platform ends.
func (s *Server) followLog(w http.ResponseWriter, r *http.Request) error {
	lines, done := s.log.follow()
	defer done()
	answer := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if err := answer.Flush(); err != nil {
		return err
	}
	for {
		select {
		case line := <-lines:
			if _, err := w.Write(line); err != nil {
				return nil //nolint:nilerr // the client is gone
			}
			if err := answer.Flush(); err != nil {
				return nil //nolint:nilerr // as above
			}
		case <-r.Context().Done():
			return nil
		case <-s.life.Done():
			return nil
		}
	}
}
