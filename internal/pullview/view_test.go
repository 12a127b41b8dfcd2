package pullview

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/pull"
)

func TestOutcome(t *testing.T) {
	edit := []pull.Edit{{Path: "/a"}}
	taken := pull.Report{Taken: []pull.Edit{{Path: "/a"}, {Path: "/b"}}, Removed: edit}
	commit := strings.Repeat("a", 40)
	for name, tt := range map[string]struct {
		report pull.Report
		commit string
		dry    bool
		want   string
	}{
		"into the work tree": {taken, "", false,
			"Pulled into public: 2 files written, 1 file removed. Look at them, commit, and deploy."},
		"onto a branch": {taken, commit, false,
			"Committed aaaaaaaaaaaa on branch edits: 2 files written, 1 file removed. Merge it, and deploy."},
		"dry run": {taken, "", true, "Pull: 2 files to write, 1 file to remove. Nothing was changed."},
		"commit of the note alone": {pull.Report{}, commit, false,
			"Committed aaaaaaaaaaaa on branch edits: which edits are in git. Merge it, and deploy."},
		"note alone": {pull.Report{InGit: edit}, "", false,
			"Noted in public which edits are in git. Commit it, and deploy."},
		"conflicts alone":  {pull.Report{Conflicts: edit, Noted: true}, "", false, "Nothing to pull but the conflicts."},
		"kept edits alone": {pull.Report{Kept: edit, Noted: true}, "", false, "Nothing else to pull."},
		"all in git": {pull.Report{InGit: edit, Noted: true}, "", false,
			"Nothing to pull: git has every edit made at run time."},
		"no edit": {pull.Report{Noted: true}, "", false, "Nothing was written at run time."},
	} {
		p := &app.Pulled{Report: &tt.report, Folder: "public", Branch: "edits", Commit: tt.commit}
		if got := Of(p, tt.dry).Outcome; got != tt.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestGroups(t *testing.T) {
	p := &app.Pulled{Report: &pull.Report{
		Taken: []pull.Edit{{Path: "/old"}, {Path: "/new", New: true}}, Removed: []pull.Edit{{Path: "/gone"}},
		Conflicts: []pull.Edit{{Path: "/c"}}, Kept: []pull.Edit{{Path: "/k"}},
	}}
	v := Of(p, false)
	var got []string
	for _, g := range append(v.Pulled, v.Conflicts, v.Kept) {
		got = append(got, string(g.Mark)+" "+g.Word+" "+g.Edits[0].Path)
	}
	want := []string{"+ added /new", "~ changed /old", "- removed /gone", "! conflict /c", "· left at run time /k"}
	if !slices.Equal(got, want) {
		t.Errorf("groups %q", got)
	}
}

func TestAbout(t *testing.T) {
	e := pull.Edit{Time: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Author: "ada", Message: strings.Repeat("m", 60)}
	message := planview.Cut(e.Message, 50)
	if got, want := About(e, "15:04"), "03:04 by ada: "+message; got != want {
		t.Errorf("a pulled edit: %q, want %q", got, want)
	}
	e.Reason = "both changed it"
	if got, want := About(e, "15:04"), "03:04 by ada: both changed it"; got != want {
		t.Errorf("a conflict: %q, want %q", got, want)
	}
	if got, want := Made(e, "15:04"), "03:04 by ada: "+message; got != want {
		t.Errorf("how the edit was made: %q, want %q", got, want)
	}
	if got := About(pull.Edit{Time: e.Time}, "15:04"); got != "03:04" {
		t.Errorf("without an author and a message: %q", got)
	}
}
