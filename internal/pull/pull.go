// Package pull brings what was written at run time into git: three-way, so that
// what changed on both sides is reported and never overwritten.
package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Tree is the folder that a pull changes: a work tree, or that of a commit that
// is being made. Pathnames begin with "/" and were checked by [Pull].
type Tree interface {
	// Lies says what is at a pathname.
	Lies(path string) (Lying, error)
	// Put makes a file of what write writes, whole or not at all.
	Put(path string, write func(io.Writer) error) error
	// Remove takes a file away that is there.
	Remove(path string) error
}

// Lying is what is at a pathname of a [Tree].
type Lying struct {
	// Hashes are what the file there may be said to have, none where nothing is
	// there: a work tree's text may have another line ending than git has.
	Hashes []kvsync.Hash
	// Other says what is there, if it is no file that could be replaced.
	Other string
}

// Source is the run-time side: [kvsync.Overlay].
type Source interface {
	Copy(ctx context.Context, entry *kvsync.OverlayEntry, w io.Writer) error
}

// Options are how to pull.
type Options struct {
	// Resolved are pathnames that a person has merged: what git has of them is what
	// is meant, whatever the overlay has. With "@" and the write's nonce after it,
	// a pathname is meant only while that write is the last.
	Resolved []string
	// ContentType is the type that a deploy gives to a file of this pathname.
	ContentType func(path string) string
	// DryRun changes nothing.
	DryRun bool
}

// Report is what a pull did.
type Report struct {
	// Taken were written into the tree, Removed taken out of it.
	Taken   []Edit `json:"taken"`
	Removed []Edit `json:"removed"`
	// InGit were there already.
	InGit []Edit `json:"in_git"`
	// Conflicts were changed on both sides, and left alone.
	Conflicts []Edit `json:"conflicts"`
	// Kept stay at run time, because no file can say them.
	Kept []Edit `json:"kept"`
	// Pulled is which of the writes are in git now, for the file of that name, and
	// Noted whether that file had them all before.
	Pulled map[string]kvsync.Nonce `json:"-"`
	Noted  bool                    `json:"-"`
}

// Edit is one pathname's part in a pull.
type Edit struct {
	Path    string    `json:"path"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author,omitempty"`
	Message string    `json:"message,omitempty"`
	// Write names the edit, as its nonce.
	Write kvsync.Nonce `json:"write"`
	// New: git had no file there, and has one now.
	New bool `json:"new,omitempty"`
	// Reason is why it is a conflict, or kept.
	Reason string `json:"reason,omitempty"`
	// Entry is what the overlay has.
	Entry *kvsync.OverlayEntry `json:"-"`
}

// Changes reports whether the tree differs from what it was, or would without
// DryRun.
func (r *Report) Changes() bool { return len(r.Taken)+len(r.Removed) > 0 }

// Pull brings the overlay's entries into the tree. pulled is which writes are in
// git already, by pathname.
//
// An edit is taken where git still has what was there when the edit was made, or
// an earlier edit of that pathname. A conflict stops nothing else.
func Pull(ctx context.Context, entries []kvsync.OverlayEntry, from Source, tree Tree, pulled map[string]kvsync.Nonce, o Options) (*Report, error) {
	p := &puller{from: from, tree: tree, pulled: pulled, Options: o, Report: &Report{
		Taken: []Edit{}, Removed: []Edit{}, InGit: []Edit{}, Conflicts: []Edit{}, Kept: []Edit{}, Pulled: make(map[string]kvsync.Nonce),
	}}
	if err := p.readResolved(entries); err != nil {
		return nil, err
	}
	// What is deleted goes first: a page may lie where there was a folder.
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
		p.Noted = p.Noted && pulled[path] == write
	}
	return p.Report, nil
}

type puller struct {
	from     Source
	tree     Tree
	pulled   map[string]kvsync.Nonce
	resolved map[string]resolution
	Options
	*Report
}

// resolution is what a person says of a conflict.
type resolution int

const (
	unresolved resolution = iota
	resolved
	// outdated: another edit has come since.
	outdated
)

