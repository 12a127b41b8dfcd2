package settle

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Entry is an activation with what is known about it.
type Entry struct {
	cloud.Activation
	// Over is the id of the activation on which it was planned (its base), or "".
	Over string
	// Deployment is the id of the deployment that it made live, "" for another tool's.
	Deployment string
	// Commit is the commit that it made live, or "".
	Commit string
	// Rollback is set if a rollback made it. Hold is the commit that the rollback holds back, or "".
	Rollback bool
	Hold     string
	// Edit is set if another tool changed a secret or a setting of the active version.
	Edit bool
	// Choice is set if a person or another tool activated it instead of another version.
	Choice bool
	// Own is set if this run made the activation, and Again if it made it to repeat an earlier
	// activation.
	Own, Again bool
	// Late is set if more was activated since its plan than the API lists. Its version may lack a
	// secret that was changed in between.
	Late bool
	// Has are marks of the changes by other tools that the activation is known to contain. Change is
	// the mark of its own change, if another tool made it.
	Has    []string
	Change string
	// Same is set if this activation repeats an earlier one and its message does not show
	// that. It is the id of the earlier one.
	Same string

	key string // the key of the activation Same
}

// Key identifies what an activation made live, and why. A repetition of an activation has
// the same key.
func (e *Entry) Key() string {
	if e.key != "" {
		return e.key
	}
	return fmt.Sprint(e.Versions, e.Message)
}

// level returns the newest commit that the entry has decided about: the commit that it
// holds back, otherwise the one that it deployed. It is "" if the entry has no order.
func (e *Entry) level() string {
	switch {
	case e.Choice:
		return ""
	case e.Hold != "":
		return e.Hold
	}
	return e.Commit
}

// plain reports whether the entry is an ordinary deployment of a commit.
func (e *Entry) plain() bool {
	return !e.Choice && !e.Rollback && !e.Edit && e.Hold == "" && e.Commit != ""
}

// Compare returns the relation of the commit next to the commit active.
type Compare func(ctx context.Context, active, next string) (manifest.Relation, error)

// Verdict says which activation should be live.
type Verdict struct {
	Best Entry
	// Stood is set if an activation of this run was rightly live. Later activations may have
	// replaced it, but they were made with knowledge of it, or are newer.
	Stood bool
	// Chosen is set if Best is the choice of another tool after a switch of this run.
	Chosen bool
	// Lost is set if another tool changed something that is not part of Best.
	Lost bool
	// Own is the key of the newest activation of this run, or "".
	Own string
}

// Judge decides which of the activations should be live. since are the activations after
// base, oldest first.
func Judge(ctx context.Context, base Entry, since []Entry, compare Compare) (Verdict, error) {
	v := Verdict{Best: base}
	h := history{keys: make(map[string]string), has: make(map[string][]string), changes: make(map[string]string)}
	h.add(base)
	for _, x := range since {
		over, known := h.add(x)
		if x.Own {
			v.Own = x.Key()
		}
		best := v.Best.Key()
		switch {
		case x.Key() == best:
			v.Stood = v.Stood || x.Own
			continue
		case x.Own && x.Late:
			continue // its run plans again
		case known && over == best, x.Choice && !x.Again:
			v.replace(x)
			continue
		}
		better, err := supersedes(ctx, v.Best, x, compare)
		if err != nil {
			return v, err
		}
		if better && (x.Rollback || h.knows(x, v.Best)) {
			v.Stood = v.Stood && x.plain()
			v.replace(x)
		}
	}
	v.Best.Has = h.has[v.Best.Key()]
	v.Lost = slices.ContainsFunc(since, func(x Entry) bool {
		return x.Edit && !slices.Contains(h.has[v.Best.Key()], h.changes[x.Key()])
	})
	return v, nil
}

func (v *Verdict) replace(x Entry) {
	v.Best = x
	v.Chosen = x.Choice && v.Own != ""
	v.Stood = v.Stood || x.Own
}

// history says which earlier activations each activation knew of.
type history struct {
	keys map[string]string // by the activation's id
	// has lists, by key, the marks of the changes by other tools that each activation contains.
	has map[string][]string
	// changes has, by key, the mark of each change.
	changes map[string]string
}

// add returns the key of the activation on which x was planned.
func (h *history) add(x Entry) (over string, known bool) {
	key := x.Key()
	over, known = h.keys[x.Over]
	h.keys[x.ID] = key
	if _, again := h.has[key]; again {
		return over, known
	}
	h.has[key] = nil
	if x.Edit || x.Choice {
		h.changes[key] = cmp.Or(x.Change, key)
		h.has[key] = []string{h.changes[key]}
	}
	for _, change := range slices.Concat(x.Has, h.has[over]) {
		if !slices.Contains(h.has[key], change) {
			h.has[key] = append(h.has[key], change)
		}
	}
	return over, known
}

// knows reports whether x contains all changes by other tools that best contains.
func (h *history) knows(x, best Entry) bool {
	for _, change := range h.has[best.Key()] {
		if !slices.Contains(h.has[x.Key()], change) {
			return false
		}
	}
	return true
}

// supersedes reports whether x wins over best by order. x is later than best, and was made
// without knowledge of it.
func supersedes(ctx context.Context, best, x Entry, compare Compare) (bool, error) {
	// If the order is unknown, the run of x plans again, and all other runs leave x live
	// until then.
	unordered := !x.Own && !x.Again
	if best.level() == "" || x.level() == "" {
		return unordered, nil
	}
	var rel manifest.Relation
	var err error
	if best.level() == x.level() {
		rel = manifest.RelationSame
	} else if compare != nil {
		rel, err = compare(ctx, best.level(), x.level())
	}
	if err != nil {
		return false, fmt.Errorf("compare commit %.12s with %.12s, which was deployed at the same moment: %w",
			x.level(), best.level(), err)
	}
	switch rel {
	case manifest.RelationOlder:
		return false, nil
	case manifest.RelationSame:
		return x.Rollback || best.Late, nil // a rollback also holds back commits that it did not see
	case manifest.RelationNewer:
		// If best is a rollback or changed a secret, the run of x plans again: x may
		// contain what the rollback left, and its version has the old secret.
		return x.Rollback || best.plain(), nil
	}
	return unordered, nil
}
