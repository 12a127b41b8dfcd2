package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a partial clone lacks is fetched together, and not file by file.
func TestPartialCloneFetchesOnce(t *testing.T) {
	w := newWork(t)
	for i := range 40 {
		w.write(fmt.Sprintf("public/%d/%d.txt", i%4, i), fmt.Sprint("file ", i))
	}
	w.commit("one")
	w.git("config", "uploadpack.allowFilter", "true")
	w.git("config", "uploadpack.allowAnySHA1InWant", "true")
	w.git("clone", "-q", "--bare", "--filter=tree:0", "file://"+w.dir, "../partial")
	// git runs this in place of git pack-objects, which each fetch takes once.
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho fetch >>"+hook+".ran\nexec \"$@\"\n"), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	global := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(global, []byte("[uploadpack]\npackObjectsHook = "+hook+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", global)
	l := list(t, w.openCommit(Options{WorkDir: w.path("../partial"), Dir: "public"}), nil)
	for _, f := range l.Files {
		if text := read(t, f); !strings.HasPrefix(text, "file ") {
			t.Errorf("%s: %s", f.Path, text)
		}
	}
	ran, err := os.ReadFile(hook + ".ran")
	if n := strings.Count(string(ran), "fetch"); err != nil || len(l.Files) != 40 || n == 0 || n > 2 {
		t.Errorf("%d fetches for %d files, want one for the trees and one for the files (%v)", n, len(l.Files), err)
	}
}
