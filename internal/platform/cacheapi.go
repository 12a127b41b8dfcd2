package platform

import (
	"bufio"
	"io"
	"net/http"
)

// cacheAPI answers workerd's Cache API: caches.default and caches.open(). A GET
// looks up, a PUT carries the answer to keep as it would go over a connection, a
// PURGE deletes.
type cacheAPI struct{ location *location }

// Headers of its requests. The first two are put there by the configuration of a
// Worker, in place of what the Worker may have put.
const (
	headerZone   = "X-Cache-Zone" // whose cache it is
	headerScheme = "X-Cache-Scheme"
	// headerNamed carries the name that caches.open() was given.
	headerNamed = "CF-Cache-Namespace"
)

func (c *cacheAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	url := r.Header.Get(headerScheme) + "://" + r.Host + r.URL.RequestURI()
	key := "cache\n" + r.Header.Get(headerZone) + "\n" + r.Header.Get(headerNamed) + "\n" + url
	switch r.Method {
	case http.MethodGet:
		if r.Header.Get(headerNamed) == purgeCache {
			c.location.purge(w, r.Header.Get(headerZone), r.URL.Query())
			return
		}
		found, now := c.location.answers.get(key), c.location.now()
		if found == nil || !now.Before(found.until) {
			w.Header().Set("CF-Cache-Status", "MISS")
			w.WriteHeader(http.StatusGatewayTimeout) // RFC 9111, 5.2.1.7: only-if-cached
			return
		}
		found.respond(w, r, "HIT", now)
	case http.MethodPut:
		w.WriteHeader(c.put(key, r.Body))
	case "PURGE":
		if !c.location.answers.delete(key) {
			w.WriteHeader(http.StatusNotFound)
		}
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// put keeps the answer in body if it may be kept, and returns the status that
// says so. Workers are not told.
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
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil || len(content) > maxAnswer {
		return http.StatusRequestEntityTooLarge
	}
	now := c.location.now()
	c.location.answers.put(key, &kept{
		status: response.StatusCode, header: response.Header, body: content, at: now, until: now.Add(c.location.lasts(lasts.fresh)),
	})
	return http.StatusNoContent
}
