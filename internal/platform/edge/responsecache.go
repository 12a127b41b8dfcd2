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
func (c *cachedResponse) respond(w http.ResponseWriter, r *http.Request, status string, now time.Time) {
	h := w.Header()
	maps.Copy(h, c.header.Clone())
	h.Set("CF-Cache-Status", status)
	if now.After(c.at) {
		h.Set("Age", strconv.Itoa(int(now.Sub(c.at).Seconds())))
	}
	if c.status != http.StatusOK {
		if c.status != http.StatusNoContent {
			h.Set("Content-Length", strconv.Itoa(len(c.body)))
		}
		w.WriteHeader(c.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(c.body)
		}
		return
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // net/http must not guess it
	}
	modified, _ := http.ParseTime(h.Get("Last-Modified")) // the zero time if unknown
	http.ServeContent(w, r, "", modified, bytes.NewReader(c.body))
}

// response returns the response of Workers Caching for a request.
func (c *cachedResponse) response(r *http.Request, status string, now time.Time) *http.Response {
	w := &written{header: http.Header{}, status: http.StatusOK}
	c.respond(w, r, status, now)
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
func (e *cacheEntry) size() int {
	n := len(e.key) + len(e.body) + 512
	for name, values := range e.header {
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

func (c *responseCache) get(key string) *cachedResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.places[key]
	if at == nil {
		return nil
	}
	c.recent.MoveToFront(at)
	return at.Value.(*cacheEntry).cachedResponse
}

func (c *responseCache) put(key string, res *cachedResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(c.places[key])
	e := &cacheEntry{key, res}
	c.places[key] = c.recent.PushFront(e)
	for c.size += e.size(); c.size > maxCacheBytes; {
		c.remove(c.recent.Back())
	}
}

// delete removes a response. It reports whether there was one.
func (c *responseCache) delete(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remove(c.places[key])
}

// purge deletes the responses for which matches is true.
func (c *responseCache) purge(matches func(*cachedResponse) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.places {
		if matches(at.Value.(*cacheEntry).cachedResponse) {
			c.remove(at)
		}
	}
}

func (c *responseCache) remove(at *list.Element) bool {
	if at == nil {
		return false
	}
	e := c.recent.Remove(at).(*cacheEntry)
	delete(c.places, e.key)
	c.size -= e.size()
	return true
}

func (c *responseCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size, c.recent, c.places = 0, list.New(), map[string]*list.Element{}
}
