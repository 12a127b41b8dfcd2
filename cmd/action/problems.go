package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// annotations is how many files at fault become annotations; GitHub shows ten
// of a step. All of them are in the log.
const annotations = 50

// notices annotates what is worth saying and stops nothing.
func (c *console) notices(t *turn) {
	if t.site != nil {
		for _, n := range t.site.Notices {
			file := t.locate(&n, "")
			c.annotate(levelNotice, file, n.Line, "kv-sync: "+n.Path, reason(n))
		}
	}
	for _, n := range t.notices {
		c.annotate(levelNotice, "", 0, "kv-sync", n)
	}
}

// fault says what made the run fail, if something did: each file at fault, then
// the whole. From here on the report names the files as the repository does.
func (c *console) fault(t *turn) {
	f := t.rep.Error
	if f == nil {
		return
	}
	// A source's paths begin at the published folder, a configuration's at its
	// own.
	dir := ""
	var refused *kvsync.RefusedError
	if t.site != nil && errors.As(t.err, &refused) {
		dir = t.site.Settings().Directory
	}
	for i := range f.Problems {
		p := &f.Problems[i]
		file := t.locate(p, dir)
		if i < annotations {
			c.annotate(levelError, file, p.Line, "kv-sync: "+p.Path, reason(*p))
		} else {
			c.say("refused: %s: %s", p.Path, reason(*p))
		}
	}
	text := f.Message
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	if f.Kind == app.KindGuard && strings.Contains(f.Fix, "--") {
		text += " (a flag of the kv-sync command, to be given once by hand)"
	}
	c.annotate(levelError, "", 0, "kv-sync "+t.rep.Command, text)
}

// locate finds the file of the repository that a problem names, and has the
// problem name it from the repository's root. It is "" for what is no file:
// settings may come from inputs and the environment. dir is the published
// folder for a path in it, else "".
func (t *turn) locate(p *kvsync.Problem, dir string) string {
	if path.IsAbs(p.Path) || path.IsAbs(dir) {
		return ""
	}
	file := path.Join(t.folder, dir, p.Path)
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return ""
	}
	if dir == "" {
		if st, err := os.Stat(filepath.Join(t.workspace, filepath.FromSlash(file))); err != nil || !st.Mode().IsRegular() {
			return ""
		}
	}
	p.Path = file
	return file
}

func reason(p kvsync.Problem) string {
	if p.Fix == "" {
		return p.Reason
	}
	return p.Reason + "; " + p.Fix
}
