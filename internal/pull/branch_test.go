package pull

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// repository makes a repository with real git: the cases' folder is site/.
func repository(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for _, v := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		t.Setenv(v+"_NAME", "Ada")
		t.Setenv(v+"_EMAIL", "ada@example.org")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	runGit(t, top, "init", "-q", "-b", "main")
	given(t, filepath.Join(top, "site"))
	write(t, filepath.Join(top, "README"), "of the repository")
	runGit(t, top, "add", "-A")
	runGit(t, top, "commit", "-q", "-m", "first")
	runGit(t, top, "gc", "-q") // objects are packed, as in a clone
	return top
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func TestBranch(t *testing.T) {
	top := repository(t)
	worktree := filepath.Join(t.TempDir(), "linked")
	runGit(t, top, "worktree", "add", "-q", "-b", "elsewhere", worktree)
	for _, from := range []string{top, worktree} {
		branch := "edits-" + filepath.Base(from)
		before := snapshot(t, filepath.Join(top, "site"))
		commit := pullOn(t, from, branch)
		if got := runGit(t, top, "rev-parse", branch); got != commit ||
			runGit(t, top, "rev-parse", branch+"^") != runGit(t, top, "rev-parse", "main") {
			t.Errorf("%s is %s, want %s on main", branch, got, commit)
		}
		if status := runGit(t, top, "status", "--porcelain"); status != "" ||
			snapshot(t, filepath.Join(top, "site")) != before {
			t.Errorf("the work tree or the index was touched: %s", status)
		}
		runGit(t, top, "fsck", "--strict")
		if author := runGit(t, top, "log", "-1", "--format=%an <%ae> / %cn",
			branch); author != "Grace <grace@example.org> / kv-sync" {
			t.Errorf("the commit is by %s", author)
		}
		if files := runGit(t, top, "diff", "--name-only", "main", branch); strings.Contains(files, "README") ||
			strings.Contains(files, "other") {
			t.Errorf("it changes %s", files)
		}
		if again := pullOn(t, from, branch); again != "" {
			t.Errorf("a second pull made the commit %s", again)
		}
	}
}

// pullOn pulls onto a branch, checks what is in the commit, and returns its id.
func pullOn(t *testing.T, top, name string) string {
	t.Helper()
	b, err := OpenBranch(top, "site", name)
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := b.Pulled()
	if err != nil {
		t.Fatal(err)
	}
	entries, from := entriesOf()
	r, err := Pull(t.Context(), entries, from, b, knowing(options, pulled))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetPulled(r.Pulled); err != nil {
		t.Fatal(err)
	}
	commit, err := b.Commit(Describe(r), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if commit != "" {
		files := strings.Split(runGit(t, top, "ls-tree", "-r", "--name-only", commit), "\n")
		check(t, r, func(path string) string {
			if !slices.Contains(files, "site"+path) {
				return ""
			}
			return runGit(t, top, "show", commit+":site"+path)
		})
		if note := runGit(t, top, "show", commit+":site/"+manifest.PulledName); !strings.Contains(note, " /edited.html") {
			t.Errorf("the note is %s", note)
		}
	}
	return commit
}

func TestBranchRefuses(t *testing.T) {
	top := repository(t)
	for name, branch := range map[string]string{"checked out": "main", "no branch's name": "a..b", "an option": "-x",
		"none": ""} {
		if _, err := OpenBranch(top, "site", branch); err == nil {
			t.Errorf("%s: it was opened", name)
		}
	}
	// Somebody else moves the branch.
	runGit(t, top, "branch", "edits")
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "commit", "-q", "--allow-empty", "-m", "meanwhile")
	runGit(t, top, "branch", "-f", "edits", "main")
	if err := b.SetPulled(map[string]manifest.Nonce{"/a": {1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(Message{Author: tool, Text: "x\n"}, time.Now()); err == nil ||
		runGit(t, top, "rev-parse", "edits") != runGit(t, top, "rev-parse", "main") {
		t.Errorf("the other's commit was lost: %v", err)
	}
}

// The repository borrows its objects, and has objects that are too large to be held in memory.
func TestBranchOfOtherClones(t *testing.T) {
	top := repository(t)
	large := make([]byte, largeObject+largeObject/2)
	for i := range large {
		large[i] = byte(i * i >> 7)
	}
	write(t, filepath.Join(top, "site", "large.bin"), string(large))
	runGit(t, top, "add", "-A")
	runGit(t, top, "commit", "-q", "-m", "large")
	runGit(t, top, "gc", "-q")
	borrower := filepath.Join(t.TempDir(), "borrower")
	runGit(t, top, "clone", "-q", "--shared", top, borrower)
	for _, dir := range []string{top, borrower} {
		b, err := OpenBranch(dir, "site", "edits")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Pull(
			t.Context(),
			[]overlay.Entry{an("/large.bin", "small", string(large))},
			written{"/large.bin": "small"},
			b,
			options,
		)
		if err != nil || len(r.Taken) != 1 {
			t.Errorf("it is %+v, %v", r, err)
		}
		if _, err := b.Commit(Describe(r), time.Now()); err != nil ||
			runGit(t, dir, "show", "edits:site/large.bin") != "small" {
			t.Errorf("the commit: %v", err)
		}
	}
}

// A commit can have entries that block a file.
func TestBlockedOnBranch(t *testing.T) {
	top := repository(t)
	write(t, filepath.Join(top, "site", "lfs.bin"), lfsPointer+"\noid sha256:0\nsize 1\n")
	if err := os.Symlink("deep", filepath.Join(top, "site", "link")); err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "add", "-A")
	runGit(t, top, "update-index", "--add", "--cacheinfo", "160000,"+runGit(t, top, "rev-parse", "HEAD")+",site/module")
	runGit(t, top, "commit", "-q", "-m", "in the way")
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		"/lfs.bin": "Git LFS", "/link": "not a regular file", "/link/page.html": fileInTheWay,
		"/module/page.html": "submodule", "/module": "folder",
		"/edited.html/page.html": fileInTheWay, "/folder": "folder",
	} {
		r, err := Pull(t.Context(), []overlay.Entry{an(path, "new", "old", "")}, written{path: "new"}, b, options)
		if err != nil || len(r.Conflicts) != 1 || !strings.Contains(r.Conflicts[0].Reason, why) {
			t.Errorf("%s: it is %+v, %v", path, r, err)
		}
	}
	if commit, err := b.Commit(Message{Author: tool}, time.Now()); commit != "" || err != nil {
		t.Errorf("the commit %s was made, %v", commit, err)
	}
}

// Content that breaks off leaves nothing in the repository. A commit never has a date that git
// would refuse.
func TestBrokenObject(t *testing.T) {
	top := repository(t)
	objects := func() string { return snapshot(t, filepath.Join(top, ".git", "objects")) }
	before := objects()
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pull(t.Context(), []overlay.Entry{an("/edited.html", "new", "old")}, broken{errBroken}, b,
		options); !errors.Is(
		err,
		errBroken,
	) {
		t.Errorf("the error is %v", err)
	}
	if objects() != before {
		t.Error("something stayed in the repository")
	}
	for i, when := range []time.Time{{}, time.Now().Add(time.Hour)} {
		if err := b.SetPulled(map[string]manifest.Nonce{"/a": {byte(i + 1)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Commit(Message{Author: tool, Text: "x\n", Time: when}, time.Now()); err != nil {
			t.Fatal(err)
		}
		runGit(t, top, "fsck", "--strict")
		runGit(t, top, "pack-refs", "--all")
		if date := runGit(t, top, "log", "-1", "--format=%at", "edits"); date > fmt.Sprint(time.Now().Unix()) ||
			date < "1" {
			t.Errorf("it is dated %s", date)
		}
		if b, err = OpenBranch(top, "site", "edits"); err != nil {
			t.Fatal(err)
		}
	}
}
