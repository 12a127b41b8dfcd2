package pull

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/overlay"
)

// Attributes and contents with which git converts line endings, or does not.
var (
	attributeLines = []string{
		"", "text", "-text", "text=auto", "text eol=lf", "text eol=crlf", "text=auto eol=lf", "text=auto eol=crlf",
		"eol=crlf", "eol=lf", "binary", "crlf", "text=yes",
	}
	lineEndings = map[string]string{
		"unix": "one\ntwo\n", "windows": "one\r\ntwo\r\n", "mixed": "one\r\ntwo\n", "lone": "one\rtwo\r\n",
		"binary": "one\r\n\x00\r\n", "none": "one", "twice": "one\r\r\n",
	}
)

// A pull onto a branch stores what "git add" stores, and compares with what a checkout has. So the
// commit has no file that git shows as changed, and no line ending makes a conflict.
func TestBranchConvertsAsGit(t *testing.T) {
	top := repository(t)
	rules := "* -text\n"
	for i, line := range attributeLines {
		rules += fmt.Sprintf("/site/new/%d/** %s\n/site/old/%d/** %s\n", i, line, i, line)
		for name := range lineEndings {
			write(t, filepath.Join(top, "site", "old", fmt.Sprint(i), name), "was\nthis\n")
		}
	}
	write(t, filepath.Join(top, "site", "old", "3", "stored"), "was\r\nthis\r\n") // before it has attributes
	runGit(t, top, "add", "site/old/3/stored")
	runGit(t, top, "commit", "-q", "-m", "stored")
	write(t, filepath.Join(top, ".gitattributes"), rules)
	runGit(t, top, "add", "-A")
	runGit(t, top, "commit", "-q", "-m", "attributes")
	if err := os.RemoveAll(filepath.Join(top, "site", "old")); err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "checkout", "-q", "--", "site/old")
	var entries []overlay.Entry
	from := contentMap{}
	for i := range attributeLines {
		for name, text := range lineEndings {
			old := fmt.Sprintf("/old/%d/%s", i, name)
			was, err := os.ReadFile(filepath.Join(top, "site", old))
			if err != nil {
				t.Fatal(err)
			}
			made := newEntry(fmt.Sprintf("/new/%d/%s", i, name), text, "")
			entries = append(entries, made, newEntry(old, text, string(was)))
			from[made.Path], from[old] = text, text
		}
	}
	stored := newEntry("/old/3/stored", "one\r\nthis\r\n", "was\r\nthis\r\n")
	entries, from[stored.Path] = append(entries, stored), "one\r\nthis\r\n"
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Pull(t.Context(), entries, from, b, options)
	if err != nil || len(r.Taken) != len(entries) {
		t.Fatalf("%d of %d edits are taken, %+v, %v", len(r.Taken), len(entries), r.Conflicts, err)
	}
	if _, err := b.Commit(Describe(r), time.Now()); err != nil {
		t.Fatal(err)
	}
	for path, text := range from {
		write(t, filepath.Join(top, "site", path), text)
	}
	runGit(t, top, "add", "-A")
	for path := range strings.FieldsSeq(runGit(t, top, "diff", "--cached", "--name-only", "edits")) {
		i, _ := strconv.Atoi(strings.Split(path, "/")[2])
		t.Errorf("git stores other bytes of %s, with the attributes %q", path, attributeLines[i])
	}
}

// Only the git command can write a file that it converts in another way. Such an edit is a conflict.
func TestBranchLeavesFiltersToGit(t *testing.T) {
	for line, want := range map[string]string{
		"filter=lfs": "Git LFS", "filter=mine": `the filter "mine"`, "working-tree-encoding=UTF-16": "UTF-16",
		"ident": "$Id$",
	} {
		top := repository(t)
		write(t, filepath.Join(top, "site", ".gitattributes"), "*.page "+line+"\n")
		runGit(t, top, "add", "-A")
		runGit(t, top, "commit", "-q", "-m", "attributes")
		b, err := OpenBranch(top, "site", "edits")
		if err != nil {
			t.Fatal(err)
		}
		entries := []overlay.Entry{newEntry("/new.page", "new", ""), newEntry("/far/new.page", "new", "")}
		r, err := Pull(t.Context(), entries, contentMap{"/new.page": "new", "/far/new.page": "new"}, b, options)
		if err != nil || len(r.Conflicts) != 2 || !strings.Contains(r.Conflicts[0].Reason, want) {
			t.Errorf("%q: %+v, %v", line, r, err)
		}
	}
}
