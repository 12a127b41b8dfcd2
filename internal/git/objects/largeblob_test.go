package objects

import (
	"io"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A large blob that is stored as a delta is read through the git command if there is one. This
// program would have to build it in memory.
func TestLargeDelta(t *testing.T) {
	t.Parallel()
	film := gittest.Noise(2, manifest.MaxValueBytes+100)
	cut := film[:1<<20] + "!" + film[1<<20:]
	w := gittest.New(t).Write("film.mp4", film)
	w.Git("config", "core.compression", "0")
	w.Commit("one")
	w.Write("film.mp4", cut).Write("other.mp4", film)
	w.Commit("two")
	w.Git("repack", "-adfq", "--depth=5", "--window=5")
	o := opened(t, w)
	contents := func() {
		t.Helper()
		for name, want := range map[string]string{"film.mp4": cut, "other.mp4": film} {
			content, err := o.SizedBlob(t.Context(), w.Git("rev-parse", "HEAD:"+name), int64(len(want)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(content)
			if content.Close(); err != nil || string(got) != want {
				t.Errorf("%s has other bytes: %v", name, err)
			}
		}
	}
	contents()
	git := newCatStore(command.New(command.Options{Dir: w.Dir}), layoutOf(w))
	defer git.Close()
	o.git = git
	contents()
	if len(git.idle["--batch"]) != 1 {
		t.Error("the blob that is stored as a delta was not read through git")
	}
}
