package watch

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The test changes files at random, as editors and builds do. A reader that reads the files after
// each batch has seen their final state at the end of each round.
func TestRandomChanges(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("site/index.html", "0")
		r.write("one/index.html", "0")
		r.must(os.Symlink("one", r.at("link")))
		skip := func(dir string) bool { return filepath.Base(dir) == "skipped" }
		r.watch(skip, "site", "link", "single.txt")
		ctx, cancel := context.WithCancel(r.Context())
		var ended sync.WaitGroup
		var seen atomic.Value
		seen.Store(r.snapshot())
		ended.Go(func() {
			for {
				if _, err := r.w.Next(ctx); err != nil {
					return
				}
				seen.Store(r.snapshot())
			}
		})
		defer ended.Wait()
		defer cancel()
		awaitReader := func(after string) {
			r.Helper()
			for end := time.Now().Add(hangLimit); seen.Load() != r.snapshot(); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					r.Fatalf("after %s, the reader has seen:\n%s\nThe files are:\n%s", after, seen.Load(), r.snapshot())
				}
			}
		}
		awaitFence := func() {
			r.Helper()
			for range 2 { // see rig.drain
				r.writeFence()
				awaitReader("the write of the fence")
			}
		}
		random := rand.New(rand.NewPCG(3, uint64(len(r.Name()))))
		folders := []string{"site", "site/a", "site/a/b", "site/c", "one", "one/d", "two", "away"}
		folder := func() string { return folders[random.IntN(len(folders))] }
		file := func() string {
			if random.IntN(10) == 0 {
				return "single.txt"
			}
			return fmt.Sprintf("%s/f%d", folder(), random.IntN(4))
		}
		for round := range 8 {
			for i := range 60 {
				text := strings.Repeat("x", 1+random.IntN(200))
				switch at := r.at(file()); random.IntN(12) {
				case 0, 1, 2:
					_ = os.WriteFile(at, []byte(text), 0o644)
				case 3: // an editor saves by a rename
					if os.WriteFile(at+".tmp", []byte(text), 0o644) == nil {
						_ = os.Rename(at+".tmp", at)
					}
				case 4: // vim tests whether the folder is writable, and keeps a backup while it writes
					probe := filepath.Join(filepath.Dir(at), "4913")
					_ = os.WriteFile(probe, nil, 0o644)
					_ = os.Remove(probe)
					_ = os.Rename(at, at+"~")
					_ = os.WriteFile(at, []byte(text), 0o644)
					_ = os.Remove(at + "~")
				case 5:
					_ = os.Remove(at)
					_ = os.WriteFile(at, []byte(text), 0o644)
				case 6:
					_ = os.Chmod(at, fs.FileMode(0o600+random.IntN(2)*0o44))
				case 7:
					_ = os.RemoveAll(r.at(folder()))
				case 8, 9:
					_ = os.MkdirAll(r.at(folder()), 0o755)
				case 10: // a folder is moved, and sometimes moved back
					from, to := r.at(folder()), r.at(folder())
					if os.Rename(from, to) == nil && i%2 == 0 {
						_ = os.Rename(to, from)
					}
				case 11: // only at the start of a round, because the watcher then scans all files
					if i > 5 {
						continue
					}
					_ = os.Symlink([]string{"one", "two"}[random.IntN(2)], r.at("next"))
					_ = os.Rename(r.at("next"), r.at("link"))
				}
				if random.IntN(5) == 0 {
					time.Sleep(time.Duration(random.IntN(8)) * time.Millisecond)
				}
			}
			awaitReader(fmt.Sprintf("round %d", round))
			awaitFence()
			// Write into one folder at a time. The reader reads all folders after a change of any.
			for _, name := range folders {
				if info, err := os.Stat(r.at(name)); err == nil && info.IsDir() {
					r.must(os.WriteFile(r.at(name+"/probe"), []byte(strings.Repeat("x", 300+round)), 0o600))
					awaitReader("a write in " + name)
				}
			}
		}
		awaitFence()
		r.w.mu.Lock()
		defer r.w.mu.Unlock()
		if r.w.events == nil {
			return
		}
		for _, folder := range r.w.events.WatchList() {
			if !r.w.view.folders[folder] {
				r.Errorf("the watcher still listens to %s", folder)
			}
		}
	})
}

// snapshot returns the names, modes and sizes of all files of the set.
func (r *rig) snapshot() string {
	var all strings.Builder
	for _, root := range []string{r.dir + "/site", r.dir + "/link/", r.dir + "/single.txt", r.fence} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // the path does not exist
			}
			if info, err := d.Info(); err == nil && !d.IsDir() {
				text, _ := os.ReadFile(path)
				fmt.Fprintf(&all, "%s %s %d\n", path, info.Mode(), len(text))
			}
			return nil
		})
	}
	return all.String()
}
