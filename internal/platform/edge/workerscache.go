package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// cacheStatus is the header that says whether a response comes from the cache.
const cacheStatus = "CF-Cache-Status"

// WorkersCache implements Workers Caching for a version of a Worker. It uses the cache of the
// location.
type WorkersCache struct {
	Location *Location
	// Life ends with the platform. A revalidation continues after its request.
	Life   context.Context //nolint:containedctx // see above
	Worker string          // account/script
	Scope  string          // a prefix for the keys of the version's responses
	Next   http.RoundTripper
}

// overriding are request headers that make some frameworks use another method or address. They
// are part of the key, so that a response to a request with such a header is used only for
// requests with the same header.
var overriding = []string{
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Forwarded-Host", "X-Host",
	"X-Original-Url", "X-Rewrite-Url", "Forwarded", "Cloudflare-Workers-Version-Key",
}

// key returns the key of a request. It has path and query, but not the host, as at Cloudflare.
func (c *WorkersCache) key(r *http.Request) string {
	key := "worker\n" + c.Scope + "\n" + r.URL.RequestURI() + varying(r, overriding)
	if scheme := r.Header.Get("X-Forwarded-Scheme"); !slices.Contains([]string{"", "http", "https"}, scheme) {
		key += "\n" + scheme
	}
	return key
}

func varying(r *http.Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteByte('\n')
		b.WriteString(strings.Join(r.Header.Values(name), ","))
	}
	return b.String()
}

// RoundTrip returns a response from the cache. If there is none, it sends the request to the
// Worker, and stores the response if that is allowed.
func (c *WorkersCache) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
		return c.forward(r, "BYPASS")
	}
	key := c.key(r)
	found, now := c.Location.responses.get(key), c.Location.now()
	if found != nil && found.vary != nil {
		found = c.Location.responses.get(key + varying(r, found.vary))
	}
	switch {
	case found == nil:
	case now.Before(found.until):
		return found.response(r, "HIT", now), nil
	case now.Before(found.whileRevalidate):
		if found.revalidating.CompareAndSwap(false, true) {
			go c.revalidate(r.Clone(c.Life), key, found)
		}
		return found.response(r, "UPDATING", now), nil
	}
	return c.fetch(r, key, found)
}

// updateLimit is how long a Worker may take for a revalidation in the background.
const updateLimit = 30 * time.Second

// revalidate requests a new response from the Worker in the background, while visitors get
// the stale one.
func (c *WorkersCache) revalidate(r *http.Request, key string, stale *cachedResponse) {
	ctx, cancel := context.WithTimeout(c.Life, updateLimit)
	defer cancel()
	whole := r.WithContext(ctx)
	whole.Method = http.MethodGet
	for _, name := range conditions {
		whole.Header.Del(name)
	}
	response, err := c.fetch(whole, key, stale)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body) // reading to the end stores it
		_ = response.Body.Close()
	}
	if err != nil || slices.Contains([]string{"STALE", "BYPASS"}, response.Header.Get(cacheStatus)) {
		stale.revalidating.Store(false) // nothing was stored, so the next request starts a revalidation
	}
}

// forward sends a request to the Worker and does not store the response.
func (c *WorkersCache) forward(r *http.Request, status string) (*http.Response, error) {
	response, err := c.Next.RoundTrip(r)
	if err == nil {
		setCacheStatus(response.Header, status)
	}
	return response, err
}

// setCacheStatus sets the cache status, and removes the headers that visitors must not see.
func setCacheStatus(h http.Header, status string) {
	h.Del("Cloudflare-CDN-Cache-Control")
	h.Del("Cache-Tag")
	h.Set(cacheStatus, status)
}

