package term

import (
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/pull"
)

func TestPulled(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.Local)
	page := func(path, author, message string) pull.Edit {
		return pull.Edit{Path: path, Time: at, Author: author, Message: message}
	}
	conflict, kept, added := page("/c", "", ""), page("/k", "", ""), page("/new", "ada", "Prices\x1b")
	conflict.Reason, kept.Reason, added.New = "both changed it", "no file can say it", true
	taken := pull.Report{Taken: []pull.Edit{page("/old", "", ""), added}, Removed: []pull.Edit{page("/gone", "", "")}}
	const list = `  + /new  2026-01-02 03:04 by ada: Prices\x1b
  ~ /old  2026-01-02 03:04
  - /gone  2026-01-02 03:04

`
	const changed = "2 files written, 1 file removed"
	pulled := func(r pull.Report, commit string, dry bool) func(*Console) {
		p := &app.Pulled{Report: &r, Folder: "public", Branch: "edits", Commit: commit}
		return func(c *Console) { c.Pulled(p, dry) }
	}
	check(t, []output{
		{"into the work tree", pulled(taken, "", false), list + "Pulled into public: " + changed +
			". Look at them, commit, and deploy.\n"},
		{"onto a branch", pulled(taken, commitA, false), list +
			"Committed aaaaaaaaaaaa on branch edits: " + changed + ". Merge it, and deploy.\n"},
		{"dry", pulled(taken, "", true), list + "Pull: 2 files to write, 1 file to remove. Nothing was changed.\n"},
		{"a commit of the note alone", pulled(pull.Report{}, commitA, false),
			"Committed aaaaaaaaaaaa on branch edits: which edits are in git. Merge it, and deploy.\n"},
		{"the note alone", pulled(pull.Report{InGit: taken.Taken}, "", false),
			"Noted in public which edits are in git. Commit it, and deploy.\n"},
		{"conflicts", pulled(pull.Report{Conflicts: []pull.Edit{conflict}, Noted: true}, "", false),
			"Conflicts, left alone:\n  ! /c  2026-01-02 03:04: both changed it\n\nNothing to pull but the conflicts.\n"},
		{"edits that no file can hold", pulled(pull.Report{Kept: []pull.Edit{kept}, Noted: true}, "", false),
			"Left at run time:\n  · /k  2026-01-02 03:04: no file can say it\n\nNothing else to pull.\n"},
		{"all in git", pulled(pull.Report{InGit: taken.Taken, Noted: true}, "", false),
			"Nothing to pull: git has every edit made at run time.\n"},
		{"no edit", pulled(pull.Report{Noted: true}, "", false), "Nothing was written at run time.\n"},
	})
}
