package objects

import (
	"cmp"
	"context"
	"fmt"
)

// maxWalked bounds the entries of trees in one walk. No site has that many.
const maxWalked = 1_000_000

// maxDepthBytes bounds the path of a folder in a walk. A file with a longer path could not be
// published.
const maxDepthBytes = 16 << 10

// LimitError reports that a commit exceeds a limit. Trying the same commit again gives the
// same error.
type LimitError struct{ Text string }

func (e *LimitError) Error() string { return e.Text }

// Extent counts the entries of the trees in one walk.
type Extent int

// Enter counts the entries of one tree. It fails if the walk is too large. rel is the tree's
// path: "" for the root, otherwise with a slash at its end.
func (e *Extent) Enter(entries []Entry, rel string) error {
	if *e += Extent(len(entries)); *e > maxWalked {
		return &LimitError{fmt.Sprintf("the commit has more than %d files and folders there; publish a folder in it, "+
			"or name what is not to be published in .assetsignore", maxWalked)}
	}
	if len(rel) > maxDepthBytes {
		return &LimitError{fmt.Sprintf("the commit has folders in folders without end, below %.40s; remove them", rel)}
	}
	return nil
}

// Measure walks a whole tree. It returns a [*LimitError] if a checkout would be too large.
func (r *Reader) Measure(ctx context.Context, tree string) error {
	entries, err := r.Tree(ctx, tree)
	if err != nil {
		return err
	}
	var size Extent
	return r.measure(ctx, entries, "", &size)
}

func (r *Reader) measure(ctx context.Context, entries []Entry, rel string, size *Extent) error {
	if err := cmp.Or(ctx.Err(), size.Enter(entries, rel)); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Kind() != ModeDir {
			continue
		}
		below, err := r.Tree(ctx, e.ID)
		if err != nil {
			return err
		}
		if err := r.measure(ctx, below, rel+e.Name+"/", size); err != nil {
			return err
		}
	}
	return nil
}
