package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/folder"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// benchFiles is the size of the site of the benchmarks.
const benchFiles = 10_000

// benchSite yields the path and content of each file: pages with a common frame, which git
// stores as deltas, and pictures, which do not compress. Together they have about 176 MB.
func benchSite(yield func(name string, content []byte)) {
	frame := []byte(strings.Repeat("<nav><a href=\"/somewhere/else\">somewhere else</a></nav>\n", 40))
	words := strings.Fields("the tide of harbour and stone light water under a long way from north river in field")
	var b []byte
	for i := range benchFiles {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		name, size := fmt.Sprintf("docs/%02d/page-%d.html", i%97, i), 1000<<r.IntN(5)
		text := true
		switch {
		case i%1000 == 7:
			name, size, text = fmt.Sprintf("large/%d.jpg", i), 1_500_000, false
		case i%10 == 3:
			name, size, text = fmt.Sprintf("pictures/%02d/%d.webp", i%64, i), 8000<<r.IntN(5), false
		case i%10 == 5:
			name = fmt.Sprintf("assets/%02d/%d.js", i%31, i)
		}
		size += r.IntN(size)
		b = append(b[:0], name...)
		if text {
			b = append(b, frame...)
		}
		for size += len(b); len(b) < size; {
			if text {
				b = append(append(b, words[r.IntN(1+r.IntN(len(words)))]...), " \n"[r.IntN(9)/8])
			} else {
				b = binary.LittleEndian.AppendUint64(b, r.Uint64())
			}
		}
		yield(name, b)
	}
}

// benchRepository makes a repository of two commits; the second one changes one file. It has
// one pack, as after a clone, or loose objects.
func benchRepository(b *testing.B, loose bool) *gittest.Work {
	b.Helper()
	w := gittest.New(b)
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir = w.Dir
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(in)
	who := func(n int) {
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\n", 1_700_000_000+n)
	}
	who(0)
	benchSite(func(name string, content []byte) {
		fmt.Fprintf(out, "M 644 inline %s\ndata %d\n%s\n", name, len(content), content)
	})
	who(1)
	fmt.Fprint(out, "M 644 inline docs/00/page-0.html\ndata 7\nchanged\n")
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := in.Close(); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	w.Git("repack", "-q", "-a", "-d", "-f", "--threads=2")
	if loose {
		packs, err := filepath.Glob(w.Path(".git/objects/pack/*.pack"))
		if err != nil || len(packs) != 1 {
			b.Fatal(packs, err)
		}
		if err := os.Rename(packs[0], w.Path("all.pack")); err != nil {
			b.Fatal(err)
		}
		pack, err := os.ReadFile(w.Path("all.pack"))
		if err != nil {
			b.Fatal(err)
		}
		w.Remove(".git/objects/pack")
		w.GitIn(w.Dir, string(pack), "unpack-objects", "-q")
		w.Remove("all.pack")
	}
	return w
}

// watchHeap reports how far the heap grows under the command's memory limit.
func watchHeap(b *testing.B) {
	limit := debug.SetMemoryLimit(96 << 20)
	b.Cleanup(func() { debug.SetMemoryLimit(limit) })
	sample := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	debug.FreeOSMemory()
	var peak atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			metrics.Read(sample)
			peak.Store(max(peak.Load(), sample[0].Value.Uint64()+sample[1].Value.Uint64()))
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	b.Cleanup(func() {
		close(done)
		<-stopped
		b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
	})
}

