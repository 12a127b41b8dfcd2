package settle_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/settle"
)

// byLetter orders commits by their letter. The commit "x" has diverged from all others.
func byLetter(_ context.Context, active, next string) (manifest.Relation, error) {
	switch {
	case active == next:
		return manifest.RelationSame, nil
	case active == "x" || next == "x":
		return manifest.RelationDiverged, nil
	case next > active:
		return manifest.RelationNewer, nil
	}
	return manifest.RelationOlder, nil
}

// entries reads a log of activations such as "a c/a bR:c/c*". Each begins with a letter,
// its commit. After the slash is the activation on which it was planned; the default is
// the one before it. Marks: "R:c" is a rollback that holds back the commit c, "E" a change
// by another tool, "C" the choice of a person, and "*" an activation of this run.
func entries(log string) (base settle.Entry, since []settle.Entry) {
	var all []settle.Entry
	for word := range strings.FieldsSeq(log) {
		x := settle.Entry{Activation: cloud.Activation{ID: word, Message: word}}
		if n := len(all); n > 0 {
			x.Over = all[n-1].ID
		}
		word, x.Own = strings.CutSuffix(word, "*")
		word, over, planned := strings.Cut(word, "/")
		if planned {
			x.Over = over
		}
		word, x.Hold, x.Rollback = strings.Cut(word, "R:")
		word, x.Edit = strings.CutPrefix(word, "E")
		word, x.Choice = strings.CutPrefix(word, "C")
		x.Commit = word
		all = append(all, x)
	}
	return all[0], all[1:]
}

// Of concurrent activations the newest commit wins. A rollback wins over the commits that
// it holds back, and the choice of a person over everything before it.
func TestJudge(t *testing.T) {
	for log, want := range map[string]string{
		"a b c":              "c",
		"a c/a b/a":          "c/a",
		"a c/a b/a b2/b/a":   "c/a",
		"a c b/c":            "b/c", // planned on c, so a person allowed the older commit
		"a c/a bR:c/c":       "bR:c/c",
		"c b/a*":             "c",
		"c aR:c d/c*":        "aR:c", // the run of d plans again, on the rollback
		"c aR:c c2/c*":       "aR:c",
		"c aR:c d":           "d",
		"c d/c aR:c/c*":      "d/c",     // d is newer than c, which the rollback holds back
		"c c/b aR:c/c*":      "aR:c/c*", // a late deploy of c, which the rollback holds back
		"a Ea c/a*":          "Ea",      // c does not contain the change
		"a Ea c/a c2/c/a":    "Ea",
		"a Ea b/Ea c/a*":     "b/Ea", // b contains the change
		"a c/a Ca b/a":       "Ca",
		"a x/a c/a*":         "x/a",
		"a c/a x/a":          "x/a", // the run of x plans again
		"a c/a b/a Eb d/Eb*": "d/Eb*",
	} {
		base, since := entries(log)
		v, err := settle.Judge(t.Context(), base, since, byLetter)
		if err != nil || v.Best.ID != want {
			t.Errorf("%s: %q wins, %v; want %q", log, v.Best.ID, err, want)
		}
	}
}

// A message names the changes by other tools that its activation contains. They count also if the
// activation on which it was planned is not listed.
func TestJudgeByMarks(t *testing.T) {
	for has, want := range map[string]string{"": "a", "other": "a", "change": "b/unlisted"} {
		base, since := entries("a b/unlisted")
		base.Has, since[0].Has = []string{"change"}, []string{has}
		v, err := settle.Judge(t.Context(), base, since, byLetter)
		if err != nil || v.Best.ID != want || !slices.Contains(v.Best.Has, "change") {
			t.Errorf("with %q: %q wins with %q, %v; want %q", has, v.Best.ID, v.Best.Has, err, want)
		}
	}
	for has, lost := range map[string]bool{"": true, "change": false} {
		base, since := entries("c Ea/unlisted d/unlisted")
		since[0].Change, since[1].Has = "change", []string{has}
		v, err := settle.Judge(t.Context(), base, since, byLetter)
		if err != nil || v.Best.ID != "d/unlisted" || v.Lost != lost {
			t.Errorf("with %q: %q wins, %v, lost: %t", has, v.Best.ID, err, v.Lost)
		}
	}
}

// If more followed a plan than the API lists, its run cannot know what the deployment lacks.
// It plans again. Of two deployments of one commit, the one that was planned later wins.
func TestJudgeTooLate(t *testing.T) {
	base, since := entries("a b d/a*")
	since[1].Late = true
	v, err := settle.Judge(t.Context(), base, since, byLetter)
	if err != nil || v.Best.ID != "b" || v.Stood || v.Own == "" {
		t.Errorf("%q wins, %v: %+v", v.Best.ID, err, v)
	}
	base, since = entries("d b/a d2/b")
	base.Late = true
	since[1].Commit = "d"
	if v, err = settle.Judge(t.Context(), base, since, byLetter); err != nil || v.Best.ID != since[1].ID {
		t.Errorf("%q wins, %v; want the later one", v.Best.ID, err)
	}
}

// A run reports that its switch was right even if another activation replaced it later.
// The exception is a rollback that did not see it and holds it back.
func TestStood(t *testing.T) {
	for log, want := range map[string]bool{
		"a b*": true, "a b* c": true, "a b* c/a": true, "a c/a b*/a": false, "a b* Ca": true, "a b*/a aR:b/a": false,
		"a b* aR:b/b*": true,
	} {
		base, since := entries(log)
		if v, err := settle.Judge(t.Context(), base, since, byLetter); err != nil || v.Stood != want {
			t.Errorf("%s: stood is %v, %v; want %v", log, v.Stood, err, want)
		}
	}
}
