package platform

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// edge serves the bindings of Workers, KV and the Cache API, like one of Cloudflare's
// locations. workerd connects over Unix sockets in a private folder, so other users of the
// machine cannot. KV and the Cache API have different sockets: a Worker can choose headers
// of a Cache API request, and must not be able to choose a KV namespace in this way.
type edge struct {
	server   *Server
	location *location
	dir      string
	servers  []*http.Server
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
	e := &edge{server: s, location: newLocation(&s.behaviour), dir: dir}
	for path, handler := range map[string]http.Handler{e.socket(): e, e.cacheSocket(): &cacheAPI{e.location}} {
		listener, err := net.Listen("unix", path)
		if err != nil {
			e.close()
			return nil, err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
		e.servers = append(e.servers, server)
		go server.Serve(listener) //nolint:errcheck // it returns when close closes it
	}
	return e, nil
}

func (e *edge) socket() string { return filepath.Join(e.dir, "kv.sock") }

func (e *edge) cacheSocket() string { return filepath.Join(e.dir, "cache.sock") }

func (e *edge) close() {
	for _, server := range e.servers {
		_ = server.Close()
	}
	_ = os.RemoveAll(e.dir)
}

// ServeHTTP handles requests of workerd's KV bindings.
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
	// The path is one segment: workerd encodes "/" as %2F, and does not encode "+".
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
		ttl, apiErr := cacheTTL(r.URL.Query().Get("cache_ttl"))
		if apiErr != nil {
			return apiErr
		}
		return e.get(ns, w, key, ttl)
	case http.MethodPut:
		return e.put(ns, w, r, key)
	case http.MethodDelete:
		var b batch
		b.delete(key)
		return internalError(ns.write(&b, e.server.behaviour.get().ListLag))
	}
	return failure(http.StatusMethodNotAllowed, 10405, "method not allowed")
}

// Limits and default of a read's cacheTtl, in seconds.
const (
	minCacheTTL     = 30
	defaultCacheTTL = 60
	maxCacheTTL     = 100 * 365 * 24 * 3600 // longer values are the same as forever
)

// cacheTTL parses the cacheTtl of a read. It returns 0 if the Worker did not set one.
func cacheTTL(raw string) (int64, *apiError) {
	if raw == "" {
		return 0, nil
	}
	ttl, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || ttl < minCacheTTL {
		return 0, failure(http.StatusBadRequest, 10021, "Invalid cache_ttl of %s. Cache TTL must be at least %d.", raw,
			minCacheTTL)
	}
	return ttl, nil
}

func (e *edge) get(ns *namespace, w http.ResponseWriter, key string, ttl int64) *apiError {
	found, cached := e.location.get(ns, key, ttl)
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
	limit := min(positiveOr(q.Get("key_count_limit"), 1000), 1000)
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
	ttl, apiErr := cacheTTL(q.CacheTTL.String())
	if apiErr != nil {
		return apiErr
	}
	values, apiErr := q.answer(ns, func(key string) *entry {
		found, _ := e.location.get(ns, key, ttl)
		return found
	})
	if apiErr != nil {
		return apiErr
	}
	writeJSON(w, http.StatusOK, values)
	return nil
}
