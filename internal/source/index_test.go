package source

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// lines lists an index as git ls-files -s -v does.
func indexLines(entries []indexEntry) string {
	var out []string
	for _, e := range entries {
		tag := "H"
		switch {
		case e.conflict:
			tag = "M"
		case e.left:
			tag = "S"
		}
		if e.assumed {
			tag = strings.ToLower(tag)
		}
		out = append(out, tag+" "+e.id+" "+e.name)
	}
	return sortLines(strings.Join(out, "\n"))
}

// An index is what git says it is, in each of its forms.
func TestReadIndex(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(w *work){
		"plain":     func(*work) {},
		"version 4": func(w *work) { w.git("update-index", "--index-version", "4") },
		"extended flags": func(w *work) {
			w.git("update-index", "--skip-worktree", "public/index.html")
			w.git("update-index", "--assume-unchanged", "public/css/a.css")
		},
		"split": func(w *work) { w.git("update-index", "--split-index") },
		"split, and all changed": func(w *work) {
			w.git("config", "splitIndex.maxPercentChange", "100")
			w.git("update-index", "--split-index")
			for name := range strings.SplitSeq(w.git("ls-files"), "\n") {
				w.write(name, "all is new")
			}
			w.write("zzz", "added").git("add", "-A")
		},
		"split, and half deleted": func(w *work) {
			w.git("config", "splitIndex.maxPercentChange", "100")
			w.git("update-index", "--index-version", "4")
			w.git("update-index", "--split-index") // with the version in one command git does not split it
			w.remove("public/css")
			w.remove("many/1")
			w.write("many/222.txt", "changed").write("new/file", "x").git("add", "-A")
		},
		"conflict": func(w *work) {
			w.git("branch", "other")
			w.write("public/index.html", "ours").commit("ours")
			w.git("checkout", "-q", "other")
			w.write("public/index.html", "theirs").commit("theirs")
			_, _ = w.try("merge", "main")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := site(t)
			for i := range 300 {
				w.write("many/"+strings.Repeat(string(rune('0'+i%3)), 1+i/100)+"/"+strings.Repeat("n", i%50)+".txt", "x")
			}
			w.write(strings.Repeat("long/", 40)+strings.Repeat("x", 200)+"/"+strings.Repeat("y", 200), "a name of more than 255 bytes")
			w.commit("one")
			prepare(w)
			if shared, _ := filepath.Glob(w.path(".git/sharedindex.*")); strings.HasPrefix(name, "split") != (len(shared) > 0) {
				t.Fatalf("the shared indexes are %v", shared)
			}
			entries, err := readIndex(w.path(".git/index"), sha1Bytes)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.SplitSeq(w.git("-c", "core.quotePath=false", "ls-files", "-s", "-v"), "\n") {
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

// An index of version 4 whose names grow out of each other is not given the memory
// that they would take.
func TestIndexOfEndlessNames(t *testing.T) { // not in parallel: it counts what is allocated
	const count, first = 5_000, 100_000
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("DIRC"), 4), count)
	for i := range count {
		data = append(data, make([]byte, entryStat+sha1Bytes+2)...)
		data = append(data, 0) // nothing of the name before is cut off
		if i == 0 {
			data = append(data, strings.Repeat("a", first)...)
		}
		data = append(data, 'b', 0)
	}
	data = append(data, make([]byte, sha1Bytes)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := decodeIndex(data, sha1Bytes)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errIndex) {
		t.Errorf("%d bytes stand for %d bytes of names: %v", len(data), count*first, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 200<<20 {
		t.Errorf("it took %d MiB", took>>20)
	}
}

// try runs git where it may fail.
func (w *work) try(args ...string) (string, error) {
	cmd := w.command(args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func FuzzDecodeIndex(f *testing.F) {
	w := site(f)
	w.commit("one")
	add := func() {
		data, err := os.ReadFile(w.path(".git/index"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 20)
	}
	add()
	w.git("update-index", "--index-version", "4")
	add()
	w.git("update-index", "--split-index")
	w.remove("public/css")
	w.git("add", "-A")
	add()
	w.git("sparse-checkout", "set", "--cone", "--sparse-index", "public/img")
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