// CaseNotWritten is a pathname to resolve that has no edit.
const CaseNotWritten kvsync.Case = "{path} is not among what was written at run time, so there is nothing to resolve"

// readResolved refuses a pathname that has no edit: a typing error must not count
// as resolved.
func (p *puller) readResolved(entries []kvsync.OverlayEntry) error {
	p.resolved = make(map[string]resolution, len(p.Resolved))
	for _, said := range p.Resolved {
		path, write, which := said, "", false
		is := func(e kvsync.OverlayEntry) bool { return e.Path == path }
		if at := strings.LastIndexByte(said, '@'); at > 0 && !slices.ContainsFunc(entries, is) {
			path, write, which = said[:at], said[at+1:], true
		}
		i := slices.IndexFunc(entries, is)
		if i < 0 {
			return &kvsync.GuardError{
				Guard: kvsync.GuardTarget, Finding: kvsync.Finding{Case: CaseNotWritten, Facts: kvsync.Facts{Path: path}},
			}
		}
		p.resolved[path] = resolved
		if which && entries[i].Nonce.String() != write {
			p.resolved[path] = outdated
		}
	}
	return nil
}

func (p *puller) entry(ctx context.Context, e *kvsync.OverlayEntry) error {
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
	case unsayable(e.Path) != "":
		keep(&p.Kept, unsayable(e.Path))
		return nil
	case p.pulled[e.Path] == e.Nonce && e.Nonce != kvsync.Nonce{}:
		p.mark(e, &p.InGit, keep)
		return nil
	case p.resolved[e.Path] == resolved:
		p.mark(e, &p.InGit, keep)
		return nil
	}
	lying, err := p.tree.Lies(e.Path)
	if err != nil {
		return err
	}
	switch verdict, why := judge(e, lying); verdict {
	case same:
		p.mark(e, &p.InGit, keep)
	case conflict:
		if p.resolved[e.Path] == outdated {
			why = "it was edited once more at run time since it was merged"
		}
		keep(&p.Conflicts, why)
	case take:
		edit.New = len(lying.Hashes) == 0
		return p.take(ctx, e, keep)
	}
	return nil
}

const (
	inTheWay = "there is a file where its folder should be"
	notInKV  = "KV does not show its content yet, or not any more; pull again in a minute"
)

// take changes the tree.
func (p *puller) take(ctx context.Context, e *kvsync.OverlayEntry, keep func(*[]Edit, string)) error {
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
		if errors.Is(err, kvsync.ErrNotFound) {
			keep(&p.Kept, notInKV)
			return nil
		} else if err != nil {
			return err
		}
	}
	p.mark(e, &p.Taken, keep)
	return nil
}

// mark says that a write is in git. What a file cannot say stays in the overlay,
// over the file: it would be lost if the deploy took the write as its own.
func (p *puller) mark(e *kvsync.OverlayEntry, as *[]Edit, keep func(*[]Edit, string)) {
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

// judge is the three-way comparison: what git has, what the overlay has, and
// what was there before the overlay had it.
func judge(e *kvsync.OverlayEntry, lying Lying) (verdict, string) {
	switch {
	case lying.Other != "":
		return conflict, lying.Other
	case len(lying.Hashes) == 0 && e.Content == nil:
		return same, ""
	case e.Content != nil && slices.Contains(lying.Hashes, e.Content.Hash):
		return same, ""
	}
	had := lying.Hashes
	if len(had) == 0 {
		had = []kvsync.Hash{{}} // nothing, as Was has it
	}
	for _, h := range had {
		if slices.Contains(e.Was, h) {
			return take, ""
		}
	}
	switch {
	case len(lying.Hashes) == 0:
		return conflict, "it was changed at run time, and is not in git"
	case e.Content == nil:
		return conflict, "it was deleted at run time, and changed in git"
	case len(e.Was) > 0 && e.Was[len(e.Was)-1] == kvsync.Hash{}:
		return conflict, "it was made both in git and at run time"
	}
	return conflict, "it was changed both in git and at run time"
}

// Save writes what the overlay has of edits into a tree, whatever is there.
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
