// Package pull brings what was written at run time into git. The comparison is three-way: what
// changed on both sides is reported as a conflict and never overwritten.
//
//	tree, err := pull.OpenWorkTree("public") // or OpenBranch, which makes a commit
//	report, err := pull.Pull(ctx, overlay.Entries, overlay, tree, pull.Options{ContentType: contentType})
//	message := pull.Describe(report)
package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// Tree is the folder that a pull changes: a work tree, or that of a commit that is being made.
// Pathnames begin with "/" and are valid file names.
type Tree interface {
	// Look returns what is at a pathname.
	Look(path string) (Present, error)
	// Put makes a file of what write writes, whole or not at all.
	Put(path string, write func(io.Writer) error) error
	// Remove removes an existing file.
	Remove(path string) error
}

// Present is what is at a pathname of a [Tree].
type Present struct {
	// Hashes are the possible hashes of the file, none if nothing is there: a work tree's text
	// may have other line endings than git has.
	Hashes []manifest.Hash
	// Blocked says why no file can be put there, or "".
	Blocked string
}

// Source has the contents of run-time writes: [overlay.Snapshot].
type Source interface {
	Copy(ctx context.Context, entry *overlay.Entry, w io.Writer) error
}

// Options configure a pull.
type Options struct {
	// Resolved are pathnames that a person has merged: git's content counts, whatever the
	// overlay has. With "@" and a write's nonce after it, a pathname counts only while that
	// write is the last.
	Resolved []string
	// Known are the writes that git has already, by pathname.
	Known map[string]manifest.Nonce
	// ContentType returns the type that a deploy gives to a file of this pathname.
	ContentType func(path string) string
	// DryRun changes nothing.
	DryRun bool
}

// Report is what a pull did.
type Report struct {
	// Taken were written into the tree, Removed were removed from it.
	Taken   []Edit `json:"taken"`
	Removed []Edit `json:"removed"`
	// InGit were there already.
	InGit []Edit `json:"in_git"`
	// Conflicts were changed on both sides, and left alone.
	Conflicts []Edit `json:"conflicts"`
	// Kept stay at run time, because a file cannot express them.
	Kept []Edit `json:"kept"`
	// Pulled are the writes that are in git now, for the file of that name. Noted says that the
	// file had all of them before.
	Pulled map[string]manifest.Nonce `json:"-"`
	Noted  bool                      `json:"-"`
}

// Edit is the outcome for one pathname.
type Edit struct {
	Path    string    `json:"path"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author,omitempty"`
	Message string    `json:"message,omitempty"`
	// Write identifies the edit by its nonce.
	Write manifest.Nonce `json:"write"`
	// New says that git had no file there, and has one now.
	New bool `json:"new,omitempty"`
	// Reason is why it is a conflict, or kept.
	Reason string `json:"reason,omitempty"`
	// Entry is what the overlay has.
	Entry *overlay.Entry `json:"-"`
}

// Changes reports whether the tree was changed, or would be without DryRun.
func (r *Report) Changes() bool { return len(r.Taken)+len(r.Removed) > 0 }

// Pull brings the overlay's entries into the tree.
//
// An edit is taken if git still has what was there when the edit was made, or an earlier edit
// of that pathname. A conflict stops nothing else.
func Pull(ctx context.Context, entries []overlay.Entry, from Source, tree Tree, o Options) (*Report, error) {
	p := &puller{from: from, tree: tree, Options: o, Report: &Report{
		Taken: []Edit{}, Removed: []Edit{}, InGit: []Edit{}, Conflicts: []Edit{}, Kept: []Edit{},
		Pulled: make(map[string]manifest.Nonce),
	}}
	if err := p.readResolved(entries); err != nil {
		return nil, err
	}
	// Deletions go first: a page may be where a folder was.
	for _, deletes := range []bool{true, false} {
		for i := range entries {
			if e := &entries[i]; (e.Content == nil) == deletes {
				if err := p.entry(ctx, e); err != nil {
					return p.Report, fmt.Errorf("pull %s: %w", e.Path, err)
				}
			}
		}
	}
	for _, edits := range [][]Edit{p.InGit, p.Conflicts, p.Kept} {
		slices.SortFunc(edits, func(a, b Edit) int { return strings.Compare(a.Path, b.Path) })
	}
	p.Noted = true
	for path, write := range p.Pulled {
		p.Noted = p.Noted && p.Known[path] == write
	}
	return p.Report, nil
}

type puller struct {
	from     Source
	tree     Tree
	resolved map[string]resolution
	Options
	*Report
}

// resolution is what a person said about a conflict.
type resolution int

const (
	unresolved resolution = iota
	resolved
	// outdated: there is a newer edit.
	outdated
)

// CaseNotWritten is a pathname to resolve that has no edit.
const CaseNotWritten finding.Case = "{path} is not among what was written at run time, so there is nothing to resolve"

