// Package pullview writes the text of a pull for people. [Of] turns the result of a pull
// into a [View] of unformatted text. The terminal, the Action's log and the job summary
// only format it.
//
//	view := pullview.Of(pulled, dryRun)
//	for _, group := range view.Pulled {
//		for _, edit := range group.Edits {
//			fmt.Println(group.Mark, escape(edit.Path), escape(pullview.About(edit, time.DateTime)))
//		}
//	}
//	fmt.Println(escape(view.Outcome))
//
// Pathnames, authors and messages are not trusted, and a View does not escape them. The
// code that formats it escapes every text for its output.
package pullview

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// View is the text of a pull.
type View struct {
	// Pulled are the edits that the pull brings into git: added, changed and removed files.
	Pulled []Group
	// Conflicts are the edits of files that git changed too. The pull leaves both as they are.
	Conflicts Group
	// Kept are the edits that a file cannot represent. They stay in the overlay.
	Kept Group
	// Outcome is one sentence about the result and the next step.
	Outcome string
}

// Group are the edits with the same outcome.
type Group struct {
	Mark planview.Mark
	// Word is the mark as a word.
	Word  string
	Edits []pull.Edit
}

// The marks of edits that are not pulled.
const (
	Conflict planview.Mark = "!"
	Kept     planview.Mark = "·"
)

// Of returns the view of a pull. dry reports whether it was a dry run.
func Of(p *app.Pulled, dry bool) *View {
	var added, changed []pull.Edit
	for _, e := range p.Taken {
		if e.New {
			added = append(added, e)
		} else {
			changed = append(changed, e)
		}
	}
	return &View{
		Pulled: []Group{
			{planview.Add, planview.Add.Word(), added},
			{planview.Modify, planview.Modify.Word(), changed},
			{planview.Remove, planview.Remove.Word(), p.Removed},
		},
		Conflicts: Group{Conflict, "conflict", p.Conflicts},
		Kept:      Group{Kept, "left at run time", p.Kept},
		Outcome:   outcome(p, dry),
	}
}

func outcome(p *app.Pulled, dry bool) string {
	changes := changedFiles(p, dry)
	commit := fmt.Sprintf("Committed %s on branch %s: ", planview.Commit(p.Commit), p.Branch)
	switch {
	case dry && changes != "":
		return "Pull: " + changes + ". Nothing was changed."
	case p.Commit != "" && changes != "":
		return commit + changes + ". Merge it, and deploy."
	case p.Commit != "":
		return commit + "which edits are in git. Merge it, and deploy."
	case changes != "":
		return fmt.Sprintf("Pulled into %s: %s. Look at them, commit, and deploy.", p.Folder, changes)
	case len(p.Conflicts) > 0:
		return "Nothing to pull but the conflicts."
	case !p.Noted && !dry:
		return fmt.Sprintf("Noted in %s which edits are in git. Commit it, and deploy.", p.Folder)
	case len(p.Kept) > 0:
		return "Nothing else to pull."
	case len(p.InGit) > 0:
		return "Nothing to pull: git has every edit made at run time."
	}
	return "Nothing was written at run time."
}

// changedFiles counts the files that the pull writes and removes; "" if there are none.
func changedFiles(p *app.Pulled, dry bool) string {
	write, remove := "written", "removed"
	if dry {
		write, remove = "to write", "to remove"
	}
	var parts []string
	if n := len(p.Taken); n > 0 {
		parts = append(parts, humanize.Count(n, "file")+" "+write)
	}
	if n := len(p.Removed); n > 0 {
		parts = append(parts, humanize.Count(n, "file")+" "+remove)
	}
	return strings.Join(parts, ", ")
}

// About says when an edit was made and by whom. For an edit that was not pulled the reason
// follows, otherwise the author's message. layout is the format of the time.
func About(e pull.Edit, layout string) string {
	if e.Reason != "" {
		return made(e, layout) + ": " + e.Reason
	}
	return Made(e, layout)
}

// Made says when an edit was made, by whom and with which message.
func Made(e pull.Edit, layout string) string {
	const maxMessage = 50
	if e.Message != "" {
		return made(e, layout) + ": " + planview.Cut(e.Message, maxMessage)
	}
	return made(e, layout)
}

func made(e pull.Edit, layout string) string {
	const maxAuthor = 40
	if e.Author != "" {
		return e.Time.Format(layout) + " by " + planview.Cut(e.Author, maxAuthor)
	}
	return e.Time.Format(layout)
}
