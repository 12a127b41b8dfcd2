package cloudflare

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// dated returns an account on a server that sends these Dates, one a response. "" sends no Date. A
// Date that begins with "proxy" is sent with a page of HTML.
func dated(t *testing.T, dates ...string) *Account {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		date := dates[0]
		dates = dates[1:]
		if date == "" {
			w.Header()["Date"] = nil // otherwise net/http sets it
		}
		if rest, proxy := cutProxy(date); proxy {
			w.Header().Set("Date", rest)
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<html>go away</html>"))
			return
		} else if date != "" {
			w.Header().Set("Date", date)
		}
		_, _ = w.Write([]byte("value"))
	}))
	t.Cleanup(server.Close)
	a, err := New(Options{Token: "t", AccountID: "0123456789abcdef0123456789abcdef", BaseURL: server.URL, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func cutProxy(s string) (string, bool) {
	const mark = "proxy "
	if len(s) > len(mark) && s[:len(mark)] == mark {
		return s[len(mark):], true
	}
	return s, false
}

// The API's time comes from its last response. A response without a Date, or from a proxy, does not
// change it.
func TestTimeOfTheAPI(t *testing.T) {
	t.Parallel()
	const first, second, other = "Tue, 01 Dec 2026 10:00:00 GMT", "Wed, 02 Dec 2026 10:00:00 GMT",
		"Wed, 02 Dec 2037 10:00:00 GMT"
	a := dated(t, "", first, second, "", "proxy "+other)
	for i, want := range []string{"", first, second, second, second} {
		_, _ = a.Store("ns").Get(t.Context(), "k") // the last one is an error
		now, ok := a.Time()
		if ok != (want != "") {
			t.Fatalf("after answer %d the time is known: %t", i, ok)
		}
		if at, err := http.ParseTime(want); ok && (err != nil || now.Before(at) || now.Sub(at) > time.Hour) {
			t.Errorf("after answer %d it is %s, want %s", i, now, want)
		}
	}
}

// Responses of parallel calls may be observed in any order. The one that was received last counts.
func TestTimeOfTheLastResponseCounts(t *testing.T) {
	t.Parallel()
	var c clock
	received := time.Now()
	date := func(at time.Time) http.Header { return http.Header{"Date": {at.UTC().Format(http.TimeFormat)}} }
	c.observe(date(received.Add(time.Hour)), received)
	c.observe(date(received.Add(-time.Hour)), received.Add(-time.Second))
	c.observe(http.Header{"Date": {"yesterday"}}, received.Add(time.Second))
	if now, ok := c.now(); !ok || now.Sub(received) < 59*time.Minute || now.Sub(received) > 2*time.Hour {
		t.Errorf("it is %s, %t", now, ok)
	}
}
