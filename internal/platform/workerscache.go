package platform

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// workersCache is Workers Caching: it stands before a version of a Worker and
// answers for it what the location keeps.
type workersCache struct {
	location *location
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
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Forwarded-Host", "X-Host", "X-Forwarded-Scheme",
	"X-Original-Url", "X-Rewrite-Url", "Forwarded", "Cloudflare-Workers-Version-Key",
}

// key is of path and query, and not of the host.
func (c *workersCache) key(r *http.Request) string {
	return "worker\n" + c.whose + "\n" + r.URL.RequestURI() + varying(r, overriding)
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
		return c.fill(r, key, "MISS")
	case !now.Before(found.until):
		return c.fill(r, key, "EXPIRED")
	}
	return found.response(r, "HIT", now), nil
}

// ask has the Worker answer, and keeps nothing.
func (c *workersCache) ask(r *http.Request, status string) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err == nil {
		mark(response, status)
	}
	return response, err
}

// mark says where an answer comes from, and takes off what is for the cache alone.
func mark(response *http.Response, status string) {
	response.Header.Del("Cloudflare-CDN-Cache-Control")
	response.Header.Del("Cache-Tag")
	response.Header.Set("CF-Cache-Status", status)
}

// conditions are the request headers that may make an answer less than whole.
var conditions = []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// fill asks the Worker for the whole answer, whatever part of it the request is
// for, and keeps it if it may.
func (c *workersCache) fill(r *http.Request, key, status string) (*http.Response, error) {
	whole, part := r.Clone(r.Context()), r.Method == http.MethodHead
	whole.Method = http.MethodGet
	for _, name := range conditions {
		part = part || r.Header.Get(name) != ""
		whole.Header.Del(name)
	}
	response, err := c.next.RoundTrip(whole)
	if err != nil {
		return nil, err
	}
	lasts, ok := freshness(response.StatusCode, response.Header, r.Header.Get("Authorization") != "")
	if !ok {
		status = "BYPASS"
	}
	mark(response, status)
	switch {
	case !ok || lasts <= 0 || response.ContentLength > maxAnswer:
	case part:
		return c.keepFirst(r, key, status, lasts, response)
	default:
		response.Body = &copied{ReadCloser: response.Body, whole: func(body []byte) { c.keep(r, key, lasts, response, body) }}
		return response, nil
	}
	if r.Method == http.MethodHead {
		_ = response.Body.Close()
		response.Body = http.NoBody
	}
	return response, nil
}

// keepFirst reads an answer before any of it is passed on, for a request that
// wants but a part.
func (c *workersCache) keepFirst(r *http.Request, key, status string, lasts time.Duration, response *http.Response) (*http.Response, error) {
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
	k := c.keep(r, key, lasts, response, body)
	return k.response(r, status, k.at), nil
}

// keep keeps an answer to r, beside those to requests that differ in what its
// Vary names.
func (c *workersCache) keep(r *http.Request, key string, lasts time.Duration, response *http.Response, body []byte) *kept {
	k := &kept{status: response.StatusCode, header: response.Header.Clone(), body: body, at: c.location.now()}
	k.until = k.at.Add(c.location.lasts(lasts))
	if vary := k.header.Values("Vary"); len(vary) > 0 {
		names := strings.FieldsFunc(strings.Join(vary, ","), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' })
		c.location.answers.put(key, &kept{vary: names})
		key += varying(r, names)
	}
	c.location.answers.put(key, k)
	return k
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