// readResolved refuses a pathname that has no edit: a typing error must not count
// as resolved.
func (p *puller) readResolved(entries []overlay.Entry) error {
	p.resolved = make(map[string]resolution, len(p.Resolved))
	for _, said := range p.Resolved {
		path, write, which := said, "", false
		is := func(e overlay.Entry) bool { return e.Path == path }
		if at := strings.LastIndexByte(said, '@'); at > 0 && !slices.ContainsFunc(entries, is) {
			path, write, which = said[:at], said[at+1:], true
		}
		i := slices.IndexFunc(entries, is)
		if i < 0 {
			return &guard.Error{
				Guard: guard.Target, Finding: finding.Finding{Case: CaseNotWritten, Facts: finding.Facts{Path: path}},
			}
		}
		p.resolved[path] = resolved
		if which && entries[i].Nonce.String() != write {
			p.resolved[path] = outdated
		}
	}
	return nil
}

func (p *puller) entry(ctx context.Context, e *overlay.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	edit := Edit{Path: e.Path, Time: e.Time, Author: e.Author, Message: e.Message, Write: e.Nonce, Entry: e}
	keep := func(to *[]Edit, reason string) {
		edit.Reason = reason
		*to = append(*to, edit)
	}
	switch {
	case e.IsRules():
		keep(&p.Kept, "rules that were written at run time stay there")
		return nil
	case invalidPathReason(e.Path) != "":
		keep(&p.Kept, invalidPathReason(e.Path))
		return nil
	case p.Known[e.Path] == e.Nonce && e.Nonce != manifest.Nonce{}:
		p.mark(e, &p.InGit, keep)
		return nil
	case p.resolved[e.Path] == resolved:
		p.mark(e, &p.InGit, keep)
		return nil
	}
	present, err := p.tree.Look(e.Path)
	if err != nil {
		return err
	}
	switch verdict, why := judge(e, present); verdict {
	case same:
		p.mark(e, &p.InGit, keep)
	case conflict:
		if p.resolved[e.Path] == outdated {
			why = "it was edited once more at run time since it was merged"
		}
		keep(&p.Conflicts, why)
	case take:
		edit.New = len(present.Hashes) == 0
		return p.take(ctx, e, keep)
	}
	return nil
}

const (
	fileInTheWay = "there is a file where its folder should be"
	notInKV      = "KV does not show its content yet, or no longer; pull again in a minute"
)

// take changes the tree.
func (p *puller) take(ctx context.Context, e *overlay.Entry, keep func(*[]Edit, string)) error {
	if e.Content == nil {
		if !p.DryRun {
			if err := p.tree.Remove(e.Path); err != nil {
				return err
			}
		}
		p.mark(e, &p.Removed, keep)
		return nil
	}
	if !p.DryRun {
		err := p.tree.Put(e.Path, func(w io.Writer) error { return p.from.Copy(ctx, e, w) })
		if errors.Is(err, cloud.ErrNotFound) {
			keep(&p.Kept, notInKV)
			return nil
		} else if err != nil {
			return err
		}
	}
	p.mark(e, &p.Taken, keep)
	return nil
}

// mark records that a write is in git. What a file cannot express stays in the overlay, over
// the file: it would be lost if the deploy took the write as its own.
func (p *puller) mark(e *overlay.Entry, as *[]Edit, keep func(*[]Edit, string)) {
	rest := ""
	switch {
	case e.Content == nil:
	case len(e.Content.Headers) > 0:
		rest = "the content is in git, its own headers stay at run time"
	case e.Content.Type != p.ContentType(e.Path):
		rest = fmt.Sprintf("the content is in git, its type %q stays at run time", e.Content.Type)
	}
	if as != &p.InGit || rest == "" {
		keep(as, "")
	}
	if rest != "" {
		keep(&p.Kept, rest)
		return
	}
	p.Pulled[e.Path] = e.Nonce
}

type verdict int

const (
	take verdict = iota
	same
	conflict
)

// judge compares three states: what git has, what the overlay has, and what was there before
// the overlay had it.
func judge(e *overlay.Entry, present Present) (verdict, string) {
	switch {
	case present.Blocked != "":
		return conflict, present.Blocked
	case len(present.Hashes) == 0 && e.Content == nil:
		return same, ""
	case e.Content != nil && slices.Contains(present.Hashes, e.Content.Hash):
		return same, ""
	}
	had := present.Hashes
	if len(had) == 0 {
		had = []manifest.Hash{{}} // nothing, as Was represents it
	}
	for _, h := range had {
		if slices.Contains(e.Was, h) {
			return take, ""
		}
	}
	switch {
	case len(present.Hashes) == 0:
		return conflict, "it was changed at run time, and is not in git"
	case e.Content == nil:
		return conflict, "it was deleted at run time, and changed in git"
	case len(e.Was) > 0 && e.Was[len(e.Was)-1] == manifest.Hash{}:
		return conflict, "it was made both in git and at run time"
	}
	return conflict, "it was changed both in git and at run time"
}

// Save writes the overlay's content of edits into a tree, whatever is there.
func Save(ctx context.Context, edits []Edit, from Source, tree Tree) error {
	for _, e := range edits {
		if e.Entry.Content == nil {
			continue
		}
		err := tree.Put(e.Path, func(w io.Writer) error { return from.Copy(ctx, e.Entry, w) })
		if err != nil {
			return fmt.Errorf("save %s: %w", e.Path, err)
		}
	}
	return nil
}
