package platform

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cacheHeaders say how long the edge may keep an answer; the first that is there
// counts.
var cacheHeaders = []string{"Cloudflare-CDN-Cache-Control", "CDN-Cache-Control", "Cache-Control"}

// heuristic is how long an answer lasts that says nothing of it, by its status.
var heuristic = map[int]time.Duration{
	200: 2 * time.Hour, 203: 2 * time.Hour, 204: 2 * time.Hour,
	300: 20 * time.Minute, 301: 20 * time.Minute,
	404: 3 * time.Minute, 410: 3 * time.Minute,
	405: time.Minute, 414: time.Minute, 501: time.Minute,
}

// lasting is how long an answer may be given.
type lasting struct {
	// fresh is how long as it is.
	fresh time.Duration
	// updating and failing are for how long after that: while a new one is asked for,
	// and where the Worker fails to give one.
	updating, failing time.Duration
}

// The longest that anything lasts.
const forever = maxCacheTTL * time.Second

// freshness reports whether the edge may keep an answer, and for how long. It is nil
// where the edge might and does not: nothing says how long. authorized says that the
// request carried credentials.
func freshness(status int, h http.Header, authorized bool) (lasts *lasting, ok bool) {
	switch {
	case status < 200, status == http.StatusPartialContent, status == http.StatusNotModified, status >= 520 && status <= 526:
		return nil, false
	case h["Set-Cookie"] != nil, strings.Contains(strings.Join(h["Vary"], ","), "*"):
		return nil, false
	}
	said := directives(h)
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, is := said[name]; return is })
	}
	if has("private", "no-store") || authorized && !has("public", "s-maxage", "must-revalidate") {
		return nil, false
	}
	lasts = &lasting{}
	if lasts.fresh, ok = freshFor(said, status, h); !ok {
		return nil, true
	}
	if has("s-maxage", "must-revalidate", "proxy-revalidate") {
		return lasts, true // RFC 9111, 4.2.4: never given stale
	}
	lasts.updating = seconds(said["stale-while-revalidate"])
	switch {
	case status >= 500: // an error stands in for no other
	case has("stale-if-error"):
		lasts.failing = seconds(said["stale-if-error"])
	default:
		lasts.failing = forever
	}
	return lasts, true
}

// freshFor is how long an answer is fresh that may be kept; not ok: it does not say,
// and its status does not either.
func freshFor(said map[string]string, status int, h http.Header) (lasts time.Duration, ok bool) {
	if _, stale := said["no-cache"]; stale {
		return 0, true
	}
	for _, name := range []string{"s-maxage", "max-age"} {
		if raw, given := said[name]; given {
			return seconds(raw), true
		}
	}
	if raw := h.Get("Expires"); raw != "" {
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			date = now()
		}
		until, err := http.ParseTime(raw)
		if err != nil {
			return 0, true
		}
		return max(0, until.Sub(date)), true
	}
	if len(said) > 0 {
		return 0, true
	}
	lasts, ok = heuristic[status]
	return lasts, ok
}

// seconds reads a number of seconds. RFC 9111, 4.2.1: what cannot be read is stale.
func seconds(raw string) time.Duration {
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(max(0, min(n, maxCacheTTL))) * time.Second
}

// directives are those of the header that counts, in lower case, with their values.
func directives(h http.Header) map[string]string {
	said := map[string]string{}
	for _, name := range cacheHeaders {
		for part := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if key != "" {
				said[strings.ToLower(key)] = strings.Trim(value, `"`)
			}
		}
		if len(said) > 0 {
			break
		}
	}
	return said
}
