package tails

import (
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// tail is one tail of a script.
type tail struct {
	id      string
	account string
	script  string
	expires time.Time
	filters []filter
	events  chan []byte   // what its client has not read yet
	ended   chan struct{} // closed when the tail is deleted or expires
	timer   *time.Timer   // deletes the tail when it expires
}

const (
	// lifetime is the time after which a tail ends.
	lifetime = 6 * time.Hour
	// maxWaiting is the number of events that wait for a client. Further events are dropped.
	maxWaiting = 1000
)

func (t *tail) matches(e *event) bool {
	for i := range t.filters {
		if !t.filters[i].matches(e) {
			return false
		}
	}
	return true
}

// offer passes an event on unless the client is too slow.
func (t *tail) offer(e *event) {
	select {
	case t.events <- e.json:
	default:
	}
}

func (t *tail) show(c *api.Call) map[string]any {
	return map[string]any{
		"id": t.id, "url": "ws://" + c.R.Host + socketPath + t.id, "expires_at": t.expires.Format(time.RFC3339),
	}
}
