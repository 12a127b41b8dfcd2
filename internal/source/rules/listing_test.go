package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A listing is sorted, and checked for names that differ only in case, without an index of all
// files. The result is the same as with an index.
func TestListingInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	for range 500 {
		l, first := NewListing(), map[string]bool{}
		for range rnd.IntN(30) {
			first[fmt.Sprintf("%c/%c%c", 'a'+rnd.IntN(2), "abAB"[rnd.IntN(4)], "xyX"[rnd.IntN(3)])] = true
		}
		// What is taken over comes first and in order, all else as it is found.
		var over, found []string
		for name := range first {
			if rnd.IntN(3) > 0 {
				over = append(over, name)
			} else {
				found = append(found, name)
			}
		}
		slices.Sort(over)
		for _, name := range slices.Concat(over, found) {
			l.Add(name, manifest.File{Asset: manifest.Asset{Path: "/" + name}})
		}
		got, err := l.Finish()
		if err != nil {
			t.Fatal(err)
		}
		var want, notices, paths, noticed []string
		for name := range first {
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
			t.Fatalf(
				"taken over %q and found %q: listed %q with %q, want %q with %q",
				over,
				found,
				paths,
				noticed,
				want,
				notices,
			)
		}
	}
}
