package admin_test

import (
	"net/url"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

// Wherever a login leads, it is a page of this host.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/", "/sites/tides", "/sites/project%2Ftides/rollback/" + twoID, "//evil.example", "/\\evil.example", "/sites/../..//evil.example", "https:evil.example", "/\t/x", "/sites/%2F%2Fx", "/sites/A%"} {
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

// Whatever somebody wrote, one line of it is shown, and all of that can be seen.
func FuzzVisible(f *testing.F) {
	for _, seed := range []string{"", "a subject", "\u202eleft", "\x1b[31m", "\xff\xfe", "é\u0301", "a\nb", "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"} {
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
				t.Errorf("%q has %q, which nobody sees", got, r)
			}
		}
	})
}
