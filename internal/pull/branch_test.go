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

// repository creates a git repository whose folder site has the files of the cases.
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
	writeCases(t, filepath.Join(top, "site"))
	write(t, filepath.Join(top, "README"), "readme")
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
			t.Errorf("the work tree or the index changed: %s", status)
		}
		runGit(t, top, "fsck", "--strict")
		if author := runGit(t, top, "log", "-1", "--format=%an <%ae> / %cn",
			branch); author != "Grace <grace@example.org> / kv-sync" {
			t.Errorf("author and committer are %s", author)
		}
		if files := runGit(t, top, "diff", "--name-only", "main", branch); strings.Contains(files, "README") ||
			strings.Contains(files, "other") {
			t.Errorf("the commit changes %s", files)
		}
		if again := pullOn(t, from, branch); again != "" {
			t.Errorf("a second pull made the commit %s", again)
		}
	}
}

// pullOn pulls onto a branch, checks the files in the commit, and returns the commit's id.
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
	entries, from := caseOverlay()
	r, err := Pull(t.Context(), entries, from, b, Options{ContentType: options.ContentType, Known: pulled})
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
		if record := runGit(t, top, "show", commit+":site/"+manifest.PulledName); !strings.Contains(record, " /edited.html") {
			t.Errorf("the record is %s", record)
		}
	}
	return commit
}

func TestBranchErrors(t *testing.T) {
	top := repository(t)
	for name, branch := range map[string]string{"checked out": "main", "invalid": "a..b", "option": "-x", "HEAD": "HEAD",
		"empty": ""} {
		if _, err := OpenBranch(top, "site", branch); err == nil {
			t.Errorf("%s: it was opened", name)
		}
	}
}

// Commit fails and changes nothing if another process has moved the branch since OpenBranch.
func TestBranchMovedConcurrently(t *testing.T) {
	top := repository(t)
	runGit(t, top, "branch", "edits")
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "commit", "-q", "--allow-empty", "-m", "meanwhile")
	runGit(t, top, "branch", "-f", "edits", "main")
	if err := b.SetPulled(manifest.Pulled{Writes: map[string]manifest.Nonce{"/a": {1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(Message{Author: tool, Text: "x\n"}, time.Now()); err == nil ||
		runGit(t, top, "rev-parse", "edits") != runGit(t, top, "rev-parse", "main") {
		t.Errorf("the commit of the other process was lost: %v", err)
	}
}

// OpenBranch opens a repository whose objects are in another clone, and Pull streams an object
// that is too large to be read into memory.
func TestBorrowedAndLargeObjects(t *testing.T) {
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
		entries := []overlay.Entry{newEntry("/large.bin", "small", string(large))}
		r, err := Pull(t.Context(), entries, contentMap{"/large.bin": "small"}, b, options)
		if err != nil || len(r.Taken) != 1 {
			t.Errorf("the report is %+v, %v", r, err)
		}
		if _, err := b.Commit(Describe(r), time.Now()); err != nil ||
			runGit(t, dir, "show", "edits:site/large.bin") != "small" {
			t.Errorf("the commit: %v", err)
		}
	}
}

// A file, a folder, a submodule, a symlink or a Git LFS pointer in the commit makes an edit of
// that pathname, or of one below it, a conflict.
func TestBlockedInBranch(t *testing.T) {
	top := repository(t)
	write(t, filepath.Join(top, "site", "lfs.bin"), lfsPointer+"\noid sha256:0\nsize 1\n")
	if err := os.Symlink("deep", filepath.Join(top, "site", "link")); err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "add", "-A")
	runGit(t, top, "update-index", "--add", "--cacheinfo", "160000,"+runGit(t, top, "rev-parse", "HEAD")+",site/module")
	runGit(t, top, "commit", "-q", "-m", "entries that block edits")
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		"/lfs.bin": "Git LFS", "/link": "not a regular file", "/link/page.html": fileInTheWay,
		"/module/page.html": "submodule", "/module": "folder",
		"/edited.html/page.html": fileInTheWay, "/folder": "folder",
	} {
		r, err := Pull(t.Context(), []overlay.Entry{newEntry(path, "new", "old", "")}, contentMap{path: "new"}, b, options)
		if err != nil || len(r.Conflicts) != 1 || !strings.Contains(r.Conflicts[0].Reason, why) {
			t.Errorf("%s: the report is %+v, %v", path, r, err)
		}
	}
	if commit, err := b.Commit(Message{Author: tool}, time.Now()); commit != "" || err != nil {
		t.Errorf("the commit %s was made, %v", commit, err)
	}
}

