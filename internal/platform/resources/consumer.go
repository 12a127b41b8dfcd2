package resources

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// consumer is a script that gets the messages of a queue, or clients that pull them.
type consumer struct {
	ID         string                     `json:"consumer_id"`
	Type       string                     `json:"type"`
	Script     string                     `json:"script,omitempty"`
	ScriptName string                     `json:"script_name,omitempty"` // the same, for the SDKs
	QueueName  string                     `json:"queue_name"`
	DeadLetter string                     `json:"dead_letter_queue,omitempty"`
	Settings   map[string]json.RawMessage `json:"settings"`
	Created    time.Time                  `json:"created_on"`
}

// The types of consumers.
const (
	workerConsumer = "worker"
	pullConsumer   = "http_pull"
)

var errNoConsumer = api.Failure(http.StatusNotFound, 11001, "Consumer not found.")

func (q *queue) consumer(id string) *consumer {
	return find(q.Consumers, func(c *consumer) bool { return c.ID == id })
}

func (s *Store) consumersList(c *api.Call) *api.Error {
	q, apiErr := s.lookUp(c)
	if apiErr != nil {
		return apiErr
	}
	return api.ReplyPage(c, q.Consumers, api.Whole)
}

func (s *Store) consumerGet(c *api.Call) *api.Error {
	q, apiErr := s.lookUp(c)
	if apiErr != nil {
		return apiErr
	}
	found := q.consumer(c.R.PathValue("consumer"))
	if found == nil {
		return errNoConsumer
	}
	return c.Reply(found)
}

// readConsumer reads a consumer from a request.
func (s *Store) readConsumer(c *api.Call) (*consumer, *api.Error) {
	var body struct {
		Type       string                     `json:"type"`
		Script     string                     `json:"script_name"`
		DeadLetter string                     `json:"dead_letter_queue"`
		Settings   map[string]json.RawMessage `json:"settings"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return nil, apiErr
	}
	switch body.Type {
	case pullConsumer:
		body.Script = ""
	case workerConsumer:
		if !s.scripts.Has(c.Account, body.Script) {
			return nil, api.Failure(http.StatusBadRequest, 11002, "The Worker %q does not exist.", body.Script)
		}
	default:
		return nil, api.Failure(http.StatusBadRequest, 11002, "A consumer has the type %q or %q, not %q.", workerConsumer,
			pullConsumer, body.Type)
	}
	if body.Settings == nil {
		body.Settings = map[string]json.RawMessage{}
	}
	return &consumer{ID: api.NewID(), Type: body.Type, Script: body.Script, ScriptName: body.Script,
		DeadLetter: body.DeadLetter, Settings: body.Settings, Created: api.Now()}, nil
}

// changeConsumers calls change for the queue that the path names, and stores the consumers that it
// returns.
func (s *Store) changeConsumers(c *api.Call, change func(*queue) ([]*consumer, *api.Error)) *api.Error {
	return s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.queue(c.R.PathValue("queue"))
		if old == nil {
			return errNoQueue
		}
		consumers, apiErr := change(old)
		if apiErr != nil {
			return apiErr
		}
		r.put(old.with(consumers))
		return nil
	})
}

// consumerCreate adds a consumer. A queue has one.
func (s *Store) consumerCreate(c *api.Call) *api.Error {
	added, apiErr := s.readConsumer(c)
	if apiErr != nil {
		return apiErr
	}
	apiErr = s.changeConsumers(c, func(q *queue) ([]*consumer, *api.Error) {
		if len(q.Consumers) > 0 {
			return nil, api.Failure(http.StatusConflict, 11004, "Queue %q already has a consumer.", q.Name)
		}
		added.QueueName = q.Name
		return []*consumer{added}, nil
	})
	return c.ReplyUnless(apiErr, added)
}

func (s *Store) consumerUpdate(c *api.Call) *api.Error {
	changed, apiErr := s.readConsumer(c)
	if apiErr != nil {
		return apiErr
	}
	apiErr = s.changeConsumers(c, func(q *queue) ([]*consumer, *api.Error) {
		old := q.consumer(c.R.PathValue("consumer"))
		if old == nil {
			return nil, errNoConsumer
		}
		changed.ID, changed.Created, changed.QueueName = old.ID, old.Created, q.Name
		consumers := slices.Clone(q.Consumers)
		consumers[slices.Index(consumers, old)] = changed
		return consumers, nil
	})
	return c.ReplyUnless(apiErr, changed)
}

func (s *Store) consumerDelete(c *api.Call) *api.Error {
	apiErr := s.changeConsumers(c, func(q *queue) ([]*consumer, *api.Error) {
		old := q.consumer(c.R.PathValue("consumer"))
		if old == nil {
			return nil, errNoConsumer
		}
		return without(q.Consumers, old), nil
	})
	return c.ReplyUnless(apiErr, map[string]any{})
}
