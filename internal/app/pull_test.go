package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// A shell passes the suggested flag for a conflict on unchanged, for any pathname.
func TestResolvedIsQuoted(t *testing.T) {
	for _, path := range []string{"/index.html", "/a b", "/it's; touch x", "/$(touch x)", "/`x`", "/~", "/*", "/é", `/"`,
		"/!x"} {
		e := pull.Edit{Path: path, Write: manifest.Nonce{1}}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+Resolved(e)).Output()
		if want := "--resolved\n" + path + "@0100000000000000\n"; err != nil || string(out) != want {
			t.Errorf("%q becomes %q, %v", path, out, err)
		}
	}
}

// unseen finds the files that git would not commit, also in a folder that does not exist yet, and
// for unusual names.
func TestUnseen(t *testing.T) {
	top := t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	git := clone.New(top, "", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A",
		"GIT_COMMITTER_EMAIL=a@example.org")
	run := func(args ...string) {
		t.Helper()
		if _, err := git.Line(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		".gitignore": "*.log\n:odd.html\n", "site/index.html": "x", "site/tracked.log": "x", "site/blind.html": "x",
		"site/skipped.html": "x", "away/index.html": "x",
	} {
		name = filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q", "-b", "main")
	run("add", "-A", "-f")
	run("commit", "-q", "-m", "first")
	run("update-index", "--assume-unchanged", "site/blind.html")
	run("update-index", "--skip-worktree", "site/skipped.html", "away/index.html")
	run("update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,site/module")
	if err := os.RemoveAll(filepath.Join(top, "away")); err != nil {
		t.Fatal(err)
	}

	for dir, want := range map[string][]string{
		"site": {"/:odd.html", "/blind.html", "/deep/x.log", "/module/x.html", "/skipped.html", "/x.log"},
		"away": {"/:odd.html", "/deep/x.log", "/index.html", "/x.log"},
	} {
		dir = filepath.Join(top, dir)
		tree, err := pull.OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		var entries []overlay.Entry
		for _, path := range []string{
			"/index.html", "/tracked.log", "/blind.html", "/skipped.html", "/x.log", "/deep/x.log", "/:odd.html", "/new.html",
			"/*.html", "/module/x.html", "/a\x00b", "/../x.log", "/",
		} {
			if path != "/tracked.log" || filepath.Base(dir) == "site" { // only site tracks it
				entries = append(entries, overlay.Entry{Path: path})
			}
		}
		reasons, err := viewOf(dir).unseen(t.Context(), tree, entries, false)
		var got []string
		for path := range reasons {
			got = append(got, path)
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q; %v", dir, got, want, err)
		}
		if reasons, err := viewOf(dir).unseen(t.Context(), tree, entries, true); err != nil ||
			strings.Contains(reasons["/x.log"], "ignores") {
			t.Errorf("with an ignored folder: %q, %v", reasons, err)
		}
	}
	if s := viewOf(t.TempDir()); s != nil {
		t.Errorf("outside of a repository: %+v", s)
	}
}
