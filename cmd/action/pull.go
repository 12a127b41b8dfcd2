package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/internal/pullview"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// pull commits run-time edits. Conflicts are warnings and not failures: the other edits can
// be reviewed, and people would switch off a scheduled workflow that fails until somebody
// has merged the conflicts.
func (s step) pull(ctx context.Context, c *console, site *app.Site, rep *app.Report) error {
	pulled, err := site.Pull(ctx, app.PullOptions{
		Branch: s.text(options.Branch), Into: s.text(options.Into), DryRun: rep.DryRun,
	})
	if !pulled.Done() {
		return err
	}
	rep.Pull = pulled
	var stopped *guard.Error
	if errors.As(err, &stopped) && stopped.Guard == guard.Conflict {
		err = nil
	}
	shown, more := limited(loggedPaths, listed(pullview.Of(pulled, rep.DryRun)), editsOf)
	for _, g := range shown {
		for _, e := range g.Edits {
			e.Time = e.Time.UTC()
			c.say("  %s %s  %s", g.Mark, e.Path, pullview.About(e, minute))
		}
	}
	if more > 0 {
		c.say("  and %d more", more)
	}
	for i, e := range pulled.Conflicts {
		if i == maxFileAnnotations {
			break // the log has all of them
		}
		e.Time = e.Time.UTC()
		text := fmt.Sprintf("%s (%s); %s", e.Reason, pullview.Made(e, minute), howToResolve(e))
		c.annotate(levelWarning, s.fileOf(pulled, e), 0, "kv-sync: "+e.Path, text)
	}
	return err
}

// fileOf is the regular file of a conflict, relative to the workspace; "" if there is none.
func (s step) fileOf(p *app.Pulled, e pull.Edit) string {
	file := path.Join(p.Folder, e.Path)
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return ""
	}
	st, err := os.Lstat(filepath.Join(s.root(), filepath.FromSlash(file)))
	if err != nil || !st.Mode().IsRegular() {
		return ""
	}
	return file
}

func howToResolve(e pull.Edit) string {
	return "compare both sides with kv-sync pull --save-conflicts DIR, commit the merged file, " +
		"and mark the conflict as resolved by hand: kv-sync pull " + app.Resolved(e)
}

// minute is the format of times.
const minute = "2006-01-02 15:04 UTC"

// listed returns the groups of edits in the order of the log and the summary. Conflicts come
// first, because both outputs are limited.
func listed(v *pullview.View) []pullview.Group {
	return append(append([]pullview.Group{v.Conflicts}, v.Pulled...), v.Kept)
}

func editsOf(g *pullview.Group) *[]pull.Edit { return &g.Edits }

// pullHeadline returns the outcome of a pull and the number of conflicts.
func pullHeadline(r *app.Report) string {
	text := pullview.Of(r.Pull, r.DryRun).Outcome
	if n := len(r.Pull.Conflicts); n > 0 {
		text += " " + humanize.Count(n, "conflict") + " left alone."
	}
	return text
}

// pullTable lists the edits for the job summary.
func pullTable(b *strings.Builder, v *pullview.View) {
	var rows strings.Builder
	shown, more := limited(summaryRows, listed(v), editsOf)
	for _, g := range shown {
		for _, e := range g.Edits {
			fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s |\n", g.Word, escape(e.Path), e.Time.UTC().Format(minute),
				escape(e.Author), escape(cmp.Or(e.Reason, e.Message)))
		}
	}
	if rows.Len() > 0 {
		b.WriteString("\n| | Page | When | Who | Why |\n|---|---|---|---|---|\n" + rows.String())
	}
	if more > 0 {
		fmt.Fprintf(b, "\nThe log has %d more.\n", more)
	}
	if c := v.Conflicts.Edits; len(c) > 0 {
		fmt.Fprintf(b, "\nFor a conflict, %s\n", escape(howToResolve(c[0])))
	}
}

// pullOutputs returns the outputs of a pull. They are empty in other modes.
func pullOutputs(r *app.Report) (o struct{ changed, branch, commit, pulled, conflicts string }) {
	p := r.Pull
	if p == nil {
		return o
	}
	o.changed, o.branch, o.commit = strconv.FormatBool(p.Commit != ""), p.Branch, p.Commit
	o.pulled, o.conflicts = strconv.Itoa(len(p.Taken)+len(p.Removed)), strconv.Itoa(len(p.Conflicts))
	return o
}
