package objects

import (
	"fmt"
)

// maxWalked bounds the entries of trees in one walk. No site has that many.
const maxWalked = 1_000_000

// maxDepthBytes bounds the path of a folder in a walk. A file with a longer path could not be
// published.
const maxDepthBytes = 16 << 10

// Extent counts the entries of the trees in one walk.
type Extent int

// Enter counts the entries of one tree. It fails if the walk is too large. rel is the tree's
// path: "" for the root, otherwise with a slash at its end.
func (n *Extent) Enter(entries []Entry, rel string) error {
	if *n += Extent(len(entries)); *n > maxWalked {
		return fmt.Errorf("the commit has more than %d files and folders there; publish a folder in it (--dir), "+
			"or name what is not to be published in .assetsignore", maxWalked)
	}
	if len(rel) > maxDepthBytes {
		return fmt.Errorf("the commit has folders in folders without end, below %.40s; remove them", rel)
	}
	return nil
}
