package objects

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Compare returns the relation of the commit next to the commit active. boundary has the commits
// whose parents the clone lacks. The relation is unknown if commits that the clone lacks could
// change it.
//
// The search marks the ancestors of both commits, newest first, until only common ancestors are
// left.
func Compare(ctx context.Context, o *Reader, boundary map[string]bool, active, next string) (manifest.Relation, error) {
	if !IsID(active) || !IsID(next) {
		return manifest.RelationUnknown, nil
	}
	if active == next {
		return manifest.RelationSame, nil
	}
	const fromActive, fromNext, both = 1, 2, 3
	reached := map[string]int{} // by which of the two
	commits := map[string]*Commit{}
	var queue commitQueue
	single := 0 // queued entries of commits that only one side has reached
	complete := true
	push := func(id string, from int) error {
		old := reached[id]
		if old|from == old {
			return nil
		}
		c := commits[id]
		if c == nil {
			var err error
			if c, err = o.Commit(ctx, id); errors.Is(err, ErrNoObject) {
				complete = false
				return nil
			} else if err != nil {
				return fmt.Errorf("compare commits: %w", err)
			}
			commits[id] = c
		}
		reached[id] = old | from
		heap.Push(&queue, queued{id, c, old | from})
		if old|from != both {
			single++
		}
		return nil
	}
	if err := errors.Join(push(active, fromActive), push(next, fromNext)); err != nil {
		return manifest.RelationUnknown, err
	}
	if !complete {
		return manifest.RelationUnknown, nil // the clone lacks one of the two
	}
	for single > 0 {
		if err := ctx.Err(); err != nil {
			return manifest.RelationUnknown, err
		}
		item := heap.Pop(&queue).(queued)
		if item.from != both {
			single--
		}
		switch {
		case reached[active] == both:
			return manifest.RelationNewer, nil
		case reached[next] == both:
			return manifest.RelationOlder, nil
		case reached[item.id] != item.from:
			// Since then the other commit has reached this one too, and the queue has a later
			// entry for that. Following this entry as well would walk the whole history.
			continue
		}
		if boundary[item.id] {
			complete = complete && item.from == both
			continue
		}
		for _, p := range item.commit.parents {
			if err := push(p, item.from); err != nil {
				return manifest.RelationUnknown, err
			}
		}
	}
	switch {
	case reached[active] == both:
		return manifest.RelationNewer, nil
	case reached[next] == both:
		return manifest.RelationOlder, nil
	case !complete:
		return manifest.RelationUnknown, nil
	}
	return manifest.RelationDiverged, nil
}

type queued struct {
	id     string
	commit *Commit
	from   int // which of the two had reached the commit when it was queued
}

// commitQueue is a heap, newest first.
type commitQueue []queued

func (q commitQueue) Len() int           { return len(q) }
func (q commitQueue) Less(i, j int) bool { return q.at(i).After(q.at(j)) }
func (q commitQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q commitQueue) at(i int) time.Time { return q[i].commit.Time }

// Push is for package heap.
func (q *commitQueue) Push(x any) { *q = append(*q, x.(queued)) }

// Pop is for package heap.
func (q *commitQueue) Pop() any {
	last := len(*q) - 1
	item := (*q)[last]
	*q = (*q)[:last]
	return item
}
