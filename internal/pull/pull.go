// Package pull brings the edits of the overlay, which were made at run time, into git. It makes a
// three-way comparison for each pathname. A pathname that changed both in git and at run time is
// a conflict, and the pull does not change it.
//
//	tree, err := pull.OpenWorkTree("public") // or OpenBranch, which makes a commit
//	report, err := pull.Pull(ctx, overlay.Entries, overlay, tree, pull.Options{ContentType: contentType})
//	message := pull.Describe(report)
package pull

import (
	"cmp"
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

// Tree is the folder that a pull changes: a [WorkTree], or the commit of a [Branch]. Pathnames
// begin with "/" and are valid file names.
type Tree interface {
	// State returns the state of the file at a pathname.
	State(path string) (FileState, error)
	// Put creates or replaces a file with the content that write writes. After an error, the
	// tree is unchanged.
	Put(path string, write func(io.Writer) error) error
	// Remove removes an existing file, and the folders that become empty.
	Remove(path string) error
}

// FileState is the state of a file of a [Tree].
type FileState struct {
	// Hashes are the possible hashes of the file's content in git. There are two if the line
	// endings in the work tree differ from git's, and none if the file does not exist.
	Hashes []manifest.Hash
	// Blocked says why no file can be there, or is "".
	Blocked string
}

// mark returns the mark of the content in the record.
func (s FileState) mark() string {
	if len(s.Hashes) == 0 {
		return ""
	}
	return manifest.ContentMark(s.Hashes[0])
}

// Holds reports whether the file has the content of a mark in the record.
func (s FileState) Holds(mark string) bool {
	return slices.ContainsFunc(s.Hashes, func(h manifest.Hash) bool { return manifest.ContentMark(h) == mark })
}

// Source reads the contents of run-time edits. [overlay.Snapshot] implements it.
type Source interface {
	Copy(ctx context.Context, entry *overlay.Entry, w io.Writer) error
}

// Options configure a pull.
type Options struct {
	// Resolved are pathnames whose conflicts a person has merged in git. With "@" and a nonce
	// after the pathname, the conflict is resolved only if the last edit has that nonce.
	Resolved []string
	// Known are the edits that are recorded as pulled.
	Known manifest.Pulled
	// ContentType returns the Content-Type with which a deploy publishes a pathname.
	ContentType func(path string) string
	// Unpublished reports whether a deploy publishes no file of a pathname; nil means never.
	Unpublished func(path string) bool
	// DryRun makes the report without a change of the tree.
	DryRun bool
}

// Report is the result of a pull.
type Report struct {
	// Taken are the edits that the pull wrote into the tree.
	Taken []Edit `json:"taken"`
	// Removed are the deletions that the pull made in the tree.
	Removed []Edit `json:"removed"`
	// InGit are the edits that the tree had before the pull.
	InGit []Edit `json:"in_git"`
	// Conflicts are the edits of files that also changed in git. The pull did not change them.
	Conflicts []Edit `json:"conflicts"`
	// Kept are the edits that stay in the overlay, because a file cannot represent them.
	Kept []Edit `json:"kept"`
	// Pulled are the edits to record: those that are in git now.
	Pulled manifest.Pulled `json:"-"`
	// Noted says that all of Pulled were recorded before the pull.
	Noted bool `json:"-"`
}

// Edit is the outcome for one pathname.
type Edit struct {
	Path    string    `json:"path"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author,omitempty"`
	Message string    `json:"message,omitempty"`
	// Write is the nonce of the edit.
	Write manifest.Nonce `json:"write"`
	// New says that the pull created the file.
	New bool `json:"new,omitempty"`
	// Reason says why the edit is in Conflicts or Kept.
	Reason string `json:"reason,omitempty"`
	// Entry is the overlay's entry of the pathname.
	Entry *overlay.Entry `json:"-"`
}

// Changes reports whether the pull changed the tree, or would without DryRun.
func (r *Report) Changes() bool { return len(r.Taken)+len(r.Removed) > 0 }

// Pull brings the overlay's entries into the tree.
//
// It takes an edit if the content in git is the one that the edit replaced, or an earlier edit
// of that pathname. After a conflict it continues with the other entries.
func Pull(ctx context.Context, entries []overlay.Entry, from Source, tree Tree, o Options) (*Report, error) {
	p := &puller{from: from, tree: tree, Options: o, Report: &Report{
		Taken: []Edit{}, Removed: []Edit{}, InGit: []Edit{}, Conflicts: []Edit{}, Kept: []Edit{},
		Pulled: manifest.Pulled{Writes: map[string]manifest.Nonce{}, Contents: map[string]string{}},
	}, taken: takenPaths{}}
	if err := p.readResolved(entries); err != nil {
		return nil, err
	}
	// Deletions come first, because a new file may replace a folder.
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
	for path, write := range p.Pulled.Writes {
		p.Noted = p.Noted && p.Known.Writes[path] == write && p.Known.Contents[path] == p.Pulled.Contents[path]
	}
	return p.Report, nil
}

type puller struct {
	from     Source
	tree     Tree
	resolved map[string]resolution
	Options
	*Report
	taken takenPaths
}

// resolution says whether a person has resolved a conflict.
type resolution int

const (
	unresolved resolution = iota
	resolved
	// outdated says that a person resolved an earlier edit.
	outdated
)

// CaseNotWritten reports a pathname of Options.Resolved that has no edit.
const CaseNotWritten finding.Case = "{path} is not among what was written at run time, so there is nothing to resolve"

// readResolved parses Options.Resolved. It refuses a pathname that has no edit, because it is
// probably mistyped.
func (p *puller) readResolved(entries []overlay.Entry) error {
	p.resolved = make(map[string]resolution, len(p.Resolved))
	for _, value := range p.Resolved {
		path, nonce, hasNonce := value, "", false
		hasPath := func(e overlay.Entry) bool { return e.Path == path }
		if at := strings.LastIndexByte(value, '@'); at > 0 && !slices.ContainsFunc(entries, hasPath) {
			path, nonce, hasNonce = value[:at], value[at+1:], true
		}
		i := slices.IndexFunc(entries, hasPath)
		if i < 0 {
			return &guard.Error{
				Guard: guard.Target, Finding: finding.Finding{Case: CaseNotWritten, Facts: finding.Facts{Path: path}},
			}
		}
		p.resolved[path] = resolved
		if hasNonce && entries[i].Nonce.String() != nonce {
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
	report := func(list *[]Edit, reason string) {
		edit.Reason = reason
		*list = append(*list, edit)
	}
	switch {
	case e.IsRules():
		report(&p.Kept, "rules that were written at run time stay there")
		return nil
	case p.Unpublished != nil && p.Unpublished(e.Path):
		report(&p.Kept, "a deploy publishes no file of this name")
		return nil
	case invalidPathReason(e.Path) != "":
		report(&p.Kept, invalidPathReason(e.Path))
		return nil
	}
	state, err := p.tree.State(e.Path)
	if err != nil {
		return err
	}
	if p.resolved[e.Path] == resolved {
		p.record(e, &p.InGit, state.mark(), report)
		return nil
	}
	result, why := compare(e, state)
	if result == take && e.Content != nil {
		if why = cmp.Or(p.taken.blocker(e.Path), unportable(e.Path, state)); why != "" {
			result = conflict
		}
	}
	if result == conflict && p.isKnown(e) {
		result = same // git changed the file after the pull; if git had the old content, the pull was discarded
	}
	switch result {
	case same:
		mark := state.mark()
		if p.isKnown(e) {
			mark = p.Known.Contents[e.Path]
		}
		p.record(e, &p.InGit, mark, report)
	case conflict:
		if p.resolved[e.Path] == outdated {
			why = "it was edited again at run time after it was merged"
		}
		report(&p.Conflicts, why)
	case take:
		edit.New = len(state.Hashes) == 0
		return p.take(ctx, e, report)
	}
	return nil
}

// Reasons of conflicts and kept edits.
const (
	fileInTheWay = "there is a file where its folder should be"
	inSubmodule  = "its folder is another repository (a submodule)"
	isFolder     = "there is a folder of this name"
	notRegular   = "the existing entry is not a regular file"
	notInKV      = "KV does not show its content yet, or no longer; pull again in a minute"
)

// unportable returns why a new file may not have the name of a pathname, or "". An existing
// file may have any name.
func unportable(path string, state FileState) string {
	if name := invalidOnWindows(path[1:]); name != "" && len(state.Hashes) == 0 {
		return fmt.Sprintf("Windows cannot have a file named %q, so nobody could check it out there", name)
	}
	return ""
}

// take writes or removes the file of an edit.
func (p *puller) take(ctx context.Context, e *overlay.Entry, report func(*[]Edit, string)) error {
	if e.Content == nil {
		if !p.DryRun {
			if err := p.tree.Remove(e.Path); err != nil {
				return err
			}
		}
		p.record(e, &p.Removed, "", report)
		return nil
	}
	if !p.DryRun {
		err := p.tree.Put(e.Path, func(w io.Writer) error { return p.from.Copy(ctx, e, w) })
		if errors.Is(err, cloud.ErrNotFound) {
			report(&p.Kept, notInKV)
			return nil
		} else if err != nil {
			return err
		}
	}
	p.taken.add(e.Path)
	p.record(e, &p.Taken, manifest.ContentMark(e.Content.Hash), report)
	return nil
}

// record adds an edit that is in git to Pulled and to a list of the report. A deploy drops the
// edits in Pulled from the overlay. So an edit with headers or a type that a file cannot have
// is not added to Pulled. mark is the mark of what git has.
func (p *puller) record(e *overlay.Entry, list *[]Edit, mark string, report func(*[]Edit, string)) {
	kept := ""
	switch {
	case e.Content == nil:
	case len(e.Content.Headers) > 0:
		kept = "the content is in git; its headers stay at run time"
	case e.Content.Type != p.ContentType(e.Path):
		kept = fmt.Sprintf("the content is in git; its type %q stays at run time", e.Content.Type)
	}
	if list != &p.InGit || kept == "" {
		report(list, "")
	}
	if kept != "" {
		report(&p.Kept, kept)
		return
	}
	p.Pulled.Writes[e.Path] = e.Nonce
	p.Pulled.Contents[e.Path] = mark
}

// isKnown reports whether this very edit is recorded as pulled.
func (p *puller) isKnown(e *overlay.Entry) bool {
	return p.Known.Writes[e.Path] == e.Nonce && !e.Nonce.IsZero()
}

// comparison is the result of a three-way comparison.
type comparison int

const (
	// take says that only the overlay changed the file.
	take comparison = iota
	// same says that git has the overlay's content.
	same
	// conflict says that both changed the file, or that no file can be there.
	conflict
)

// compare makes the three-way comparison of git's file, the overlay's entry, and the contents
// that the entry replaced. For a conflict it also returns the reason.
func compare(e *overlay.Entry, state FileState) (comparison, string) {
	switch {
	case state.Blocked != "":
		return conflict, state.Blocked
	case len(state.Hashes) == 0 && e.Content == nil:
		return same, ""
	case e.Content != nil && slices.Contains(state.Hashes, e.Content.Hash):
		return same, ""
	}
	hashes := state.Hashes
	if len(hashes) == 0 {
		hashes = []manifest.Hash{{}} // in Was, the zero hash means no file
	}
	for _, h := range hashes {
		if slices.Contains(e.Was, h) {
			return take, ""
		}
	}
	switch {
	case len(state.Hashes) == 0:
		return conflict, "it was changed at run time, and is not in git"
	case e.Content == nil:
		return conflict, "it was deleted at run time, and changed in git"
	case len(e.Was) > 0 && e.Was[len(e.Was)-1] == manifest.Hash{}:
		return conflict, "it was created both in git and at run time"
	}
	return conflict, "it was changed both in git and at run time"
}

// Save writes the overlay's contents of edits into a tree, also over files that changed in git.
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
