package objects

import (
	"fmt"

	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// maxWalked is how many entries of trees are walked at most: more than any site
// has. A few small trees that name each other can stand for billions of files.
const maxWalked = 1_000_000

// maxDepthBytes bounds the path of a folder that is entered, which no file below
// it could be published at.
const maxDepthBytes = 16 << 10

// extent counts the entries of the trees that are walked.
type Extent int

// enter counts those of one tree; rel is "" for the root, else ends in a slash.
func (n *Extent) Enter(entries []Entry, rel string) error {
	if *n += Extent(len(entries)); *n > maxWalked {
		return fmt.Errorf("the commit has more than %d files and folders there; publish a folder in it (--dir), or name what is not to be published in %s", maxWalked, rules.AssetsIgnoreFile)
	}
	if len(rel) > maxDepthBytes {
		return fmt.Errorf("the commit has folders in folders without end, from %.40s on; remove them", rel)
	}
	return nil
}