// If the content cannot be read completely, the pull adds no object to the repository.
func TestFailedContentInBranch(t *testing.T) {
	top := repository(t)
	objects := func() string { return snapshot(t, filepath.Join(top, ".git", "objects")) }
	before := objects()
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	entries := []overlay.Entry{newEntry("/edited.html", "new", "old")}
	if _, err := Pull(t.Context(), entries, broken{errBroken}, b, options); !errors.Is(err, errBroken) {
		t.Errorf("the error is %v", err)
	}
	if objects() != before {
		t.Error("the pull left a file in .git/objects")
	}
}

// If the last edit's date is in the future, or git refuses it, the commit has the current date.
func TestCommitDate(t *testing.T) {
	top := repository(t)
	for i, when := range []time.Time{{}, time.Now().Add(time.Hour)} {
		b, err := OpenBranch(top, "site", "edits")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SetPulled(manifest.Pulled{Writes: map[string]manifest.Nonce{"/a": {byte(i + 1)}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Commit(Message{Author: tool, Text: "x\n", Time: when}, time.Now()); err != nil {
			t.Fatal(err)
		}
		runGit(t, top, "fsck", "--strict")
		runGit(t, top, "pack-refs", "--all")
		if date := runGit(t, top, "log", "-1", "--format=%at", "edits"); date > fmt.Sprint(time.Now().Unix()) ||
			date < "1" {
			t.Errorf("the commit's date is %s", date)
		}
	}
}

// A partial clone lacks files of the commit. The error says so, and nothing is committed.
func TestBranchOfAPartialClone(t *testing.T) {
	top := repository(t)
	runGit(t, top, "config", "uploadpack.allowFilter", "true")
	clone := filepath.Join(t.TempDir(), "clone")
	runGit(t, top, "clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+top, clone)
	b, err := OpenBranch(clone, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	entries, from := caseOverlay()
	if r, err := Pull(t.Context(), entries, from, b, options); !errors.Is(err, ErrPartial) {
		t.Errorf("%+v, %v", r, err)
	}
	treeless := filepath.Join(t.TempDir(), "treeless")
	runGit(t, top, "clone", "-q", "--no-checkout", "--filter=tree:0", "file://"+top, treeless)
	if _, err := OpenBranch(treeless, "site", "edits"); !errors.Is(err, ErrPartial) {
		t.Errorf("a clone without folders: %v", err)
	}
}

// A branch that git is rebasing or bisecting is refused: git would move it back at the end.
func TestBranchInARebase(t *testing.T) {
	top := repository(t)
	runGit(t, top, "branch", "edits")
	runGit(t, top, "checkout", "-q", "--detach")
	for file, content := range map[string]string{
		"rebase-merge/head-name": "refs/heads/edits\n", "rebase-apply/head-name": "refs/heads/edits\n",
		"BISECT_START": "edits\n",
	} {
		name := filepath.Join(top, ".git", file)
		write(t, name, content)
		if _, err := OpenBranch(top, "site", "edits"); err == nil || !strings.Contains(err.Error(), "edits is in a rebase") {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := OpenBranch(top, "site", "other"); err != nil {
			t.Errorf("%s: another branch: %v", file, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// A git command that runs, or was killed, has an empty lock file beside a branch. It is no branch,
// and another branch can be pulled into.
func TestBranchBesideALock(t *testing.T) {
	top := repository(t)
	for _, name := range []string{"busy.lock", "other/busy.lock"} {
		write(t, filepath.Join(top, ".git", "refs", "heads", name), "")
	}
	if _, err := OpenBranch(top, "site", "other"); err != nil {
		t.Errorf("a branch that git is making a folder for: %v", err)
	}
	if commit := pullOn(t, top, "refs/heads/edits"); runGit(t, top, "rev-parse", "edits") != commit {
		t.Errorf("the commit %s is not on the branch", commit)
	}
}

// Names of branches conflict also where git has packed them.
func TestBranchBesideAnother(t *testing.T) {
	top := repository(t)
	runGit(t, top, "branch", "edits/one")
	for range 2 {
		for _, name := range []string{"edits", "edits/one/more"} {
			if _, err := OpenBranch(top, "site", name); err == nil || !strings.Contains(err.Error(), "beside edits/one;") {
				t.Errorf("%s: %v", name, err)
			}
		}
		runGit(t, top, "pack-refs", "--all")
	}
}
