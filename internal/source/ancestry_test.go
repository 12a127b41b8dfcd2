package source

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

func relation(t *testing.T, c *Commit, active, next string) kvsync.Relation {
	t.Helper()
	r, err := c.Compare(t.Context(), active, next)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Relations in a random history, with merges and clocks that go wrong, are what
// git says.
func TestCompareAsGit(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a", "a")
	root := w.commit("root")
	tree := w.git("rev-parse", "HEAD^{tree}")
	random := rand.New(rand.NewPCG(7, 8))
	commits := []string{root}
	for i := range 25 {
		parents := []string{commits[random.IntN(len(commits))]}
		if i == 20 {
			parents = nil // a history of its own
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
		fmt.Fprintf(&text, "author A <a@b> %d +0000\ncommitter A <a@b> %d +0000\n\ncommit %d\n", 1_000_000_000, 1_000_000_000+random.IntN(1000), i)
		commits = append(commits, w.gitIn(w.dir, text.String(), "hash-object", "-t", "commit", "-w", "--stdin"))
	}
	// git rev-list gives all that a commit reaches.
	reaches := map[string]string{}
	for _, id := range commits {
		reaches[id] = w.git("rev-list", id)
	}
	c := w.openCommit(Options{})
	for _, active := range commits {
		for _, next := range commits {
			want := kvsync.RelationDiverged
			switch {
			case active == next:
				want = kvsync.RelationSame
			case strings.Contains(reaches[next], active):
				want = kvsync.RelationNewer
			case strings.Contains(reaches[active], next):
				want = kvsync.RelationOlder
			}
			if got := relation(t, c, active, next); got != want {
				t.Fatalf("%s..%s is %s, want %s", active, next, got, want)
			}
		}
	}
}

func TestCompareInShallowClone(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, w.write("a", fmt.Sprint(i)).commit(fmt.Sprint(i)))
	}
	w.git("clone", "-q", "--depth=2", "file://"+w.dir, "shallow")
	c := w.openCommit(Options{WorkDir: w.path("shallow")})
	for _, tt := range []struct {
		active, next string
		want         kvsync.Relation
	}{
		{ids[2], ids[3], kvsync.RelationNewer},
		{ids[3], ids[2], kvsync.RelationOlder},
		{ids[0], ids[3], kvsync.RelationUnknown},
		{ids[3], ids[0], kvsync.RelationUnknown},
		{strings.Repeat("1", 40), ids[3], kvsync.RelationUnknown},
		{"", ids[3], kvsync.RelationUnknown},
		{"--all", ids[3], kvsync.RelationUnknown},
	} {
		if got := relation(t, c, tt.active, tt.next); got != tt.want {
			t.Errorf("%s..%s is %s, want %s", tt.active, tt.next, got, tt.want)
		}
	}
	if !c.Shallow() {
		t.Error("the clone is shallow")
	}
}

// A commit that names a tree or a parent where git does not look is what git takes
// it for: what was reviewed is what is published, and in its order.
func TestCommitWithLateHeaders(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	first := w.write("a", "a").commit("first")
	other := w.git("rev-parse", "HEAD^{tree}")
	w.write("b", "b").commit("second")
	tree := w.git("rev-parse", "HEAD^{tree}")
	id := w.gitIn(w.dir, fmt.Sprintf("tree %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\nparent %s\ntree %s\n\nx\n", tree, first, other),
		"hash-object", "-t", "commit", "-w", "--literally", "--stdin")
	c := w.openCommit(Options{Revision: id})
	if want := w.git("rev-parse", id+"^{tree}"); c.tree != want {
		t.Errorf("the tree is %s, and git's is %s", c.tree, want)
	}
	if n := w.git("rev-list", "--count", id); n != "1" {
		t.Fatalf("git reaches %s commits, so this tests nothing", n)
	}
	if got := relation(t, c, first, id); got != kvsync.RelationDiverged {
		t.Errorf("it is %s, and git knows of no parent", got)
	}
}

// Where one of the two is not in the clone, its history is not walked to find out.
func TestCompareWithMissingCommitReadsLittle(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	id := ""
	for i := range 5 {
		id = w.write("a", fmt.Sprint(i)).commit(fmt.Sprint(i))
	}
	c := w.openCommit(Options{})
	before := c.Reads().Commits
	for _, missing := range []string{strings.Repeat("1", 40), strings.Repeat("2", 40)} {
		if got := relation(t, c, missing, id); got != kvsync.RelationUnknown {
			t.Errorf("it is %s", got)
		}
		if got := relation(t, c, id, missing); got != kvsync.RelationUnknown {
			t.Errorf("it is %s", got)
		}
	}
	if n := c.Reads().Commits - before; n > 8 {
		t.Errorf("%d commits were read", n)
	}
}

func FuzzParseCommit(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add([]byte("tree " + id + "\nparent " + id + "\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\nsubject\n\nbody"))
	f.Add([]byte("tree x"))
	f.Add([]byte("tree " + id + "\ncommitter > 99999999999999999999"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(data)
		if err == nil && (!isID(c.tree) || strings.Contains(c.subject, "\n")) {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00" + strings.Repeat("x", 20) + "40000 b\x00" + strings.Repeat("y", 20)))
	f.Add([]byte("100644 a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data, 20)
		if err != nil {
			return
		}
		for _, e := range entries {
			if len(e.id) != 40 || strings.Contains(e.name, "\x00") {
				t.Fatalf("%+v", e)
			}
		}
	})
}
