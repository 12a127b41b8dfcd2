package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Limits of Workers KV: https://developers.cloudflare.com/kv/platform/limits/
const (
	maxValue     = 25 << 20
	maxKey       = 512
	maxMetadata  = 1024
	maxBulk      = 10_000
	maxBulkBytes = 100 << 20
	minTTL       = 60
)

func (s *Store) named(c *api.Call) (*Namespace, *api.Error) {
	ns, apiErr := s.Find(c.Account, c.R.PathValue("namespace"))
	if ns == nil && apiErr == nil {
		return nil, api.Failure(http.StatusNotFound, 10013, "namespace not found")
	}
	return ns, nil
}

// checkKey refuses the keys that KV refuses.
func checkKey(key string) *api.Error {
	switch {
	case key == "":
		return api.Failure(http.StatusBadRequest, 10018, "key names must not be empty")
	case key == "." || key == "..":
		return api.Failure(http.StatusBadRequest, 10018, "key names must not be . or ..")
	case len(key) > maxKey:
		return api.Failure(http.StatusRequestURITooLong, 10018, "key length of %d exceeds limit of %d", len(key), maxKey)
	case !utf8.ValidString(key):
		return api.Failure(http.StatusBadRequest, 10018, "key names must be UTF-8")
	}
	return nil
}

// checkEntry sets an entry's expiration. It refuses an entry that KV refuses.
func checkEntry(e *Entry, size int, ttl int64) *api.Error {
	at := time.Now().Unix()
	if ttl != 0 {
		if ttl < minTTL {
			return api.Failure(http.StatusBadRequest, 10021, "Invalid expiration_ttl of %d. Expiration TTL must be at least %d.",
				ttl, minTTL)
		}
		e.expiration = at + ttl
	} else if e.expiration != 0 && e.expiration < at+minTTL {
		return api.Failure(http.StatusBadRequest, 10021,
			"Invalid expiration of %d. Expiration times must be at least %d seconds in the future.", e.expiration, minTTL)
	}
	if size > maxValue {
		return api.Failure(http.StatusRequestEntityTooLarge, 10054, "value length of %d exceeds limit of %d", size, maxValue)
	}
	var compacted bytes.Buffer
	if len(e.metadata) > 0 {
		if err := json.Compact(&compacted, e.metadata); err != nil {
			return api.Failure(http.StatusBadRequest, 10022, "metadata is not JSON")
		}
		e.metadata = compacted.Bytes()
	}
	if len(e.metadata) > maxMetadata {
		return api.Failure(http.StatusRequestEntityTooLarge, 10054, "metadata length of %d exceeds limit of %d",
			len(e.metadata), maxMetadata)
	}
	return nil
}

func key(c *api.Call) (string, *api.Error) {
	key := c.R.PathValue("key")
	return key, checkKey(key)
}

func (s *Store) keysList(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	q := c.R.URL.Query()
	limit := 1000
	if raw := q.Get("limit"); raw != "" {
		var err error
		if limit, err = strconv.Atoi(raw); err != nil || limit < 10 || limit > 1000 {
			return api.Failure(http.StatusBadRequest, 10025, "limit must be between 10 and 1000")
		}
	}
	cursor, skip := q.Get("cursor"), false
	behaviour := s.behaviour()
	if behaviour.EmptyPages {
		// The cursor of an empty page ends in a dot.
		cursor, skip = strings.CutSuffix(cursor, ".")
		if !skip {
			return c.ReplyWith([]any{}, map[string]any{"count": 0, "cursor": cursor + "."})
		}
	}
	page, next, err := ns.list(q.Get("prefix"), cursor, limit, behaviour.ListLag)
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10024, "%v", err)
	}
	return c.ReplyWith(keysJSON(page), map[string]any{"count": len(page), "cursor": next})
}

