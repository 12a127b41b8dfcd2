package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// bulkResult is the result of bulk writes and deletes.
type bulkResult struct {
	Successful   int      `json:"successful_key_count"`
	Unsuccessful []string `json:"unsuccessful_keys"`
}

func (s *Store) bulkPut(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	body := buffers.get()
	defer buffers.put(body)
	body.Grow(int(min(max(c.R.ContentLength, 0)+bytes.MinRead, maxBulkBytes)))
	if apiErr := api.ReadFailure(body.ReadFrom(http.MaxBytesReader(c.W, c.R.Body, maxBulkBytes))); apiErr != nil {
		return apiErr
	}
	pairs, err := parsePairs(body.Bytes())
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "could not parse the request body: %v", err)
	}
	values := buffers.get()
	defer buffers.put(values)
	values.Grow(body.Len())
	b := batch{buf: values.AvailableBuffer()}
	result := bulkResult{Unsuccessful: []string{}}
	for i := range pairs {
		p := &pairs[i]
		if c.Skips(i, p.key) {
			result.Unsuccessful = append(result.Unsuccessful, p.key)
			continue
		}
		if apiErr := b.add(p); apiErr != nil {
			return apiErr
		}
		result.Successful++
	}
	if err := ns.write(&b, s.behaviour().ListLag); err != nil {
		return api.Internal(err)
	}
	return c.Reply(result)
}

// add checks a pair and adds it to the batch. If a pair is invalid, the whole request is
// refused.
func (b *batch) add(p *pair) *api.Error {
	if apiErr := checkKey(p.key); apiErr != nil {
		return apiErr
	}
	size, err := p.size()
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "%v", err)
	}
	e := Entry{metadata: p.metadata, expiration: p.expiration}
	if apiErr := checkEntry(&e, size, p.ttl); apiErr != nil {
		return apiErr
	}
	if err := b.put(p.key, e, size, p.appendTo); err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "%v", err)
	}
	return nil
}

func (s *Store) bulkDelete(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	var keys []string
	if apiErr := c.Decode(&keys); apiErr != nil {
		return apiErr
	}
	if len(keys) > maxBulk {
		return api.Failure(http.StatusBadRequest, 10026, "more than %d keys", maxBulk)
	}
	var b batch
	result := bulkResult{Unsuccessful: []string{}}
	for i, key := range keys {
		if c.Skips(i, key) {
			result.Unsuccessful = append(result.Unsuccessful, key)
			continue
		}
		if apiErr := checkKey(key); apiErr != nil {
			return apiErr
		}
		b.delete(key)
		result.Successful++
	}
	if err := ns.write(&b, s.behaviour().ListLag); err != nil {
		return api.Internal(err)
	}
	return c.Reply(result)
}

// bulkQuery is a request for several values, through the API or a binding.
type bulkQuery struct {
	Keys         []string    `json:"keys"`
	Type         string      `json:"type"`
	WithMetadata bool        `json:"withMetadata"`
	CacheTTL     json.Number `json:"cacheTtl"`
}

const maxBulkGet = 100

type valueWithMetadata struct {
	Value    any             `json:"value"`
	Metadata json.RawMessage `json:"metadata"`
}

func (s *Store) bulkGet(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	var q bulkQuery
	if apiErr := c.Decode(&q); apiErr != nil {
		return apiErr
	}
	values, apiErr := q.answer(ns, ns.Get)
	if apiErr != nil {
		return apiErr
	}
	if !q.WithMetadata { // the documented form has no null there
		maps.DeleteFunc(values, func(_ string, value any) bool { return value == nil })
	}
	return c.Reply(map[string]any{"values": values})
}

// answer reads each key with get. It returns a map from key to value, or with WithMetadata
// from key to value and metadata.
func (q *bulkQuery) answer(ns *Namespace, get func(string) *Entry) (map[string]any, *api.Error) {
	if len(q.Keys) == 0 || len(q.Keys) > maxBulkGet {
		return nil, api.Failure(http.StatusBadRequest, 10026, "ask for 1 to %d keys", maxBulkGet)
	}
	if q.Type != "" && q.Type != "text" && q.Type != "json" {
		return nil, api.Failure(http.StatusBadRequest, 10026, "type %q is not text or json", q.Type)
	}
	values := map[string]any{}
	left := maxValue // the limit applies to all values together
	for _, key := range q.Keys {
		if apiErr := checkKey(key); apiErr != nil {
			return nil, apiErr
		}
		e := get(key)
		if e == nil {
			values[key] = nil
			continue
		}
		if left -= e.size; left < 0 {
			return nil, api.Failure(http.StatusRequestEntityTooLarge, 10054, "the values exceed %d bytes together", maxValue)
		}
		value, err := q.convert(ns, e)
		if err != nil {
			return nil, api.Failure(http.StatusBadRequest, 10026, "%s: %v", key, err)
		}
		if q.WithMetadata {
			value = valueWithMetadata{value, orNull(e.metadata)}
		}
		values[key] = value
	}
	return values, nil
}

func (q *bulkQuery) convert(ns *Namespace, e *Entry) (any, error) {
	raw, err := io.ReadAll(ns.value(e))
	if err != nil {
		return nil, err
	}
	switch q.Type {
	case "", "text":
		if !utf8.Valid(raw) {
			return nil, errors.New("the value is not text")
		}
		return string(raw), nil
	case "json":
		if !json.Valid(raw) {
			return nil, errors.New("the value is not JSON")
		}
		return json.RawMessage(raw), nil
	}
	return nil, fmt.Errorf("type %q is not text or json", q.Type)
}

func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}
