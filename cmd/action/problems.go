package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxFileAnnotations bounds the annotations about files. GitHub shows the first ten of a step.
// The other problems are plain lines of the log.
const maxFileAnnotations = 50

// notices annotates the notices of the site and of the engine.
func (c *console) notices(t *turn) {
	if t.site != nil {
		for _, n := range advice.Workflow.Problems(t.site.Notices) {
			c.annotate(levelNotice, t.file(n), n.Line, titleOf(n), reason(n))
		}
	}
	for _, n := range t.notices {
		c.annotate(levelNotice, "", 0, strings.TrimSpace("kv-sync "+t.subject), n)
	}
}

// fault annotates the failure of a run, and then each file with a problem. It does nothing if
// the run succeeded.
func (c *console) fault(t *turn) {
	f := t.rep.Error
	if f == nil {
		return
	}
	text := f.Message
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	// GitHub shows ten annotations of a step, so the failure itself comes first.
	c.annotate(levelError, "", 0, strings.TrimSpace("kv-sync "+t.rep.Command+" "+t.subject), text)
	for i, p := range f.Problems {
		if i < maxFileAnnotations {
			c.annotate(levelError, t.file(p), p.Line, titleOf(p), reason(p))
		} else {
			c.say("refused: %s: %s", p.Path, reason(p))
		}
	}
	c.files([]planview.Group{planview.Removed(f.Removed)})
}

// locate changes the paths of problems, which are relative to dir, to be relative to the
// repository's root. dir is the published folder, or "" for problems of the configuration. Such a
// problem may also be about an input or a variable; locate does not change its path.
func (t *turn) locate(problems []manifest.Problem, dir string) {
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

// published returns the folder to which the paths of the turn's problems are relative: the
// published folder for refused files, "" for problems of the configuration.
func (t *turn) published() string {
	var refused *manifest.RefusedError
	if t.site == nil || !errors.As(t.err, &refused) {
		return ""
	}
	return t.site.Settings().Directory
}

// file returns the file to annotate with a problem, or "".
func (t *turn) file(p manifest.Problem) string {
	if t.files[p.Path] {
		return p.Path
	}
	return ""
}

// titleOf returns the title of a problem's annotation.
func titleOf(p manifest.Problem) string {
	if p.Path == "" {
		return "kv-sync"
	}
	return "kv-sync: " + p.Path
}

func reason(p manifest.Problem) string {
	if p.Fix == "" {
		return p.Reason
	}
	return p.Reason + "; " + p.Fix
}