type keyJSON struct {
	Name       string          `json:"name"`
	Expiration int64           `json:"expiration,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
}

func keysJSON(page []listed) []keyJSON {
	keys := make([]keyJSON, len(page))
	for i, k := range page {
		keys[i] = keyJSON{Name: k.name, Expiration: k.expiration, Metadata: k.metadata}
	}
	return keys
}

// place returns the namespace and the key that the request names.
func (s *Store) place(c *api.Call) (*Namespace, string, *api.Error) {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return nil, "", apiErr
	}
	key, apiErr := key(c)
	return ns, key, apiErr
}

func (s *Store) lookUp(c *api.Call) (*Namespace, *Entry, *api.Error) {
	ns, key, apiErr := s.place(c)
	if apiErr != nil {
		return nil, nil, apiErr
	}
	e := ns.Get(key)
	if e == nil {
		return nil, nil, api.Failure(http.StatusNotFound, 10009, "get: 'key not found'")
	}
	return ns, e, nil
}

func (s *Store) valueGet(c *api.Call) *api.Error {
	ns, e, apiErr := s.lookUp(c)
	if apiErr != nil {
		return apiErr
	}
	c.W.Header().Set("Content-Type", "application/octet-stream")
	c.W.Header().Set("Content-Length", strconv.Itoa(e.size))
	if e.expiration > 0 {
		c.W.Header().Set("Expiration", strconv.FormatInt(e.expiration, 10))
	}
	_, _ = io.Copy(c.W, ns.value(e))
	return nil
}

func (s *Store) metadataGet(c *api.Call) *api.Error {
	_, e, apiErr := s.lookUp(c)
	if apiErr != nil {
		return apiErr
	}
	if e.metadata == nil {
		return c.Reply(nil)
	}
	return c.Reply(json.RawMessage(e.metadata))
}

func (s *Store) valuePut(c *api.Call) *api.Error {
	ns, key, apiErr := s.place(c)
	if apiErr != nil {
		return apiErr
	}
	var e Entry
	var ttl int64
	for name, into := range map[string]*int64{"expiration": &e.expiration, "expiration_ttl": &ttl} {
		if raw := c.R.URL.Query().Get(name); raw != "" {
			n, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				return api.Failure(http.StatusBadRequest, 10021, "Invalid %s of %s", name, raw)
			}
			*into = n
		}
	}
	value := buffers.get()
	defer buffers.put(value)
	if apiErr := readValue(c, value, &e); apiErr != nil {
		return apiErr
	}
	if apiErr := ns.put(key, e, value.Bytes(), ttl, s.behaviour().ListLag); apiErr != nil {
		return apiErr
	}
	return c.Reply(map[string]any{})
}

// readValue reads the body of a write: raw bytes, or a form with value and metadata.
func readValue(c *api.Call, value *bytes.Buffer, e *Entry) *api.Error {
	body := http.MaxBytesReader(c.W, c.R.Body, maxValue+1<<20)
	if !strings.HasPrefix(c.R.Header.Get("Content-Type"), "multipart/form-data") {
		return api.ReadFailure(value.ReadFrom(body))
	}
	c.R.Body = body
	form, err := c.R.MultipartReader()
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "could not parse the form: %v", err)
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return api.Failure(http.StatusBadRequest, 10026, "could not parse the form: %v", err)
		}
		if apiErr := readPart(part, value, e); apiErr != nil {
			return apiErr
		}
	}
}

func readPart(part *multipart.Part, value *bytes.Buffer, e *Entry) *api.Error {
	switch part.FormName() {
	case "value":
		value.Reset()
		return api.ReadFailure(value.ReadFrom(part))
	case "metadata":
		raw, err := io.ReadAll(io.LimitReader(part, 1<<20))
		if e.metadata = raw; string(raw) == "null" {
			e.metadata = nil
		}
		return api.ReadFailure(0, err)
	}
	return nil
}

// put checks and writes one value.
func (ns *Namespace) put(key string, e Entry, value []byte, ttl int64, lag time.Duration) *api.Error {
	if apiErr := checkEntry(&e, len(value), ttl); apiErr != nil {
		return apiErr
	}
	var b batch
	err := b.put(key, e, len(value), func(buf []byte) ([]byte, error) { return append(buf, value...), nil })
	if err == nil {
		err = ns.write(&b, lag)
	}
	return api.Internal(err)
}

func (s *Store) valueDelete(c *api.Call) *api.Error {
	ns, key, apiErr := s.place(c)
	if apiErr != nil {
		return apiErr
	}
	var b batch
	b.delete(key)
	if err := ns.write(&b, s.behaviour().ListLag); err != nil {
		return api.Internal(err)
	}
	return c.Reply(map[string]any{})
}
