package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// largeMiB is the size of the file in TestLargeFile; `make large` sets 1024.
var largeMiB = flag.Int64("large", 256, "MiB of the large file")

const (
	chunk = 16 << 20
	// largePeak is the memory limit of a deploy of a large file.
	largePeak = 160 << 20
)

// TestLargeFile deploys a file of many chunks from a folder and from a commit, and reads it
// from the site in real workerd.
func TestLargeFile(t *testing.T) {
	for _, source := range []string{"folder", "commit"} {
		t.Run(source, func(t *testing.T) {
			site := t.TempDir()
			film := filepath.Join(site, "public", "film.mp4")
			write(t, filepath.Join(site, "public", "index.html"), "hi")
			size := *largeMiB<<20 - 12345
			makeFilm(t, film, size)
			if source == "commit" {
				git(t, site, "init", "--quiet", "--initial-branch", "main", ".")
				git(t, site, "config", "core.compression", "0") // else git would take most of the time
				commitAll(t, site)
			}
			v := &victim{t: t, repo: site, p: platformtest.Start(t)}
			chunks := int((size + chunk - 1) / chunk)

			if n := v.deployLarge(source); n != chunks {
				t.Errorf("the first deploy sent %d chunks, want %d", n, chunks)
			}
			v.wantFilm(film)

			// One byte changes in the middle: one chunk is sent.
			changed := size/2 + 7
			poke(t, film, changed)
			if source == "commit" {
				commitAll(t, site)
			}
			if n := v.deployLarge(source); n != 1 {
				t.Errorf("a changed byte took %d chunks, want 1", n)
			}
			v.wantFilm(film)

			// A range needs only its own chunk.
			v.dropChunks(int(changed / chunk))
			from := changed - 1000
			status, got := v.get("/film.mp4", fmt.Sprintf("bytes=%d-%d", from, from+1999))
			if want := bytesAt(t, film, from, 2000); status != http.StatusPartialContent || !bytes.Equal(got, want) {
				t.Errorf("the range: %d, %d bytes", status, len(got))
			}
		})
	}
}

// makeFilm writes a sparse file whose chunks are all different.
func makeFilm(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	noise, rnd := make([]byte, 4<<10), rand.NewChaCha8([32]byte{7})
	for at := int64(0); at+int64(len(noise)) < size; at += 256 << 10 {
		_, _ = rnd.Read(noise) // it never fails
		if _, err := f.WriteAt(noise, at); err != nil {
			t.Fatal(err)
		}
	}
}

// poke changes one byte.
func poke(t *testing.T, path string, at int64) {
	t.Helper()
	old := bytesAt(t, path, at, 1)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{old[0] ^ 0xff}, at); err != nil {
		t.Fatal(err)
	}
}

func bytesAt(t *testing.T, path string, at, n int64) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	return b
}

func commitAll(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "--quiet", "-m", "film")
}

// deployLarge deploys, checks the peak memory of the process, and returns the number of raw
// values that it uploaded.
func (v *victim) deployLarge(source string) int {
	v.t.Helper()
	v.p.Server.ResetRequests()
	var said bytes.Buffer
	cmd := v.command("deploy", "--source", source)
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	peak := watchPeak(cmd)
	if err := cmd.Wait(); err != nil {
		v.t.Fatalf("%v\n%s", err, said.String())
	}
	most := <-peak
	v.t.Logf("%s: %s, peak %d MiB", source, time.Since(start).Round(10*time.Millisecond), most>>20)
	if runtime.GOOS == "linux" && (most == 0 || most > largePeak) {
		v.t.Errorf("the process took %d MiB of memory, %d are allowed", most>>20, largePeak>>20)
	}
	n := 0
	for _, r := range v.p.Server.Requests() {
		if r.Kind == "kv.values.put" {
			n++
		}
	}
	return n
}

// watchPeak polls the peak resident set of a process until it ends. The peak that wait4 returns
// includes the memory of this process at the fork.
func watchPeak(cmd *exec.Cmd) <-chan int64 {
	out := make(chan int64, 1)
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	go func() {
		var most int64
		for {
			b, err := os.ReadFile(status)
			_, rest, found := strings.Cut(string(b), "VmHWM:")
			if err != nil || !found { // the process has ended, or the system has no /proc
				out <- most
				return
			}
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			most = max(most, kib<<10)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return out
}

// get requests a range of a file from the live site.
func (v *victim) get(path, ranges string) (status int, body []byte) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.p.SiteURL("victim")+path, http.NoBody)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Range", ranges)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, body
}

// wantFilm requests the whole file and compares it with the file on disk.
func (v *victim) wantFilm(film string) {
	v.t.Helper()
	res, err := http.Get(v.p.SiteURL("victim") + "/film.mp4")
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	f, err := os.Open(film)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	if same, err := sameBytes(res.Body, f); err != nil || !same || res.StatusCode != http.StatusOK {
		v.t.Errorf("the served file equals the file on disk: %v, %s, %v", same, res.Status, err)
	}
}

func sameBytes(a, b io.Reader) (bool, error) {
	var one, other [1 << 20]byte
	for {
		n, errA := io.ReadFull(a, one[:])
		m, errB := io.ReadFull(b, other[:])
		ended := errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF)
		switch {
		case !bytes.Equal(one[:n], other[:m]):
			return false, nil
		case ended && (errors.Is(errB, io.EOF) || errors.Is(errB, io.ErrUnexpectedEOF)):
			return true, nil
		case errA != nil || errB != nil:
			return false, errors.Join(errA, errB)
		}
	}
}

// dropChunks deletes all chunks of the live film except one.
func (v *victim) dropChunks(but int) {
	v.t.Helper()
	ctx := v.t.Context()
	account, err := cloudflare.New(cloudflare.Options{Token: v.p.Token, AccountID: v.p.AccountID, BaseURL: v.p.BaseURL})
	if err != nil {
		v.t.Fatal(err)
	}
	defer account.Close()
	namespace, err := account.FindNamespace(ctx, "kv-sync")
	if err != nil {
		v.t.Fatal(err)
	}
	store := account.Store(namespace)
	read := func(key string) []byte {
		b, err := store.Get(ctx, key)
		if err != nil {
			v.t.Fatal(err)
		}
		return b
	}
	records, _, err := store.List(ctx, "victim/d/", "")
	if err != nil || len(records) != 2 {
		v.t.Fatal(records, err)
	}
	// The times of the records may be equal. The live record names a previous one.
	var live manifest.Asset
	for _, r := range records {
		var record struct{ Manifest, Previous string }
		if err := json.Unmarshal(read(r.Name), &record); err != nil {
			v.t.Fatal(err)
		}
		m, err := manifest.DecodeStored(read("victim/m/" + record.Manifest))
		if err != nil {
			v.t.Fatal(err)
		}
		if record.Previous != "" {
			live = m.Assets[0]
		}
	}
	index := read("victim/b/" + live.Blob.String())
	n := (len(index) - 24) / 40
	var doomed []string
	for i := range n {
		if i != but {
			doomed = append(doomed, fmt.Sprintf("victim/b/%x.%x", index[24+32*i:][:32], index[24+32*n+8*i:][:8]))
		}
	}
	if len(doomed) != n-1 {
		v.t.Fatal(n)
	}
	if left, err := store.DeleteBulk(ctx, doomed); err != nil || len(left) > 0 {
		v.t.Fatal(left, err)
	}
}
