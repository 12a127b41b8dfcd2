package objects

import (
	"fmt"
)

// maxWalked bounds how many entries of trees are walked; no site has that many. A few small
// trees that name each other can stand for billions of files.
const maxWalked = 1_000_000

// maxDepthBytes bounds the path of a folder that is entered. No file below a longer one could
// be published.
const maxDepthBytes = 16 << 10

// Extent counts the entries of the trees in one walk.
type Extent int

// Enter counts the entries of one tree, and is an error if the walk is too large. rel is "" for
// the root, else ends in a slash.
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