// conditions are the request headers that can make a response partial or empty.
var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// fetch requests a response from the Worker and stores it if that is allowed. It always requests
// the complete response, even if r is a request for a part or has conditions. If the Worker
// fails or confirms the stale response, fetch returns the stale response.
func (c *WorkersCache) fetch(r *http.Request, key string, stale *cachedResponse) (*http.Response, error) {
	whole, part := r.Clone(r.Context()), r.Method == http.MethodHead
	whole.Method = http.MethodGet
	for _, name := range conditions {
		part = part || r.Header.Get(name) != ""
		whole.Header.Del(name)
	}
	status := "MISS"
	if stale != nil {
		status = "EXPIRED"
		stale.addConditions(whole.Header)
	}
	response, err := c.Next.RoundTrip(whole)
	if failed := err != nil || response.StatusCode >= 500; failed && stale != nil &&
		c.Location.now().Before(stale.ifError) {
		if err == nil {
			_ = response.Body.Close()
		}
		return stale.response(r, "STALE", c.Location.now()), nil
	}
	if err != nil {
		return nil, err
	}
	if stale != nil && response.StatusCode == http.StatusNotModified {
		_ = response.Body.Close()
		return c.renew(r, key, stale, response.Header), nil
	}
	lasts, ok := freshness(response.StatusCode, response.Header, r.Header.Get("Authorization") != "")
	if !ok {
		status = "BYPASS"
	}
	answer := &cachedResponse{status: response.StatusCode, header: response.Header.Clone()}
	setCacheStatus(response.Header, status)
	switch {
	case lasts == nil || response.ContentLength > maxResponseBytes:
	case part:
		return c.storeFirst(r, key, lasts, answer, response)
	default:
		response.Body = &storingBody{ReadCloser: response.Body, whole: func(body []byte) {
			answer.body = body
			c.store(r, key, lasts, answer)
		}}
		return response, nil
	}
	if r.Method == http.MethodHead {
		_ = response.Body.Close()
		response.Body = http.NoBody
	}
	return response, nil
}

// addConditions adds request headers with which the Worker can confirm that the response is current.
func (c *cachedResponse) addConditions(h http.Header) {
	if tag := c.header.Get("ETag"); tag != "" {
		h.Set("If-None-Match", tag)
	} else if modified := c.header.Get("Last-Modified"); modified != "" {
		h.Set("If-Modified-Since", modified)
	}
}

// renew stores a response that the Worker has confirmed, with the headers of the 304.
func (c *WorkersCache) renew(r *http.Request, key string, stale *cachedResponse, confirmed http.Header) *http.Response {
	answer := &cachedResponse{status: stale.status, header: stale.header.Clone(), body: stale.body, at: c.Location.now()}
	for name, values := range confirmed { // RFC 9111, 3.2
		if name != "Content-Length" {
			answer.header[name] = values
		}
	}
	if lasts, ok := freshness(answer.status, answer.header, r.Header.Get("Authorization") != ""); ok && lasts != nil {
		c.store(r, key, lasts, answer)
	}
	return answer.response(r, "REVALIDATED", answer.at)
}

// storeFirst reads a complete response and stores it, and then returns the part that r
// requests.
func (c *WorkersCache) storeFirst(r *http.Request, key string, lasts *lifetime, answer *cachedResponse,
	response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	if err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	if len(body) > maxResponseBytes {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
		return response, nil
	}
	_ = response.Body.Close()
	answer.body = body
	c.store(r, key, lasts, answer)
	return answer.response(r, response.Header.Get(cacheStatus), answer.at), nil
}

// store stores a response to r. There is one response for each value of the headers in Vary.
func (c *WorkersCache) store(r *http.Request, key string, lasts *lifetime, res *cachedResponse) {
	res.worker, res.path, res.tags = c.Worker, r.URL.EscapedPath(), cacheTags(res.header)
	res.at = c.Location.now()
	res.until = res.at.Add(c.Location.scale(lasts.fresh))
	res.whileRevalidate, res.ifError = res.until.Add(c.Location.scale(lasts.whileRevalidate)),
		res.until.Add(c.Location.scale(lasts.ifError))
	if vary := res.header.Values("Vary"); len(vary) > 0 {
		names := strings.FieldsFunc(strings.Join(vary, ","), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
		c.Location.responses.put(key, &cachedResponse{vary: names})
		key += varying(r, names)
	}
	c.Location.responses.put(key, res)
}

// storingBody collects a body while it is read. At the end it calls whole with the body.
type storingBody struct {
	io.ReadCloser
	body  []byte
	done  bool // the body was passed to whole, or is too large
	whole func(body []byte)
}

func (b *storingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.done {
		return n, err
	}
	if b.body = append(b.body, p[:n]...); len(b.body) > maxResponseBytes {
		b.body, b.done = nil, true
	} else if errors.Is(err, io.EOF) {
		b.done = true
		b.whole(b.body)
	}
	return n, err
}
