package platform

import (
	"net/http"
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

// freshness reports whether the edge may keep an answer, and how long it is fresh.
// authorized says that the request carried credentials.
func freshness(status int, h http.Header, authorized bool) (lasts time.Duration, ok bool) {
	switch {
	case status < 200, status == http.StatusPartialContent, status == http.StatusNotModified, status >= 520 && status <= 526:
		return 0, false
	case h["Set-Cookie"] != nil, strings.Contains(strings.Join(h["Vary"], ","), "*"):
		return 0, false
	}
	said := directives(h)
	_, public := said["public"]
	_, shared := said["s-maxage"]
	_, must := said["must-revalidate"]
	if _, private := said["private"]; private {
		return 0, false
	}
	if _, never := said["no-store"]; never || authorized && !public && !shared && !must {
		return 0, false
	}
	if _, stale := said["no-cache"]; stale {
		return 0, true
	}
	for _, name := range []string{"s-maxage", "max-age"} {
		if raw, given := said[name]; given {
			seconds, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				return 0, true // RFC 9111, 4.2.1: what cannot be read is stale
			}
			return time.Duration(max(0, min(seconds, maxCacheTTL))) * time.Second, true
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
	return heuristic[status], true
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
