package kvsync

import (
	"testing"

	"github.com/kv-sync/kv-sync/sync/version"
)

func TestHoldAfter(t *testing.T) {
	const c1 = "1111111111111111111111111111111111111111"
	const c2 = "2222222222222222222222222222222222222222"
	id := func(n string) string { return "20261130-00000" + n + "-00000000" }
	for name, tt := range map[string]struct {
		live, target version.Deployment
		want         string
	}{
		"to another commit": {version.Deployment{ID: id("2"), Commit: c2}, version.Deployment{ID: id("1"), Commit: c1},
			c2},
		"further back": {version.Deployment{ID: id("2"), Commit: c1, Hold: c2},
			version.Deployment{ID: id("1"), Commit: "3333333333333333333333333333333333333333"}, c2},
		"forward to what is held": {version.Deployment{ID: id("1"), Commit: c1, Hold: c2},
			version.Deployment{ID: id("2"), Commit: c2}, ""},
		"to a build of the same commit": {version.Deployment{ID: id("2"), Commit: c2}, version.Deployment{ID: id("1"),
			Commit: c2}, id("2")},
		"further back in the same": {version.Deployment{ID: id("2"), Commit: c2, Hold: id("3")},
			version.Deployment{ID: id("1"), Commit: c2}, id("3") + "," + id("2")},
		"forward, not to the newest": {version.Deployment{ID: id("1"), Commit: c2, Hold: id("3") + "," + id("2")},
			version.Deployment{ID: id("2"), Commit: c2}, id("3")},
		"forward to the newest": {version.Deployment{ID: id("1"), Commit: c2, Hold: id("3") + "," + id("2")},
			version.Deployment{ID: id("3"), Commit: c2}, ""},
		"without commits": {version.Deployment{ID: id("2")}, version.Deployment{ID: id("1")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := holdAfter(&tt.live, &tt.target); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
