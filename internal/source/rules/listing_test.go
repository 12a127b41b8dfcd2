package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Finish sorts the files and finds names that differ only in case without an index of all files.
// The test compares the result with that of an index.
func TestListingInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	for range 500 {
		l, names := NewListing(), map[string]bool{}
		for range rnd.IntN(30) {
			names[fmt.Sprintf("%c/%c%c", 'a'+rnd.IntN(2), "abAB"[rnd.IntN(4)], "xyX"[rnd.IntN(3)])] = true
		}
		// Reused files are added first and in order, other files in any order.
		var reused, found []string
		for name := range names {
			if rnd.IntN(3) > 0 {
				reused = append(reused, name)
			} else {
				found = append(found, name)
			}
		}
		slices.Sort(reused)
		for _, name := range slices.Concat(reused, found) {
			l.Add(manifest.File{Asset: manifest.Asset{Path: "/" + name}})
		}
		got, err := l.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var want, notices, paths, noticed []string
		for name := range names {
			want = append(want, "/"+name)
		}
		slices.Sort(want)
		before := map[string]string{}
		for _, path := range want {
			lower := strings.ToLower(path)
			if other := before[lower]; other != "" {
				notices = append(notices, path[1:]+" the path differs from "+other+" in case only")
			}
			before[lower] = path
		}
		for _, f := range got.Files {
			paths = append(paths, f.Path)
		}
		for _, n := range got.Notices {
			noticed = append(noticed, n.Path+" "+n.Reason)
		}
		if !slices.Equal(paths, want) || !slices.Equal(noticed, notices) {
			t.Fatalf("reused %q and found %q: listed %q with %q, want %q with %q", reused, found, paths, noticed, want, notices)
		}
	}
}
