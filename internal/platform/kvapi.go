package platform

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

func (c *call) namespace() (*namespace, *apiError) {
	ns := c.s.namespace(c.account, c.r.PathValue("namespace"))
	if ns == nil {
		return nil, failure(http.StatusNotFound, 10013, "namespace not found")
	}
	return ns, nil
}

// checkKey refuses the keys that KV refuses.
func checkKey(key string) *apiError {
	switch {
	case key == "":
		return failure(http.StatusBadRequest, 10018, "key names must not be empty")
	case key == "." || key == "..":
		return failure(http.StatusBadRequest, 10018, "key names must not be . or ..")
	case len(key) > maxKey:
		return failure(http.StatusRequestURITooLong, 10018, "key length of %d exceeds limit of %d", len(key), maxKey)
	case !utf8.ValidString(key):
		return failure(http.StatusBadRequest, 10018, "key names must be UTF-8")
	}
	return nil
}

// checkEntry sets an entry's expiration. It refuses an entry that KV refuses.
func checkEntry(e *entry, size int, ttl int64) *apiError {
	at := time.Now().Unix()
	if ttl != 0 {
		if ttl < minTTL {
			return failure(http.StatusBadRequest, 10021, "Invalid expiration_ttl of %d. Expiration TTL must be at least %d.",
				ttl, minTTL)
		}
		e.expiration = at + ttl
	} else if e.expiration != 0 && e.expiration < at+minTTL {
		return failure(http.StatusBadRequest, 10021,
			"Invalid expiration of %d. Expiration times must be at least %d seconds in the future.", e.expiration, minTTL)
	}
	if size > maxValue {
		return failure(http.StatusRequestEntityTooLarge, 10054, "value length of %d exceeds limit of %d", size, maxValue)
	}
	var compacted bytes.Buffer
	if len(e.metadata) > 0 {
		if err := json.Compact(&compacted, e.metadata); err != nil {
			return failure(http.StatusBadRequest, 10022, "metadata is not JSON")
		}
		e.metadata = compacted.Bytes()
	}
	if len(e.metadata) > maxMetadata {
		return failure(http.StatusRequestEntityTooLarge, 10054, "metadata length of %d exceeds limit of %d", len(e.metadata),
			maxMetadata)
	}
	return nil
}

func (c *call) key() (string, *apiError) {
	key := c.r.PathValue("key")
	return key, checkKey(key)
}

func (c *call) keysList() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	q := c.r.URL.Query()
	limit := 1000
	if raw := q.Get("limit"); raw != "" {
		var err error
		if limit, err = strconv.Atoi(raw); err != nil || limit < 10 || limit > 1000 {
			return failure(http.StatusBadRequest, 10025, "limit must be between 10 and 1000")
		}
	}
	cursor, skip := q.Get("cursor"), false
	behaviour := c.s.behaviour.get()
	if behaviour.EmptyPages {
		// The cursor of an empty page ends in a dot.
		cursor, skip = strings.CutSuffix(cursor, ".")
		if !skip {
			writeResult(c.w, []any{}, map[string]any{"count": 0, "cursor": cursor + "."})
			return nil
		}
	}
	page, next, err := ns.list(q.Get("prefix"), cursor, limit, behaviour.ListLag)
	if err != nil {
		return failure(http.StatusBadRequest, 10024, "%v", err)
	}
	writeResult(c.w, keysJSON(page), map[string]any{"count": len(page), "cursor": next})
	return nil
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

func (c *call) lookUp() (*namespace, *entry, *apiError) {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return nil, nil, apiErr
	}
	key, apiErr := c.key()
	if apiErr != nil {
		return nil, nil, apiErr
	}
	e := ns.get(key)
	if e == nil {
		return nil, nil, failure(http.StatusNotFound, 10009, "get: 'key not found'")
	}
	return ns, e, nil
}

func (c *call) valueGet() *apiError {
	ns, e, apiErr := c.lookUp()
	if apiErr != nil {
		return apiErr
	}
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Content-Length", strconv.Itoa(e.size))
	if e.expiration > 0 {
		c.w.Header().Set("Expiration", strconv.FormatInt(e.expiration, 10))
	}
	_, _ = io.Copy(c.w, ns.value(e))
	return nil
}

func (c *call) metadataGet() *apiError {
	_, e, apiErr := c.lookUp()
	if apiErr != nil {
		return apiErr
	}
	if e.metadata == nil {
		return c.reply(nil)
	}
	return c.reply(json.RawMessage(e.metadata))
}

func (c *call) valuePut() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	key, apiErr := c.key()
	if apiErr != nil {
		return apiErr
	}
	var e entry
	var ttl int64
	for name, into := range map[string]*int64{"expiration": &e.expiration, "expiration_ttl": &ttl} {
		if raw := c.r.URL.Query().Get(name); raw != "" {
			n, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				return failure(http.StatusBadRequest, 10021, "Invalid %s of %s", name, raw)
			}
			*into = n
		}
	}
	value := buffers.get()
	defer buffers.put(value)
	if apiErr := c.readValue(value, &e); apiErr != nil {
		return apiErr
	}
	if apiErr := ns.put(key, e, value.Bytes(), ttl, c.s.behaviour.get().ListLag); apiErr != nil {
		return apiErr
	}
	return c.reply(nil)
}

// readValue reads the body of a write: raw bytes, or a form with value and metadata.
func (c *call) readValue(value *bytes.Buffer, e *entry) *apiError {
	body := http.MaxBytesReader(c.w, c.r.Body, maxValue+1<<20)
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/form-data") {
		return readFailure(value.ReadFrom(body))
	}
	c.r.Body = body
	form, err := c.r.MultipartReader()
	if err != nil {
		return failure(http.StatusBadRequest, 10026, "could not parse the form: %v", err)
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failure(http.StatusBadRequest, 10026, "could not parse the form: %v", err)
		}
		if apiErr := readPart(part, value, e); apiErr != nil {
			return apiErr
		}
	}
}

func readPart(part *multipart.Part, value *bytes.Buffer, e *entry) *apiError {
	switch part.FormName() {
	case "value":
		value.Reset()
		return readFailure(value.ReadFrom(part))
	case "metadata":
		raw, err := io.ReadAll(io.LimitReader(part, 1<<20))
		if e.metadata = raw; string(raw) == "null" {
			e.metadata = nil
		}
		return readFailure(0, err)
	}
	return nil
}

func readFailure(_ int64, err error) *apiError {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return failure(http.StatusRequestEntityTooLarge, 10054, "request body exceeds the limit of %d bytes", tooLarge.Limit)
	case err != nil:
		return failure(http.StatusBadRequest, 10026, "could not read the request body: %v", err)
	}
	return nil
}

// put checks and writes one value.
func (ns *namespace) put(key string, e entry, value []byte, ttl int64, lag time.Duration) *apiError {
	if apiErr := checkEntry(&e, len(value), ttl); apiErr != nil {
		return apiErr
	}
	var b batch
	err := b.put(key, e, len(value), func(buf []byte) ([]byte, error) { return append(buf, value...), nil })
	if err == nil {
		err = ns.write(&b, lag)
	}
	return internalError(err)
}

func internalError(err error) *apiError {
	if err == nil {
		return nil
	}
	return failure(http.StatusInternalServerError, 10001, "%v", err)
}

func (c *call) valueDelete() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	key, apiErr := c.key()
	if apiErr != nil {
		return apiErr
	}
	var b batch
	b.delete(key)
	if err := ns.write(&b, c.s.behaviour.get().ListLag); err != nil {
		return internalError(err)
	}
	return c.reply(nil)
}
