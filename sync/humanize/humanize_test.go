package humanize_test

import (
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

func check[T any](t *testing.T, name string, write func(T) string, in T, want string) {
	t.Helper()
	if got := write(in); got != want {
		t.Errorf("%s(%v) is %q, want %q", name, in, got, want)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -999: "-999", -1000: "-1,000",
	} {
		check(t, "Number", humanize.Number, n, want)
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n    int
		noun string
		want string
	}{
		{0, "file", "0 files"}, {1, "file", "1 file"}, {12345, "file", "12,345 files"}, {2, "KV write", "2 KV writes"},
		{1, "key", "1 key"}, {2, "key", "2 keys"}, {1, "retry", "1 retry"}, {3, "retry", "3 retries"},
	} {
		check(t, "Count", func(n int) string { return humanize.Count(n, c.noun) }, c.n, c.want)
	}
}

func TestPath(t *testing.T) {
	for path, want := range map[string]string{
		"/a b.html": "/a b.html", "/\u00fcber.html": "/\u00fcber.html",
		"/u\u0308ber.html": "/u\u0308ber.html (/u%CC%88ber.html)",
	} {
		check(t, "Path", humanize.Path, path, want)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9951: "10 kB", 999_499: "999 kB", 999_999: "1.0 MB",
		176_000_000: "176 MB", 5_000_000_000: "5.0 GB", 7_777_000_000_000: "7777 GB",
	} {
		check(t, "Bytes", humanize.Bytes, n, want)
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		40 * time.Millisecond: "0.04 s", 1234 * time.Millisecond: "1.2 s", 42 * time.Second: "42 s",
		200 * time.Second: "3 min 20 s",
	} {
		check(t, "Seconds", humanize.Seconds, d, want)
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]string{87 * time.Millisecond: "87 ms", 1234 * time.Millisecond: "1.2 s"} {
		check(t, "Milliseconds", humanize.Milliseconds, d, want)
	}
}
