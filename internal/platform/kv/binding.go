package kv

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Headers that the configuration of a Worker puts into its binding's requests.
const (
	HeaderNamespace = "X-Kv-Namespace"
	HeaderAccount   = "X-Kv-Account"
)

// Reads reads keys through the cache of a location. ttl is the cacheTtl of the read in
// seconds, or 0 if the Worker did not set one. found is nil if the key does not exist.
type Reads interface {
	Get(ns *Namespace, key string, ttl int64) (found *Entry, cached bool)
}

// Binding serves the KV bindings of Workers. workerd sends their requests to it.
type Binding struct {
	Store *Store
	Reads Reads
}

// ServeHTTP handles requests of workerd's KV bindings.
func (b *Binding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ns := b.Store.Namespace(r.Header.Get(HeaderAccount), r.Header.Get(HeaderNamespace))
	if ns == nil {
		http.Error(w, "namespace not found", http.StatusNotFound)
		return
	}
	if apiErr := b.answer(ns, w, r); apiErr != nil {
		http.Error(w, apiErr.Message, apiErr.Status)
	}
}

func (b *Binding) answer(ns *Namespace, w http.ResponseWriter, r *http.Request) *api.Error {
	// The path is one segment: workerd encodes "/" as %2F, and does not encode "+".
	key, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10018, "the key is not percent-encoded")
	}
	switch {
	case r.Method == http.MethodGet && key == "":
		return b.list(ns, w, r.URL.Query())
	case r.Method == http.MethodPost && r.URL.Path == "/bulk/get":
		return b.bulkGet(ns, w, r)
	}
	if apiErr := checkKey(key); apiErr != nil {
		return apiErr
	}
	switch r.Method {
	case http.MethodGet:
		ttl, apiErr := cacheTTL(r.URL.Query().Get("cache_ttl"))
		if apiErr != nil {
			return apiErr
		}
		return b.get(ns, w, key, ttl)
	case http.MethodPut:
		return b.put(ns, w, r, key)
	case http.MethodDelete:
		var deletes batch
		deletes.delete(key)
		return api.Internal(ns.write(&deletes, b.Store.behaviour().ListLag))
	}
	return api.Failure(http.StatusMethodNotAllowed, 10405, "method not allowed")
}

// minCacheTTL is the shortest cacheTtl of a read, in seconds.
const minCacheTTL = 30

// cacheTTL parses the cacheTtl of a read. It returns 0 if the Worker did not set one.
func cacheTTL(raw string) (int64, *api.Error) {
	if raw == "" {
		return 0, nil
	}
	ttl, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || ttl < minCacheTTL {
		return 0, api.Failure(http.StatusBadRequest, 10021, "Invalid cache_ttl of %s. Cache TTL must be at least %d.", raw,
			minCacheTTL)
	}
	return ttl, nil
}

func (b *Binding) get(ns *Namespace, w http.ResponseWriter, key string, ttl int64) *api.Error {
	found, cached := b.Reads.Get(ns, key, ttl)
	w.Header().Set("CF-Cache-Status", map[bool]string{true: "HIT", false: "MISS"}[cached])
	if found == nil {
		return api.Failure(http.StatusNotFound, 10009, "not found")
	}
	if found.metadata != nil {
		w.Header().Set("CF-KV-Metadata", string(found.metadata))
	}
	w.Header().Set("Content-Length", strconv.Itoa(found.size))
	_, _ = io.Copy(w, ns.value(found))
	return nil
}

func (b *Binding) put(ns *Namespace, w http.ResponseWriter, r *http.Request, key string) *api.Error {
	value := buffers.get()
	defer buffers.put(value)
	if apiErr := api.ReadFailure(value.ReadFrom(http.MaxBytesReader(w, r.Body, maxValue+1))); apiErr != nil {
		return apiErr
	}
	var to Entry
	if raw := r.Header.Get("CF-KV-Metadata"); raw != "" {
		to.metadata = []byte(raw)
	}
	q := r.URL.Query()
	to.expiration, _ = strconv.ParseInt(q.Get("expiration"), 10, 64)
	ttl, _ := strconv.ParseInt(q.Get("expiration_ttl"), 10, 64)
	return ns.put(key, to, value.Bytes(), ttl, b.Store.behaviour().ListLag)
}

func (b *Binding) list(ns *Namespace, w http.ResponseWriter, q url.Values) *api.Error {
	limit := min(api.PositiveOr(q.Get("key_count_limit"), 1000), 1000)
	page, next, err := ns.list(q.Get("prefix"), q.Get("cursor"), limit, b.Store.behaviour().ListLag)
	if err != nil {
		return api.Failure(http.StatusBadRequest, 10024, "%v", err)
	}
	type key struct {
		Name       string `json:"name"`
		Expiration int64  `json:"expiration,omitempty"`
		Metadata   string `json:"metadata,omitempty"` // JSON within a string: the binding parses it
	}
	keys := make([]key, len(page))
	for i, k := range page {
		keys[i] = key{k.name, k.expiration, string(k.metadata)}
	}
	answer := map[string]any{"keys": keys, "list_complete": next == ""}
	if next != "" {
		answer["cursor"] = next
	}
	api.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (b *Binding) bulkGet(ns *Namespace, w http.ResponseWriter, r *http.Request) *api.Error {
	var q bulkQuery
	if err := json.NewDecoder(io.LimitReader(r.Body, api.MaxJSON)).Decode(&q); err != nil {
		return api.Failure(http.StatusBadRequest, 10026, "%v", err)
	}
	ttl, apiErr := cacheTTL(q.CacheTTL.String())
	if apiErr != nil {
		return apiErr
	}
	values, apiErr := q.answer(ns, func(key string) *Entry {
		found, _ := b.Reads.Get(ns, key, ttl)
		return found
	})
	if apiErr != nil {
		return apiErr
	}
	api.WriteJSON(w, http.StatusOK, values)
	return nil
}
