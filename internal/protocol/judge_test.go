package protocol

import (
	"context"
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/settle"
)

// The model decides like the engine about every race that the searches reach.
func TestJudgeIsTheEngines(t *testing.T) {
	type race struct {
		base  entry
		n     int
		since [maxActivations]entry
	}
	seen := make(map[race]bool)
	for _, name := range []string{"rollback", "secrets", "no change", "no change, short list", "hold", "killed", "choice",
		"rollback and prune"} {
		m, first := castOf(t, name).start(None, All)
		m.judged = func(base entry, since []entry, v verdict) {
			key := race{base: base, n: len(since)}
			copy(key.since[:], since)
			if !seen[key] {
				seen[key] = true
				compareJudges(t, base, since, v)
			}
		}
		searchWith(m, first)
	}
	if len(seen) < 500 {
		t.Errorf("only %d races", len(seen))
	}
	t.Logf("%d races", len(seen))
}

func compareJudges(t *testing.T, base entry, since []entry, v verdict) {
	t.Helper()
	var list []settle.Entry
	for _, e := range since {
		list = append(list, engineEntry(e))
	}
	got, err := settle.Judge(context.Background(), engineEntry(base), list, compareCommits)
	if err != nil {
		t.Fatal(err)
	}
	own := ""
	if v.own > 0 {
		own = engineKey(v.own)
	}
	if want := engineKey(v.best.key); got.Best.Key() != want || got.Stood != v.stood || got.Chosen != v.chosen ||
		got.Lost != v.lost || got.Own != own {
		t.Fatalf("of %+v since %+v\nthe model decides %+v,\nthe engine %+v", since, base, v, got)
	}
}

// engineEntry is an entry as the engine knows it. The message makes the key.
func engineEntry(e entry) settle.Entry {
	over := ""
	if e.over > 0 {
		over = fmt.Sprint("a", e.over)
	}
	made := cloud.Activation{ID: fmt.Sprint("a", e.id), Message: fmt.Sprint("m", e.key)}
	return settle.Entry{Activation: made, Over: over,
		Commit: commitName(e.commit), Hold: commitName(e.hold), Rollback: e.rollback, Edit: e.edit, Choice: e.choice,
		Own: e.own, Again: e.again, Late: e.late}
}

func engineKey(key uint8) string {
	x := engineEntry(entry{key: key})
	return x.Key()
}

func commitName(c uint8) string {
	if c == 0 {
		return ""
	}
	return fmt.Sprint(c)
}

func compareCommits(_ context.Context, active, next string) (manifest.Relation, error) {
	switch {
	case next == active:
		return manifest.RelationSame, nil
	case next > active:
		return manifest.RelationNewer, nil
	}
	return manifest.RelationOlder, nil
}
