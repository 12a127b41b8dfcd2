package admin_test

import (
	"net/url"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

// A login always leads to a page of this host.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/", "/sites/tides", "/sites/project%2Ftides/rollback/" + twoID, "//evil.example",
		"/\\evil.example", "/sites/../..//evil.example", "https:evil.example", "/\t/x", "/sites/%2F%2Fx", "/sites/A%"} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "http", Host: "localhost:8791", Path: "/login"}
	f.Fuzz(func(t *testing.T, next string) {
		got := admin.SafeNext(next)
		to, err := base.Parse(got)
		if err != nil || to.Scheme != "http" || to.Host != base.Host || len(got) > 1 && got[:7] != "/sites/" {
			t.Errorf("%q leads to %q (%v)", next, got, err)
		}
	})
}

// Every character of a text is visible, and its length is limited.
func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"", "a subject", "\u202eleft", "\x1b[31m", "\xff\xfe", "é\u0301", "a\nb",
		"🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 1 + int(uint(most)%200)
		got := admin.Visible(s, most)
		if n := utf8.RuneCountInString(got); n > most {
			t.Errorf("%q has %d characters, want at most %d", got, n, most)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q has the invisible %q", got, r)
			}
		}
	})
}
