package worktree

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// indexLines lists an index as the tag, id and name of each entry. The tags are those of
// git ls-files -v.
func indexLines(entries []indexEntry) string {
	var out []string
	for _, e := range entries {
		tag := "H"
		switch {
		case e.conflict:
			tag = "M"
		case e.skipped:
			tag = "S"
		}
		if e.assumed {
			tag = strings.ToLower(tag)
		}
		out = append(out, tag+" "+e.id+" "+e.name)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// Every form of index gives the entries that git ls-files lists.
func TestReadIndex(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(w *gittest.Work){
		"plain":     func(*gittest.Work) {},
		"version 4": func(w *gittest.Work) { w.Git("update-index", "--index-version", "4") },
		"extended flags": func(w *gittest.Work) {
			w.Git("update-index", "--skip-worktree", "public/index.html")
			w.Git("update-index", "--assume-unchanged", "public/css/a.css")
		},
		"split": func(w *gittest.Work) { w.Git("update-index", "--split-index") },
		"split, and all changed": func(w *gittest.Work) {
			w.Git("config", "splitIndex.maxPercentChange", "100")
			w.Git("update-index", "--split-index")
			for name := range strings.SplitSeq(w.Git("ls-files"), "\n") {
				w.Write(name, "all is new")
			}
			w.Write("zzz", "added").Git("add", "-A")
		},
		"split, and half deleted": func(w *gittest.Work) {
			w.Git("config", "splitIndex.maxPercentChange", "100")
			w.Git("update-index", "--index-version", "4")
			w.Git("update-index", "--split-index") // git does not split it if the same command sets the version
			w.Remove("public/css")
			w.Remove("many/1")
			w.Write("many/222.txt", "changed").Write("new/file", "x").Git("add", "-A")
		},
		"conflict": func(w *gittest.Work) {
			w.Git("branch", "other")
			w.Write("public/index.html", "ours").Commit("ours")
			w.Git("checkout", "-q", "other")
			w.Write("public/index.html", "theirs").Commit("theirs")
			_, _ = try(w, "merge", "main")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := gittest.Site(t)
			for i := range 300 {
				folder := strings.Repeat(string(rune('0'+i%3)), 1+i/100)
				w.Write("many/"+folder+"/"+strings.Repeat("n", i%50)+".txt", "x")
			}
			w.Write(strings.Repeat("long/", 40)+strings.Repeat("x", 200)+"/"+strings.Repeat("y", 200),
				"a name of more than 255 bytes")
			w.Commit("one")
			prepare(w)
			shared, _ := filepath.Glob(w.Path(".git/sharedindex.*"))
			if strings.HasPrefix(name, "split") != (len(shared) > 0) {
				t.Fatalf("the shared indexes are %v", shared)
			}
			entries, err := readIndex(w.Path(".git/index"), objects.SHA1Bytes)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.SplitSeq(w.Git("-c", "core.quotePath=false", "ls-files", "-s", "-v"), "\n") {
				f := strings.Fields(strings.ReplaceAll(line, "\t", " ")) // tag mode id stage name
				want = append(want, f[0]+" "+f[2]+" "+f[4])
			}
			slices.Sort(want)
			if got := indexLines(entries); got != strings.Join(want, "\n") {
				t.Errorf("got\n%.2000s\nwant\n%.2000s", got, strings.Join(want, "\n"))
			}
		})
	}
}

// In an index of version 4 each name can extend the name before it. An index whose names expand
// to far more than its size is corrupt, and no memory is allocated for them.
func TestIndexWithEndlessNames(t *testing.T) { // not in parallel: it counts allocations
	const count, first = 5_000, 100_000
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("DIRC"), 4), count)
	for i := range count {
		data = append(data, make([]byte, entryStat+objects.SHA1Bytes+2)...)
		data = append(data, 0) // the entry cuts nothing off the name before it
		if i == 0 {
			data = append(data, strings.Repeat("a", first)...)
		}
		data = append(data, 'b', 0)
	}
	data = append(data, make([]byte, objects.SHA1Bytes)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := decodeIndex(data, objects.SHA1Bytes)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errIndex) {
		t.Errorf("%d bytes with %d bytes of names: %v", len(data), count*first, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 200<<20 {
		t.Errorf("it took %d MiB", took>>20)
	}
}

// try runs git, which may fail.
func try(w *gittest.Work, args ...string) (string, error) {
	cmd := w.Command(args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func FuzzDecodeIndex(f *testing.F) {
	w := gittest.Site(f)
	w.Commit("one")
	add := func() {
		data, err := os.ReadFile(w.Path(".git/index"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 20)
	}
	add()
	w.Git("update-index", "--index-version", "4")
	add()
	w.Git("update-index", "--split-index")
	w.Remove("public/css")
	w.Git("add", "-A")
	add()
	w.Git("sparse-checkout", "set", "--cone", "--sparse-index", "public/img")
	add()
	f.Fuzz(func(t *testing.T, data []byte, idBytes int) {
		if idBytes != 20 && idBytes != 32 {
			return
		}
		entries, link, err := decodeIndex(data, idBytes)
		if err != nil || len(link) < idBytes {
			return
		}
		base := make([]indexEntry, 40)
		for i := range base {
			base[i].name = strings.Repeat("n", i+1)
		}
		joined, err := joinIndex(base, entries, link[idBytes:])
		if err == nil && len(joined) > len(base)+len(entries) {
			t.Errorf("%d entries of %d and %d", len(joined), len(base), len(entries))
		}
	})
}

func FuzzDecodeEWAH(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, 3)
	f.Add([]byte{0, 0, 0, 128, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, 128)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size < 0 || size > 1<<16 {
			return
		}
		set, rest, err := decodeEWAH(data, size)
		if err == nil && (len(set) != size || len(rest) > len(data)) {
			t.Errorf("%d bits of %d", len(set), size)
		}
	})
}