// openAll opens every file once, in the order and with the concurrency of an upload.
func openAll(b *testing.B, l *manifest.Listing) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	const batch = 200
	for from := 0; from < len(l.Files); from += batch {
		group.Go(func() error {
			for _, f := range l.Files[from:min(from+batch, len(l.Files))] {
				content, err := f.Open()
				if err != nil {
					return err
				}
				n, err := io.Copy(io.Discard, content)
				if err == nil && n != f.Size {
					err = fmt.Errorf("%s has %d bytes, not %d", f.Path, n, f.Size)
				}
				content.Close()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// The first deploy of a commit reads every blob twice, to list and to upload it. The benchmark
// cat-file measures git reading every blob once. A deploy of one change reads almost nothing.
func BenchmarkCommit(b *testing.B) {
	for _, form := range []string{"packed", "loose"} {
		b.Run(form, func(b *testing.B) {
			w := benchRepository(b, form == "loose")
			b.Run("cat-file", func(b *testing.B) {
				ids := w.Git("ls-tree", "-r", "--format=%(objectname)", "HEAD")
				for b.Loop() {
					cmd := exec.Command("git", "cat-file", "--batch", "--buffer")
					cmd.Dir, cmd.Stdin, cmd.Stdout = w.Dir, strings.NewReader(ids+"\n"), struct{ io.Writer }{io.Discard}
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("git", func(b *testing.B) { benchCommit(b, w) })
			b.Run("no git", func(b *testing.B) {
				b.Setenv("PATH", b.TempDir())
				benchCommit(b, w)
			})
		})
	}
}

func benchCommit(b *testing.B, w *gittest.Work) {
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			c := benchOpen(b, w)
			sourcetest.List(b, c, nil)
			_ = c.Close()
		}
	})
	b.Run("list and open", func(b *testing.B) {
		watchHeap(b)
		for b.Loop() {
			c := benchOpen(b, w)
			openAll(b, sourcetest.List(b, c, nil))
			_ = c.Close()
		}
	})
	b.Run("one changed", func(b *testing.B) {
		c := openCommit(w, Options{Revision: "HEAD~1"})
		base := sourcetest.Manifest(b, sourcetest.List(b, c, nil))
		for b.Loop() {
			c := benchOpen(b, w)
			openAll(b, &manifest.Listing{Files: changed(sourcetest.List(b, c, base), base)})
			_ = c.Close()
		}
	})
}

// benchOpen opens the commit. The caller closes it, not the end of the benchmark.
func benchOpen(b *testing.B, w *gittest.Work) *Commit {
	b.Helper()
	c, err := OpenCommit(b.Context(), options(w, Options{}))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func benchFolder(b *testing.B, w *gittest.Work, cache string) *folder.Folder {
	b.Helper()
	f, err := OpenFolder(b.Context(), options(w, Options{CacheDir: cache}))
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// changed returns the files that a deploy would send.
func changed(l *manifest.Listing, base *manifest.Manifest) (files []manifest.File) {
	known := map[manifest.Hash]bool{}
	for _, a := range base.Assets {
		known[a.Blob.Hash] = true
	}
	for _, f := range l.Files {
		if !known[f.Blob.Hash] {
			files = append(files, f)
		}
	}
	return files
}

// A folder without changes is listed, but not read.
func BenchmarkFolder(b *testing.B) {
	w := gittest.Plain(b)
	benchSite(func(name string, content []byte) {
		if err := os.MkdirAll(filepath.Dir(w.Path(name)), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(w.Path(name), bytes.Clone(content), 0o644); err != nil {
			b.Fatal(err)
		}
	})
	time.Sleep(2100 * time.Millisecond) // the stat cache trusts files that are two seconds old
	cache := b.TempDir()
	base := &manifest.Manifest{}
	for _, file := range sourcetest.List(b, openFolder(w, Options{CacheDir: cache}), base).Files {
		base.Assets = append(base.Assets, file.Asset)
	}
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f := benchFolder(b, w, cache)
			sourcetest.List(b, f, base)
			_ = f.Close()
		}
	})
	b.Run("first", func(b *testing.B) {
		watchHeap(b)
		for b.Loop() {
			f := benchFolder(b, w, b.TempDir())
			openAll(b, sourcetest.List(b, f, nil))
			_ = f.Close()
		}
	})
}
