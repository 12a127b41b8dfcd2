package source

import (
	"fmt"
	"maps"
	"strings"
)

// Entries is how many entries a diary has. Those of one edition have the same text.
const Entries = 280

// EntryPath is so long that a change of half of the entries leads to a next root, and a change of all of
// them does not fit into a root. The number in it is chosen so that the files are in three parts.
func EntryPath(i int) string {
	return fmt.Sprintf("/posts/%d/%s-3722/%03d.html", i/70, strings.Repeat("an-entry-of-a-diary-", 8), i)
}

// Diary adds entries to pages. The first so many entries are of this edition.
func Diary(pages Files, edition, changed int) Files {
	f := maps.Clone(pages)
	for i := range Entries {
		f[EntryPath(i)] = "entry"
		if i < changed {
			f[EntryPath(i)] = fmt.Sprint("entry of edition ", edition)
		}
	}
	return f
}

// Without returns the files but some.
func (f Files) Without(names ...string) Files {
	f = maps.Clone(f)
	for _, name := range names {
		delete(f, name)
	}
	return f
}
