package edge

import (
	"bytes"
	"net/http"
	"testing"
	"time"
)

// For all headers, the lifetime is neither negative nor too large for a clock, and private
// responses are not stored.
func FuzzFreshness(f *testing.F) {
	for _, seed := range []string{
		"", "max-age=60", "public, s-maxage=1, max-age=2", `no-cache="set-cookie"`, "max-age", "max-age=-1",
		"max-age=99999999999999999999",
		"MAX-AGE=5", ",,=,", "private", "no-store", "s-maxage=x",
		"max-age=1, stale-while-revalidate=5, stale-if-error=99999999999999",
	} {
		f.Add(seed, 200, false)
	}
	f.Fuzz(func(t *testing.T, header string, status int, authorized bool) {
		h := http.Header{"Cache-Control": {header}}
		lasts, ok := freshness(status, h, authorized)
		if !ok && lasts != nil {
			t.Errorf("%q: %v, %v", header, lasts, ok)
		}
		if lasts != nil {
			for _, d := range []time.Duration{lasts.fresh, lasts.whileRevalidate, lasts.ifError} {
				if d < 0 || time.Now().Add(d).Before(time.Now().Add(-time.Second)) {
					t.Errorf("%q: %v", header, lasts)
				}
			}
		}
		for _, never := range []string{"private", "no-store"} {
			if _, is := directives(h)[never]; is && ok {
				t.Errorf("%q may be cached", header)
			}
		}
	})
}

// A response from workerd is stored completely or not at all.
func FuzzCachePut(f *testing.F) {
	for _, seed := range []string{
		"", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := NewLocation(Options{Now: time.Now, Minute: func() time.Duration { return 0 }})
		status := (&cacheAPI{l}).put("k", bytes.NewReader(raw))
		found := l.responses.get("k")
		if (status == http.StatusNoContent) != (found != nil) {
			t.Fatalf("status %d, stored: %v", status, found != nil)
		}
		if found != nil && !bytes.Contains(bytes.ToLower(raw), []byte("chunked")) && !bytes.Contains(raw, found.body) {
			t.Errorf("stored %q of %q", found.body, raw)
		}
	})
}
