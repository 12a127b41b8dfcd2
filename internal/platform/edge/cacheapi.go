package edge

import (
	"bufio"
	"io"
	"net/http"
)

// cacheAPI handles the requests of workerd's Cache API (caches.default and caches.open()).
// GET reads, PUT stores the HTTP response in its body, and PURGE deletes.
type cacheAPI struct{ location *Location }

// Headers of Cache API requests. A Worker cannot choose the first two: its configuration
// overrides them.
const (
	HeaderZone   = "X-Cache-Zone" // account and script
	HeaderScheme = "X-Cache-Scheme"
	// headerNamed has the argument of caches.open().
	headerNamed = "CF-Cache-Namespace"
)

func (c *cacheAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	url := r.Header.Get(HeaderScheme) + "://" + r.Host + r.URL.RequestURI()
	key := "cache\n" + r.Header.Get(HeaderZone) + "\n" + r.Header.Get(headerNamed) + "\n" + url
	switch r.Method {
	case http.MethodGet:
		if r.Header.Get(headerNamed) == PurgeCache {
			c.location.purge(w, r.Header.Get(HeaderZone), r.URL.Query())
			return
		}
		found, now := c.location.responses.get(key), c.location.now()
		if found == nil || !now.Before(found.until) {
			w.Header().Set("CF-Cache-Status", "MISS")
			w.WriteHeader(http.StatusGatewayTimeout) // RFC 9111, 5.2.1.7: only-if-cached
			return
		}
		found.respond(w, r, "HIT", now)
	case http.MethodPut:
		w.WriteHeader(c.put(key, r.Body))
	case "PURGE":
		if !c.location.responses.delete(key) {
			w.WriteHeader(http.StatusNotFound)
		}
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// put stores the response in body if that is allowed. It returns the status for workerd,
// which the Worker does not see.
func (c *cacheAPI) put(key string, body io.Reader) int {
	response, err := http.ReadResponse(bufio.NewReader(body), nil)
	if err != nil {
		return http.StatusBadRequest
	}
	defer response.Body.Close() //nolint:errcheck // read only
	lasts, ok := freshness(response.StatusCode, response.Header, false)
	if !ok || lasts == nil || lasts.fresh == 0 {
		return http.StatusRequestEntityTooLarge
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	if err != nil || len(content) > maxResponseBytes {
		return http.StatusRequestEntityTooLarge
	}
	now := c.location.now()
	c.location.responses.put(key, &cachedResponse{
		status: response.StatusCode, header: response.Header, body: content, at: now,
		until: now.Add(c.location.scale(lasts.fresh)),
	})
	return http.StatusNoContent
}
