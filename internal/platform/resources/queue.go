package resources

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// queue is a queue.
type queue struct {
	ID        string                     `json:"queue_id"`
	Name      string                     `json:"queue_name"`
	Created   time.Time                  `json:"created_on"`
	Modified  time.Time                  `json:"modified_on"`
	Settings  map[string]json.RawMessage `json:"settings"`
	Consumers []*consumer                `json:"consumers"`
}

// queueSettings are the settings of a new queue.
var queueSettings = map[string]json.RawMessage{
	"delivery_delay": json.RawMessage("0"), "delivery_paused": json.RawMessage("false"),
	"message_retention_period": json.RawMessage("345600"),
}

var queueName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// with returns the queue with other consumers.
func (q *queue) with(consumers []*consumer) *queue {
	changed := *q
	changed.Consumers, changed.Modified = consumers, api.Now()
	return &changed
}

func (s *Store) showQueue(account string, q *queue) map[string]any {
	producers := []any{}
	for _, script := range s.scripts.Producers(account, q.Name) {
		producers = append(producers, map[string]any{"type": "worker", "script": script, "service": script})
	}
	return map[string]any{
		"queue_id": q.ID, "queue_name": q.Name, "created_on": q.Created, "modified_on": q.Modified, "settings": q.Settings,
		"consumers": api.OrEmpty(q.Consumers), "consumers_total_count": len(q.Consumers),
		"producers": producers, "producers_total_count": len(producers),
	}
}

// queue returns the queue with an id, or nil.
func (r *resources) queue(id string) *queue {
	return find(r.Queues, func(q *queue) bool { return q.ID == id })
}

// named returns the queue with a name, or nil.
func (r *resources) named(name string) *queue {
	return find(r.Queues, func(q *queue) bool { return q.Name == name })
}

// put replaces or adds a queue.
func (r *resources) put(q *queue) {
	if i := slices.IndexFunc(r.Queues, func(old *queue) bool { return old.ID == q.ID }); i >= 0 {
		r.Queues[i] = q
		return
	}
	r.Queues = append(r.Queues, q)
}

var errNoQueue = api.Failure(http.StatusNotFound, 11000, "Queue not found.")

// queuesList returns the queues, or those that the query names.
func (s *Store) queuesList(c *api.Call) *api.Error {
	names := c.R.URL.Query()["name"]
	var queues []*queue
	s.accounts.View(c.Account, func(r *resources) { queues = slices.Clone(r.Queues) })
	list := []any{}
	for _, q := range queues {
		if len(names) == 0 || slices.Contains(names, q.Name) {
			list = append(list, s.showQueue(c.Account, q))
		}
	}
	return api.ReplyPage(c, list, api.Usual)
}

// queueBody is a queue as a client sends it.
type queueBody struct {
	Name     string                     `json:"queue_name"`
	Settings map[string]json.RawMessage `json:"settings"`
}

// changeQueue stores the result of change, and sends it. old is the queue that the path names,
// or nil without such a path.
func (s *Store) changeQueue(c *api.Call, change func(old *queue, body queueBody) *queue) *api.Error {
	var body queueBody
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	var changed *queue
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.queue(c.R.PathValue("queue"))
		if old == nil && c.R.PathValue("queue") != "" {
			return errNoQueue
		}
		changed = change(old, body)
		if !queueName.MatchString(changed.Name) {
			return api.Failure(http.StatusBadRequest, 11003, "Invalid queue name %q.", changed.Name)
		}
		if other := r.named(changed.Name); other != nil && other.ID != changed.ID {
			return api.Failure(http.StatusConflict, 11009,
				"Queue name '%s' is already taken. Please use a different name and try again.", changed.Name)
		}
		r.put(changed)
		return nil
	})
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(s.showQueue(c.Account, changed))
}

func (s *Store) queueCreate(c *api.Call) *api.Error {
	return s.changeQueue(c, func(_ *queue, body queueBody) *queue {
		q := &queue{ID: api.NewID(), Name: body.Name, Created: api.Now(), Modified: api.Now(),
			Settings: maps.Clone(queueSettings)}
		maps.Copy(q.Settings, body.Settings)
		return q
	})
}

func (s *Store) queueUpdate(c *api.Call) *api.Error {
	return s.changeQueue(c, func(old *queue, body queueBody) *queue {
		q := old.with(old.Consumers)
		if body.Name != "" {
			q.Name = body.Name
		}
		q.Settings = maps.Clone(q.Settings)
		maps.Copy(q.Settings, body.Settings)
		return q
	})
}

// lookUp returns the queue that the path names.
func (s *Store) lookUp(c *api.Call) (*queue, *api.Error) {
	var found *queue
	s.accounts.View(c.Account, func(r *resources) { found = r.queue(c.R.PathValue("queue")) })
	if found == nil {
		return nil, errNoQueue
	}
	return found, nil
}

func (s *Store) queueGet(c *api.Call) *api.Error {
	q, apiErr := s.lookUp(c)
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(s.showQueue(c.Account, q))
}

func (s *Store) queueDelete(c *api.Call) *api.Error {
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.queue(c.R.PathValue("queue"))
		if old == nil {
			return errNoQueue
		}
		r.Queues = without(r.Queues, old)
		return nil
	})
	return c.ReplyUnless(apiErr, map[string]any{})
}
