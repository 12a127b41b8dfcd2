package edge

import (
	"bytes"
	"container/list"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a location's cache of responses: for all responses together, and for one.
const (
	maxCacheBytes    = 128 << 20
	maxResponseBytes = 32 << 20
)

// cachedResponse is a response in the cache of a location.
type cachedResponse struct {
	status    int
	header    http.Header
	body      []byte
	at, until time.Time
	// The response may be used until whileRevalidate while a new one is requested, and
	// until ifError if the Worker fails. See RFC 5861.
	whileRevalidate, ifError time.Time
	revalidating             atomic.Bool // a new response is being requested
	// A purge selects responses by worker and path or tags.
	worker, path string
	tags         []string
	// vary are the request headers on which the responses of a path depend. An entry with
	// vary has no response. The responses are in entries whose keys include these headers.
	vary []string
}

// respond writes the response, or the requested part of it, or a 304.
func (k *cachedResponse) respond(w http.ResponseWriter, r *http.Request, status string, now time.Time) {
	h := w.Header()
	maps.Copy(h, k.header.Clone())
	h.Set("CF-Cache-Status", status)
	if now.After(k.at) {
		h.Set("Age", strconv.Itoa(int(now.Sub(k.at).Seconds())))
	}
	if k.status != http.StatusOK {
		if k.status != http.StatusNoContent {
			h.Set("Content-Length", strconv.Itoa(len(k.body)))
		}
		w.WriteHeader(k.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(k.body)
		}
		return
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // net/http must not guess it
	}
	modified, _ := http.ParseTime(h.Get("Last-Modified")) // the zero time if unknown
	http.ServeContent(w, r, "", modified, bytes.NewReader(k.body))
}

// response returns the response of Workers Caching for a request.
func (k *cachedResponse) response(r *http.Request, status string, now time.Time) *http.Response {
	w := &written{header: http.Header{}, status: http.StatusOK}
	k.respond(w, r, status, now)
	setCacheStatus(w.header, status)
	return &http.Response{
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
}

// written is an [http.ResponseWriter] that keeps the response in memory.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(p []byte) (int, error) { return w.body.Write(p) }

// responseCache is the cache of responses of a location. If it is larger than maxCacheBytes,
// it evicts the least recently used responses.
type responseCache struct {
	mu     sync.Mutex
	size   int
	recent *list.List // of *cacheEntry, most recently used first
	places map[string]*list.Element
}

type cacheEntry struct {
	key string
	*cachedResponse
}

// size returns approximately the memory that an entry uses.
func (p *cacheEntry) size() int {
	n := len(p.key) + len(p.body) + 512
	for name, values := range p.header {
		n += len(name)
		for _, value := range values {
			n += len(value)
		}
	}
	return n
}

func newResponseCache() *responseCache {
	return &responseCache{recent: list.New(), places: map[string]*list.Element{}}
}

func (a *responseCache) get(key string) *cachedResponse {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.places[key]
	if at == nil {
		return nil
	}
	a.recent.MoveToFront(at)
	return at.Value.(*cacheEntry).cachedResponse
}

func (a *responseCache) put(key string, k *cachedResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(a.places[key])
	p := &cacheEntry{key, k}
	a.places[key] = a.recent.PushFront(p)
	for a.size += p.size(); a.size > maxCacheBytes; {
		a.remove(a.recent.Back())
	}
}

// delete removes a response. It reports whether there was one.
func (a *responseCache) delete(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remove(a.places[key])
}

// purge deletes the responses for which matches is true.
func (a *responseCache) purge(matches func(*cachedResponse) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.places {
		if matches(at.Value.(*cacheEntry).cachedResponse) {
			a.remove(at)
		}
	}
}

func (a *responseCache) remove(at *list.Element) bool {
	if at == nil {
		return false
	}
	p := a.recent.Remove(at).(*cacheEntry)
	delete(a.places, p.key)
	a.size -= p.size()
	return true
}

func (a *responseCache) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.size, a.recent, a.places = 0, list.New(), map[string]*list.Element{}
}
