package settle_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/settle"
)

// byLetter orders commits by their letter; "x" has diverged from all.
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

// entries reads a log such as "b/a R:c/b a": each is a commit, and after the slash what
// it was planned on, else the one before it. R is a rollback that holds the commit after
// the colon, E a change by another tool, C the choice of a person, * this run's own.
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

// Of activations that did not know of each other the newest commit stands, a rollback
// over what it holds back, and what a person chose over all before it.
func TestJudge(t *testing.T) {
	for log, want := range map[string]string{
		"a b c":              "c",
		"a c/a b/a":          "c/a",
		"a c/a b/a b2/b/a":   "c/a",
		"a c b/c":            "b/c", // it knew: a person has said so
		"a c/a bR:c/c":       "bR:c/c",
		"c b/a*":             "c",
		"c aR:c d/c*":        "aR:c", // its run plans again, over the rollback
		"c aR:c c2/c*":       "aR:c",
		"c aR:c d":           "d",
		"c d/c aR:c/c*":      "d/c",     // a newer commit than the one that it holds back
		"c c/b aR:c/c*":      "aR:c/c*", // a late deploy of what it holds back
		"a Ea c/a*":          "Ea",      // it lacks what was changed
		"a Ea c/a c2/c/a":    "Ea",
		"a Ea b/Ea c/a*":     "b/Ea", // it has what was changed
		"a c/a Ca b/a":       "Ca",
		"a x/a c/a*":         "x/a",
		"a c/a x/a":          "x/a", // its run plans again
		"a c/a b/a Eb d/Eb*": "d/Eb*",
	} {
		base, since := entries(log)
		v, err := settle.Judge(t.Context(), base, since, byLetter)
		if err != nil || v.Best.ID != want {
			t.Errorf("%s: %q stands, %v; want %q", log, v.Best.ID, err, want)
		}
	}
}

// A run whose switch was right reports that, whatever followed it, but a rollback that
// did not see it and holds it back.
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
