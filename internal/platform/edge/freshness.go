package edge

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// cacheHeaders say how long the edge may cache a response. The first one that a response
// has is used.
var cacheHeaders = []string{"Cloudflare-CDN-Cache-Control", "CDN-Cache-Control", "Cache-Control"}

// heuristic is the lifetime of responses without cache headers, by status.
var heuristic = map[int]time.Duration{
	200: 2 * time.Hour, 203: 2 * time.Hour, 204: 2 * time.Hour,
	300: 20 * time.Minute, 301: 20 * time.Minute,
	404: 3 * time.Minute, 410: 3 * time.Minute,
	405: time.Minute, 414: time.Minute, 501: time.Minute,
}

// lifetime is how long a cached response may be used.
type lifetime struct {
	// fresh is the time for which the response may be used without a request to the Worker.
	fresh time.Duration
	// After fresh, the response may be used for the time whileRevalidate while a new one is
	// requested, and for the time ifError if the Worker fails.
	whileRevalidate, ifError time.Duration
}

// forever is the longest lifetime.
const forever = maxCacheTTL * time.Second

// freshness reports whether the edge may cache a response, and for how long. lasts is
// nil if caching is allowed but no lifetime is known; then the edge does not cache the
// response. authorized says that the request had credentials.
func freshness(status int, h http.Header, authorized bool) (lasts *lifetime, ok bool) {
	switch {
	case status < 200, status == http.StatusPartialContent, status == http.StatusNotModified,
		status >= 520 && status <= 526:
		return nil, false
	case h["Set-Cookie"] != nil, strings.Contains(strings.Join(h["Vary"], ","), "*"):
		return nil, false
	}
	given := directives(h)
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, is := given[name]; return is })
	}
	if has("private", "no-store") || authorized && !has("public", "s-maxage", "must-revalidate") {
		return nil, false
	}
	lasts = &lifetime{}
	if lasts.fresh, ok = freshFor(given, status, h); !ok {
		return nil, true
	}
	if has("s-maxage", "must-revalidate", "proxy-revalidate") {
		return lasts, true // RFC 9111, 4.2.4: a stale response must not be used
	}
	lasts.whileRevalidate = seconds(given["stale-while-revalidate"])
	switch {
	case status >= 500: // a stale error is not used
	case has("stale-if-error"):
		lasts.ifError = seconds(given["stale-if-error"])
	default:
		lasts.ifError = forever
	}
	return lasts, true
}

// freshFor returns how long a response is fresh. ok is false if neither the headers nor the
// status determine it.
func freshFor(given map[string]string, status int, h http.Header) (lasts time.Duration, ok bool) {
	if _, stale := given["no-cache"]; stale {
		return 0, true
	}
	for _, name := range []string{"s-maxage", "max-age"} {
		if raw, ok := given[name]; ok {
			return seconds(raw), true
		}
	}
	if raw := h.Get("Expires"); raw != "" {
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			date = api.Now()
		}
		until, err := http.ParseTime(raw)
		if err != nil {
			return 0, true
		}
		return max(0, until.Sub(date)), true
	}
	if len(given) > 0 {
		return 0, true
	}
	lasts, ok = heuristic[status]
	return lasts, ok
}

// seconds parses a number of seconds. RFC 9111, 4.2.1: with an invalid number the response is
// stale, so seconds returns 0.
func seconds(raw string) time.Duration {
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(max(0, min(n, maxCacheTTL))) * time.Second
}

// directives returns the directives and values of the first of cacheHeaders that is set. The
// names are in lower case.
func directives(h http.Header) map[string]string {
	given := map[string]string{}
	for _, name := range cacheHeaders {
		for part := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if key != "" {
				given[strings.ToLower(key)] = strings.Trim(value, `"`)
			}
		}
		if len(given) > 0 {
			break
		}
	}
	return given
}
