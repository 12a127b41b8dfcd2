package parts

import (
	"errors"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A part is refused that is not the one of its link, although its checksum is right.
func TestRefusedParts(t *testing.T) {
	a, b := entry{Asset: file("/a.html", "a")}, entry{Asset: file("/b.html", "b")}
	for name, tt := range map[string]struct {
		entries []entry
		spoil   func(l *link, s *span)
		ok      bool
	}{
		"whole":       {[]entry{a, b}, func(*link, *span) {}, true},
		"order":       {[]entry{b, a}, func(*link, *span) {}, false},
		"twice":       {[]entry{a, a}, func(*link, *span) {}, false},
		"gone":        {[]entry{a, {Asset: manifest.Asset{Path: "/b.html"}, gone: true}}, func(*link, *span) {}, false},
		"overlap":     {[]entry{a, b}, func(_ *link, s *span) { *s = span{"/a.html", "/b.html", false} }, false},
		"count":       {[]entry{a, b}, func(l *link, _ *span) { l.count = 3 }, false},
		"hash":        {[]entry{a, b}, func(l *link, _ *span) { l.ref.Hash[0] ^= 1 }, false},
		"first path":  {[]entry{a, b}, func(l *link, _ *span) { l.first = "/" }, false},
		"no entry":    {nil, func(*link, *span) {}, false},
		"before next": {[]entry{a, b}, func(_ *link, s *span) { *s = span{"/a.html", "/c.html", false} }, true},
	} {
		value, hash, err := encodePart(Files, tt.entries)
		if err != nil {
			t.Fatal(err)
		}
		l, s := link{count: len(tt.entries), ref: manifest.Ref{Hash: hash}}, span{last: true}
		if l.count > 0 {
			l.first = tt.entries[0].Path
		}
		tt.spoil(&l, &s)
		if _, err := l.open(Files, s, value); (err == nil) != tt.ok || err != nil && !errors.Is(err, manifest.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
