package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/pull"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// pull commits run-time edits. Conflicts are warnings: the other edits are worth a
// review, and people would switch off a schedule that fails until somebody has merged.
func (s step) pull(ctx context.Context, c *console, site *app.Site, rep *app.Report) error {
	pulled, err := site.Pull(ctx, app.PullOptions{
		Branch: s.text(options.Branch), Into: s.text(options.Into), DryRun: rep.DryRun,
	})
	if !pulled.Done() {
		return err
	}
	rep.Pull = pulled
	var guard *kvsync.GuardError
	if errors.As(err, &guard) && guard.Guard == kvsync.GuardConflict {
		err = nil
	}
	left := loggedPaths
	for _, part := range parts(pulled) {
		for _, e := range part.edits {
			if left--; left >= 0 {
				c.say("  %s %s%s", part.sign, e.Path, about(e))
			}
		}
	}
	if left < 0 {
		c.say("  and %d more", -left)
	}
	for i, e := range pulled.Conflicts {
		if i == annotations {
			break // the log has all of them
		}
		edit := about(pull.Edit{Time: e.Time, Author: e.Author, Message: e.Message})
		c.annotate(levelWarning, s.fileOf(pulled, e), 0, "kv-sync: "+e.Path, e.Reason+edit+"; "+howToResolve(e))
	}
	return err
}

// fileOf is the file of a conflict, relative to the workspace, or "".
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

// part are edits with the same outcome.
type part struct {
	sign, what string
	edits      []pull.Edit
}

// parts are the edits to list, conflicts first.
func parts(p *app.Pulled) []part {
	added := slices.DeleteFunc(slices.Clone(p.Taken), func(e pull.Edit) bool { return !e.New })
	changed := slices.DeleteFunc(slices.Clone(p.Taken), func(e pull.Edit) bool { return e.New })
	return []part{
		{"!", "conflict", p.Conflicts}, {"+", "added", added}, {"~", "changed", changed},
		{"-", "removed", p.Removed}, {"·", "left at run time", p.Kept},
	}
}

// minute is the layout of times.
const minute = "2006-01-02 15:04 UTC"

// about says who wrote an edit, when and why, or why it was left.
func about(e pull.Edit) string {
	text := "  " + e.Time.UTC().Format(minute)
	if e.Author != "" {
		text += " by " + e.Author
	}
	for _, s := range []string{e.Message, e.Reason} {
		if s != "" {
			text += ": " + s
		}
	}
	return text
}

// pulledText is the outcome of a pull in one sentence.
func pulledText(r *app.Report) string {
	p := r.Pull
	text := humanize.Count(len(p.Taken)+len(p.Removed), "edit") + " pulled"
	switch {
	case p.Commit != "":
		text += fmt.Sprintf(" onto the branch %s as commit %s", p.Branch, p.Commit[:12])
	case r.DryRun:
		text = humanize.Count(len(p.Taken)+len(p.Removed), "edit") + " would be pulled"
	default:
		text = "nothing to pull"
	}
	if n := len(p.Conflicts); n > 0 {
		text += "; " + humanize.Count(n, "conflict") + " left alone"
	}
	return text + "."
}

// pullTable lists the edits for the job summary.
func pullTable(b *strings.Builder, p *app.Pulled) {
	rows := 0
	for _, part := range parts(p) {
		for _, e := range part.edits {
			if rows++; rows == 1 {
				b.WriteString("\n| | Page | When | Who | Why |\n|---|---|---|---|---|\n")
			}
			if rows > summaryRows {
				continue
			}
			why := e.Message
			if e.Reason != "" {
				why = e.Reason
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n",
				part.what, escape(e.Path), e.Time.UTC().Format(minute), escape(e.Author), escape(why))
		}
	}
	if rows > summaryRows {
		fmt.Fprintf(b, "\nThe log has %d more.\n", rows-summaryRows)
	}
	if len(p.Conflicts) > 0 {
		fmt.Fprintf(b, "\nFor a conflict, %s\n", escape(howToResolve(p.Conflicts[0])))
	}
}

// pullOutputs are the outputs of a pull. They are empty in other modes.
func pullOutputs(r *app.Report) (o struct{ changed, branch, commit, pulled, conflicts string }) {
	p := r.Pull
	if p == nil {
		return o
	}
	o.changed, o.branch, o.commit = strconv.FormatBool(p.Commit != ""), p.Branch, p.Commit
	o.pulled, o.conflicts = strconv.Itoa(len(p.Taken)+len(p.Removed)), strconv.Itoa(len(p.Conflicts))
	return o
}
