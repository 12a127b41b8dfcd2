package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// annotations is how many files at fault become annotations; GitHub shows ten
// of a step. All of them are in the log.
const annotations = 50

// notices annotates what is worth saying and stops nothing.
func (c *console) notices(t *turn) {
	if t.site != nil {
		for _, n := range t.site.Notices {
			c.annotate(levelNotice, t.file(n), n.Line, "kv-sync: "+n.Path, reason(n))
		}
	}
	for _, n := range t.notices {
		c.annotate(levelNotice, "", 0, strings.TrimSpace("kv-sync "+t.subject), n)
	}
}

// fault says what made the run fail, if something did: the whole, and then each
// file at fault.
func (c *console) fault(t *turn) {
	f := t.rep.Error
	if f == nil {
		return
	}
	text := f.Message
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	// GitHub shows ten annotations of a step: the one that decides comes first.
	c.annotate(levelError, "", 0, strings.TrimSpace("kv-sync "+t.rep.Command+" "+t.subject), inInputs(text))
	for i, p := range f.Problems {
		if i < annotations {
			c.annotate(levelError, t.file(p), p.Line, "kv-sync: "+p.Path, reason(p))
		} else {
			c.say("refused: %s: %s", p.Path, reason(p))
		}
	}
	for _, ch := range f.Removed[:min(len(f.Removed), loggedPaths)] {
		c.say("  - %s", ch.Path)
	}
	if more := len(f.Removed) - loggedPaths; more > 0 {
		c.say("  and %d more", more)
	}
}

// locate has problems name their files from the repository's root. Their paths
// begin at dir, which is "" where it is not published files that are meant: a
// configuration's problems may be of inputs and the environment.
func (t *turn) locate(problems []kvsync.Problem, dir string) {
	for i := range problems {
		p := &problems[i]
		file := path.Join(t.folder, dir, p.Path)
		if path.IsAbs(p.Path) || path.IsAbs(dir) || !filepath.IsLocal(filepath.FromSlash(file)) {
			continue
		}
		if dir == "" {
			if st, err := os.Stat(filepath.Join(t.workspace, filepath.FromSlash(file))); err != nil || !st.Mode().IsRegular() {
				continue
			}
		}
		p.Path = file
		t.files[file] = true
	}
}

// published is the folder at which the paths of what was refused begin: a
// source's at the published one; "" for a configuration's.
func (t *turn) published() string {
	var refused *kvsync.RefusedError
	if t.site == nil || !errors.As(t.err, &refused) {
		return ""
	}
	return t.site.Settings().Directory
}

// file is the file of the repository that a problem is annotated at, or "".
func (t *turn) file(p kvsync.Problem) string {
	if t.files[p.Path] {
		return p.Path
	}
	return ""
}

func reason(p kvsync.Problem) string {
	if p.Fix == "" {
		return inInputs(p.Reason)
	}
	return inInputs(p.Reason + "; " + p.Fix)
}
