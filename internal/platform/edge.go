package platform

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// edge is the KV that Workers see through their bindings: the same store, read
// through the cache of one location. workerd speaks to it over a socket in a
// folder of our own, so no other user can.
type edge struct {
	server *Server
	dir    string
	http   *http.Server

	mu   sync.Mutex
	seen map[edgeKey]sighting
}

type edgeKey struct {
	namespace *namespace
	key       string
}

// sighting is what the location read of a key, perhaps that there is none, and
// how long it believes that.
type sighting struct {
	entry *entry
	until time.Time
}

// Headers that the configuration of a Worker puts into its binding's requests.
const (
	headerNamespace = "X-Kv-Namespace"
	headerAccount   = "X-Kv-Account"
)

func openEdge(s *Server) (*edge, error) {
	dir, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		return nil, err
	}
	e := &edge{server: s, dir: dir, seen: map[edgeKey]sighting{}}
	listener, err := net.Listen("unix", e.socket())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e.http = &http.Server{Handler: e, ReadHeaderTimeout: 30 * time.Second}
	go e.http.Serve(listener) //nolint:errcheck // it returns when close closes it
	return e, nil
}

func (e *edge) socket() string { return filepath.Join(e.dir, "kv.sock") }

func (e *edge) close() {
	_ = e.http.Close()
	_ = os.RemoveAll(e.dir)
}

// ServeHTTP answers workerd's KV binding.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ns := e.server.namespace(r.Header.Get(headerAccount), r.Header.Get(headerNamespace))
	if ns == nil {
		http.Error(w, "namespace not found", http.StatusNotFound)
		return
	}
	if apiErr := e.answer(ns, w, r); apiErr != nil {
		http.Error(w, apiErr.message, apiErr.status)
	}
}

func (e *edge) answer(ns *namespace, w http.ResponseWriter, r *http.Request) *apiError {
	// A key arrives as one segment, "/" as %2F and "+" as itself.
	key, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if err != nil {
		return failure(http.StatusBadRequest, 10018, "the key is not percent-encoded")
	}
	switch {
	case r.Method == http.MethodGet && key == "":
		return e.list(ns, w, r.URL.Query())
	case r.Method == http.MethodPost && r.URL.Path == "/bulk/get":
		return e.bulkGet(ns, w, r)
	}
	if apiErr := checkKey(key); apiErr != nil {
		return apiErr
	}
	switch r.Method {
	case http.MethodGet:
		ttl, _ := strconv.ParseInt(r.URL.Query().Get("cache_ttl"), 10, 64)
		return e.get(ns, w, key, ttl)
	case http.MethodPut:
		return e.put(ns, w, r, key)
	case http.MethodDelete:
		var b batch
		b.delete(key)
		return internal(ns.write(&b, e.server.behaviour.get().ListLag))
	}
	return failure(http.StatusMethodNotAllowed, 10405, "method not allowed")
}

// look reads a key as the location does: what it has seen, an absent key too, it
// goes on seeing for a while.
func (e *edge) look(ns *namespace, key string, cacheTTL int64) (found *entry, cached bool) {
	ttl := e.server.behaviour.get().EdgeTTL
	if ttl <= 0 {
		return ns.get(key), false
	}
	if cacheTTL > 0 {
		ttl = time.Duration(float64(ttl) * float64(cacheTTL) / 60)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := edgeKey{ns, key}
	if s, ok := e.seen[at]; ok && time.Now().Before(s.until) {
		return s.entry.alive(), true
	}
	if len(e.seen) >= maxSightings {
		clear(e.seen)
	}
	found = ns.get(key)
	e.seen[at] = sighting{entry: found, until: time.Now().Add(ttl)}
	return found, false
}

// maxSightings bounds the cache; a location forgets too.
const maxSightings = 1 << 18

func (e *edge) get(ns *namespace, w http.ResponseWriter, key string, cacheTTL int64) *apiError {
	found, cached := e.look(ns, key, cacheTTL)
	w.Header().Set("CF-Cache-Status", map[bool]string{true: "HIT", false: "MISS"}[cached])
	if found == nil {
		return failure(http.StatusNotFound, 10009, "not found")
	}
	if found.metadata != nil {
		w.Header().Set("CF-KV-Metadata", string(found.metadata))
	}
	w.Header().Set("Content-Length", strconv.Itoa(found.size))
	_, _ = io.Copy(w, ns.value(found))
	return nil
}

func (e *edge) put(ns *namespace, w http.ResponseWriter, r *http.Request, key string) *apiError {
	value := buffers.get()
	defer buffers.put(value)
	if apiErr := readFailure(value.ReadFrom(http.MaxBytesReader(w, r.Body, maxValue+1))); apiErr != nil {
		return apiErr
	}
	var to entry
	if raw := r.Header.Get("CF-KV-Metadata"); raw != "" {
		to.metadata = []byte(raw)
	}
	q := r.URL.Query()
	to.expiration, _ = strconv.ParseInt(q.Get("expiration"), 10, 64)
	ttl, _ := strconv.ParseInt(q.Get("expiration_ttl"), 10, 64)
	return ns.put(key, to, value.Bytes(), ttl, e.server.behaviour.get().ListLag)
}

func (e *edge) list(ns *namespace, w http.ResponseWriter, q url.Values) *apiError {
	limit := min(positive(q.Get("key_count_limit"), 1000), 1000)
	page, next, err := ns.list(q.Get("prefix"), q.Get("cursor"), limit, e.server.behaviour.get().ListLag)
	if err != nil {
		return failure(http.StatusBadRequest, 10024, "%v", err)
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
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (e *edge) bulkGet(ns *namespace, w http.ResponseWriter, r *http.Request) *apiError {
	var q bulkQuery
	if err := json.NewDecoder(io.LimitReader(r.Body, maxJSON)).Decode(&q); err != nil {
		return failure(http.StatusBadRequest, 10026, "%v", err)
	}
	values, apiErr := q.answer(ns, func(key string) *entry {
		found, _ := e.look(ns, key, q.CacheTTL)
		return found
	})
	if apiErr != nil {
		return apiErr
	}
	writeJSON(w, http.StatusOK, values)
	return nil
}
