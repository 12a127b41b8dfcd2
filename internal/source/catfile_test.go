package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
)

// Objects that a partial clone lacks are fetched together, not one by one.
func TestPartialCloneFetchesOnce(t *testing.T) {
	w := gittest.New(t)
	for i := range 40 {
		w.Write(fmt.Sprintf("public/%d/%d.txt", i%4, i), fmt.Sprint("file ", i))
	}
	w.Commit("one")
	w.Git("config", "uploadpack.allowFilter", "true")
	w.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	w.Git("clone", "-q", "--bare", "--filter=tree:0", "file://"+w.Dir, "../partial")
	// git runs this instead of git pack-objects, once for each fetch.
	hook := filepath.Join(t.TempDir(), "hook")
	script := "#!/bin/sh\necho fetch >>" + hook + ".ran\nexec \"$@\"\n"
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	global := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(global, []byte("[uploadpack]\npackObjectsHook = "+hook+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	l := sourcetest.List(t, openCommit(w, Options{WorkDir: w.Path("../partial"), Dir: "public"}), nil)
	for _, f := range l.Files {
		if text := sourcetest.Read(t, f); !strings.HasPrefix(text, "file ") {
			t.Errorf("%s: %s", f.Path, text)
		}
	}
	ran, err := os.ReadFile(hook + ".ran")
	if n := strings.Count(string(ran), "fetch"); err != nil || len(l.Files) != 40 || n == 0 || n > 2 {
		t.Errorf("%d fetches for %d files, want one for the trees and one for the files (%v)", n, len(l.Files), err)
	}
}
