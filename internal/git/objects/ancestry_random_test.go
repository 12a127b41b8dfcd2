package objects

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // git's object ids
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// In a clone that lacks commits, behind a shallow boundary or elsewhere, the relation is the same
// as in the complete history, or unknown.
func TestCompareInIncompleteClones(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a", "a").Commit("root")
	tree := w.Git("rev-parse", "HEAD^{tree}")
	o := opened(t, w)
	random := rand.New(rand.NewPCG(1, 2))
	said := map[manifest.Relation]int{}
	for history := range 50 {
		const size = 14
		var ids []string
		reaches := map[string]map[string]bool{}
		parents := map[string][]string{}
		missing := map[string]bool{}
		for i := range size {
			var text strings.Builder
			fmt.Fprintf(&text, "tree %s\n", tree)
			own := map[string]bool{}
			var of []string
			for range 1 + random.IntN(3) {
				if i == 0 || random.IntN(12) == 0 {
					continue
				}
				p := ids[max(0, i-1-random.IntN(4))]
				of = append(of, p)
				own[p] = true
				for far := range reaches[p] {
					own[far] = true
				}
				fmt.Fprintf(&text, "parent %s\n", p)
			}
			when := 1_000_000_000 + random.IntN(40)
			fmt.Fprintf(&text, "author A <a@b> %d +0000\ncommitter A <a@b> %d +0000\n\n%d of %d\n", when, when, i, history)
			id := idOfCommit(text.String())
			ids, reaches[id], parents[id] = append(ids, id), own, of
			if random.IntN(12) == 0 {
				missing[id] = true
				continue
			}
			writeLoose(t, w.Path(".git/objects"), id, text.String())
		}
		// The boundary is random: the parents of a boundary commit may be missing or present,
		// as after a fetch that deepened the clone.
		boundary := map[string]bool{}
		for _, id := range ids {
			if random.IntN(10) == 0 {
				boundary[id] = true
			}
		}
		for _, active := range ids {
			for _, next := range ids {
				want := manifest.RelationDiverged
				switch {
				case active == next:
					want = manifest.RelationSame
				case reaches[next][active]:
					want = manifest.RelationNewer
				case reaches[active][next]:
					want = manifest.RelationOlder
				}
				got, err := Compare(t.Context(), o, boundary, active, next)
				if err != nil {
					t.Fatal(err)
				}
				if said[got]++; got != want && got != manifest.RelationUnknown {
					t.Fatalf("history %d: %s..%s is %s, want %s or unknown\nmissing %v\nboundary %v\nparents %v",
						history, active, next, got, want, missing, boundary, parents)
				}
			}
		}
	}
	for r := manifest.RelationUnknown; r <= manifest.RelationDiverged; r++ {
		if said[r] < 200 {
			t.Errorf("only %d comparisons returned %s", said[r], r)
		}
	}
}

func idOfCommit(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(text), text)) //nolint:gosec // git's object ids
	return hex.EncodeToString(sum[:])
}

func writeLoose(t *testing.T, dir, id, text string) {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	fmt.Fprintf(z, "commit %d\x00%s", len(text), text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, id[:2], id[2:])
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o444); err != nil {
		t.Fatal(err)
	}
}
