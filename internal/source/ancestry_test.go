package source

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

func relation(t *testing.T, c *Commit, active, next string) manifest.Relation {
	t.Helper()
	r, err := c.Compare(t.Context(), active, next)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Relations in a random history, with merges and wrong clocks, are the same as git's.
func TestCompareAsGit(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a", "a")
	root := w.Commit("root")
	tree := w.Git("rev-parse", "HEAD^{tree}")
	random := rand.New(rand.NewPCG(7, 8))
	commits := []string{root}
	for i := range 25 {
		parents := []string{commits[random.IntN(len(commits))]}
		if i == 20 {
			parents = nil // an unrelated history
		} else if random.IntN(3) == 0 {
			if p := commits[random.IntN(len(commits))]; p != parents[0] {
				parents = append(parents, p)
			}
		}
		var text strings.Builder
		fmt.Fprintf(&text, "tree %s\n", tree)
		for _, p := range parents {
			fmt.Fprintf(&text, "parent %s\n", p)
		}
		fmt.Fprintf(&text, "author A <a@b> %d +0000\ncommitter A <a@b> %d +0000\n\ncommit %d\n",
			1_000_000_000, 1_000_000_000+random.IntN(1000), i)
		commits = append(commits, w.GitIn(w.Dir, text.String(), "hash-object", "-t", "commit", "-w", "--stdin"))
	}
	// git rev-list lists the ancestors of a commit.
	reaches := map[string]string{}
	for _, id := range commits {
		reaches[id] = w.Git("rev-list", id)
	}
	c := openCommit(w, Options{})
	for _, active := range commits {
		for _, next := range commits {
			want := manifest.RelationDiverged
			switch {
			case active == next:
				want = manifest.RelationSame
			case strings.Contains(reaches[next], active):
				want = manifest.RelationNewer
			case strings.Contains(reaches[active], next):
				want = manifest.RelationOlder
			}
			if got := relation(t, c, active, next); got != want {
				t.Fatalf("%s..%s is %s, want %s", active, next, got, want)
			}
		}
	}
}

func TestCompareInShallowClone(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, w.Write("a", fmt.Sprint(i)).Commit(fmt.Sprint(i)))
	}
	w.Git("clone", "-q", "--depth=2", "file://"+w.Dir, "shallow")
	c := openCommit(w, Options{WorkDir: w.Path("shallow")})
	for _, tt := range []struct {
		active, next string
		want         manifest.Relation
	}{
		{ids[2], ids[3], manifest.RelationNewer},
		{ids[3], ids[2], manifest.RelationOlder},
		{ids[0], ids[3], manifest.RelationUnknown},
		{ids[3], ids[0], manifest.RelationUnknown},
		{strings.Repeat("1", 40), ids[3], manifest.RelationUnknown},
		{"", ids[3], manifest.RelationUnknown},
		{"--all", ids[3], manifest.RelationUnknown},
	} {
		if got := relation(t, c, tt.active, tt.next); got != tt.want {
			t.Errorf("%s..%s is %s, want %s", tt.active, tt.next, got, tt.want)
		}
	}
	if !c.Shallow() {
		t.Error("the clone is shallow")
	}
}

// A header "tree" or "parent" that comes too late in a commit has no effect, as in git. So the
// published files and the order are those that git shows to reviewers.
func TestCommitWithLateHeaders(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	first := w.Write("a", "a").Commit("first")
	other := w.Git("rev-parse", "HEAD^{tree}")
	w.Write("b", "b").Commit("second")
	tree := w.Git("rev-parse", "HEAD^{tree}")
	const format = "tree %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\nparent %s\ntree %s\n\nx\n"
	id := w.GitIn(w.Dir, fmt.Sprintf(format, tree, first, other),
		"hash-object", "-t", "commit", "-w", "--literally", "--stdin")
	c := openCommit(w, Options{Revision: id})
	if want := w.Git("rev-parse", id+"^{tree}"); c.tree != want {
		t.Errorf("the tree is %s, want %s as in git", c.tree, want)
	}
	if n := w.Git("rev-list", "--count", id); n != "1" {
		t.Fatalf("git finds %s commits, so the late parent has an effect in git", n)
	}
	if got := relation(t, c, first, id); got != manifest.RelationDiverged {
		t.Errorf("the relation to the late parent is %s", got)
	}
}

// If the clone lacks one of the two commits, Compare does not walk the history.
func TestCompareWithMissingCommitReadsLittle(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	id := ""
	for i := range 5 {
		id = w.Write("a", fmt.Sprint(i)).Commit(fmt.Sprint(i))
	}
	c := openCommit(w, Options{})
	before := c.Reads().Commits
	for _, missing := range []string{strings.Repeat("1", 40), strings.Repeat("2", 40)} {
		if got := relation(t, c, missing, id); got != manifest.RelationUnknown {
			t.Errorf("the relation is %s", got)
		}
		if got := relation(t, c, id, missing); got != manifest.RelationUnknown {
			t.Errorf("the reverse relation is %s", got)
		}
	}
	if n := c.Reads().Commits - before; n > 8 {
		t.Errorf("%d commits were read", n)
	}
}
