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
	conflict.Reason, kept.Reason, added.New = "both changed it", "it has a header", true
	taken := pull.Report{Taken: []pull.Edit{page("/old", "", ""), added}, Removed: []pull.Edit{page("/gone", "", "")}}
	const list = `  + /new  2026-01-02 03:04 by ada: Prices\x1b
  ~ /old  2026-01-02 03:04
  - /gone  2026-01-02 03:04

`
	pulled := func(r pull.Report) func(*Console) {
		p := &app.Pulled{Report: &r, Folder: "public\x1b"}
		return func(c *Console) { c.Pulled(p, false) }
	}
	check(t, []output{
		{"pulled edits", pulled(taken), list +
			`Pulled into public\x1b: 2 files written, 1 file removed. Look at them, commit, and deploy.` + "\n"},
		{"conflicts", pulled(pull.Report{Conflicts: []pull.Edit{conflict}, Noted: true}),
			"Conflicts, left alone:\n  ! /c  2026-01-02 03:04: both changed it\n\nNothing to pull but the conflicts.\n"},
		{"edits that no file can express", pulled(pull.Report{Kept: []pull.Edit{kept}, Noted: true}),
			"Left at run time:\n  · /k  2026-01-02 03:04: it has a header\n\nNothing else to pull.\n"},
		{"no edit", pulled(pull.Report{Noted: true}), "Nothing was written at run time.\n"},
	})
}
