package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// workersCache is Workers Caching: it stands before a version of a Worker and
// answers for it what the location keeps.
type workersCache struct {
	location *location
	life     context.Context //nolint:containedctx // what is fetched in the background outlives its request
	worker   string          // account/script
	whose    string
	next     http.RoundTripper
}

// whoseAnswers tells the answers of a version from those of others, or is "" where
// its upload does not ask for Workers Caching.
func (v *version) whoseAnswers(account, script string) string {
	var options struct {
		Enabled bool `json:"enabled"`
		Cross   bool `json:"cross_version_cache"`
	}
	if json.Unmarshal(v.Runtime["cache_options"], &options) != nil || !options.Enabled || v.Main == "" || v.Assets != nil {
		return ""
	}
	if options.Cross {
		return account + "/" + script
	}
	return account + "/" + script + "/" + v.ID
}

// overriding are the request headers that some frameworks take for another method
// or address. They are part of the key, so that an answer to them is given to
// nobody else.
var overriding = []string{
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Forwarded-Host", "X-Host",
	"X-Original-Url", "X-Rewrite-Url", "Forwarded", "Cloudflare-Workers-Version-Key",
}

// key is of path and query, and not of the host.
func (c *workersCache) key(r *http.Request) string {
	key := "worker\n" + c.whose + "\n" + r.URL.RequestURI() + varying(r, overriding)
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

// RoundTrip answers a request from what is kept, or has the Worker answer it and
// keeps that if it may.
func (c *workersCache) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
		return c.ask(r, "BYPASS")
	}
	key := c.key(r)
	found, now := c.location.answers.get(key), c.location.now()
	if found != nil && found.vary != nil {
		found = c.location.answers.get(key + varying(r, found.vary))
	}
	switch {
	case found == nil:
	case now.Before(found.until):
		return found.response(r, "HIT", now), nil
	case now.Before(found.updating):
		if found.asked.CompareAndSwap(false, true) {
			go c.update(r.Clone(c.life), key, found)
		}
		return found.response(r, "UPDATING", now), nil
	}
	return c.fill(r, key, found)
}

// updateLimit is how long a Worker may take for an answer that nobody waits for.
const updateLimit = 30 * time.Second

// update has the Worker answer anew while visitors get the stale answer.
func (c *workersCache) update(r *http.Request, key string, stale *kept) {
	ctx, cancel := context.WithTimeout(c.life, updateLimit)
	defer cancel()
	whole := r.WithContext(ctx)
	whole.Method = http.MethodGet
	for _, name := range conditions {
		whole.Header.Del(name)
	}
	response, err := c.fill(whole, key, stale)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body) // which has it kept
		_ = response.Body.Close()
	}
	if err != nil || slices.Contains([]string{"STALE", "BYPASS"}, response.Header.Get("CF-Cache-Status")) {
		stale.asked.Store(false) // nothing took its place: the next visitor asks again
	}
}

// ask has the Worker answer, and keeps nothing.
func (c *workersCache) ask(r *http.Request, status string) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err == nil {
		mark(response.Header, status)
	}
	return response, err
}

// mark says where an answer comes from, and takes off what is for the cache alone.
func mark(h http.Header, status string) {
	h.Del("Cloudflare-CDN-Cache-Control")
	h.Del("Cache-Tag")
	h.Set("CF-Cache-Status", status)
}

// conditions are the request headers that may make an answer less than whole.
var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// fill asks the Worker for the whole answer, whatever part of it the request is
// for, and keeps it if it may. A stale answer is given again if the Worker says that
// it still holds, or fails.
func (c *workersCache) fill(r *http.Request, key string, stale *kept) (*http.Response, error) {
	whole, part := r.Clone(r.Context()), r.Method == http.MethodHead
	whole.Method = http.MethodGet
	for _, name := range conditions {
		part = part || r.Header.Get(name) != ""
		whole.Header.Del(name)
	}
	status := "MISS"
	if stale != nil {
		status = "EXPIRED"
		stale.condition(whole.Header)
	}
	response, err := c.next.RoundTrip(whole)
	if failed := err != nil || response.StatusCode >= 500; failed && stale != nil && c.location.now().Before(stale.failing) {
		if err == nil {
			_ = response.Body.Close()
		}
		return stale.response(r, "STALE", c.location.now()), nil
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
	answer := &kept{status: response.StatusCode, header: response.Header.Clone()}
	mark(response.Header, status)
	switch {
	case lasts == nil || response.ContentLength > maxAnswer:
	case part:
		return c.keepFirst(r, key, status, lasts, answer, response)
	default:
		response.Body = &copied{ReadCloser: response.Body, whole: func(body []byte) {
			answer.body = body
			c.keep(r, key, lasts, answer)
		}}
		return response, nil
	}
	if r.Method == http.MethodHead {
		_ = response.Body.Close()
		response.Body = http.NoBody
	}
	return response, nil
}

// condition asks for an answer only if it is not this one.
func (k *kept) condition(h http.Header) {
	if tag := k.header.Get("ETag"); tag != "" {
		h.Set("If-None-Match", tag)
	} else if modified := k.header.Get("Last-Modified"); modified != "" {
		h.Set("If-Modified-Since", modified)
	}
}

// renew keeps what the Worker says still holds, under what it says of it now.
func (c *workersCache) renew(r *http.Request, key string, stale *kept, said http.Header) *http.Response {
	answer := &kept{status: stale.status, header: stale.header.Clone(), body: stale.body, at: c.location.now()}
	for name, values := range said { // RFC 9111, 3.2
		if name != "Content-Length" {
			answer.header[name] = values
		}
	}
	if lasts, ok := freshness(answer.status, answer.header, r.Header.Get("Authorization") != ""); ok && lasts != nil {
		c.keep(r, key, lasts, answer)
	}
	return answer.response(r, "REVALIDATED", answer.at)
}

// keepFirst reads an answer before any of it is passed on, for a request that
// wants but a part.
func (c *workersCache) keepFirst(r *http.Request, key, status string, lasts *lasting, answer *kept, response *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	if len(body) > maxAnswer {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
		return response, nil
	}
	_ = response.Body.Close()
	answer.body = body
	c.keep(r, key, lasts, answer)
	return answer.response(r, status, answer.at), nil
}

// keep keeps an answer to r, beside those to requests that differ in what its
// Vary names.
func (c *workersCache) keep(r *http.Request, key string, lasts *lasting, k *kept) {
	k.worker, k.path, k.tags = c.worker, r.URL.EscapedPath(), cacheTags(k.header)
	k.at = c.location.now()
	k.until = k.at.Add(c.location.lasts(lasts.fresh))
	k.updating, k.failing = k.until.Add(c.location.lasts(lasts.updating)), k.until.Add(c.location.lasts(lasts.failing))
	if vary := k.header.Values("Vary"); len(vary) > 0 {
		names := strings.FieldsFunc(strings.Join(vary, ","), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
		c.location.answers.put(key, &kept{vary: names})
		key += varying(r, names)
	}
	c.location.answers.put(key, k)
}

// copied passes an answer's body on and has it kept when it has come whole.
type copied struct {
	io.ReadCloser
	body  []byte
	over  bool // it is larger than what is kept, or was kept
	whole func(body []byte)
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.over {
		return n, err
	}
	if c.body = append(c.body, p[:n]...); len(c.body) > maxAnswer {
		c.body, c.over = nil, true
	} else if errors.Is(err, io.EOF) {
		c.over = true
		c.whole(c.body)
	}
	return n, err
}
