package manifest

// Excluded counts the entries of one kind that a source contains and does not publish.
// A folder is one entry. A commit counts only what is in folders that changed.
type Excluded struct {
	Kind  ExcludedKind `json:"kind"`
	Count int          `json:"count"`
	// First is the first entry by path. A folder ends in a slash.
	First string `json:"first"`
	// Paths are the entries, ascending. Beyond [MostExcluded] they are only counted.
	Paths []string `json:"paths"`
}

// MostExcluded is how many entries of one kind are named.
const MostExcluded = 1000

// ExcludedKind is a reason why an entry is not published.
type ExcludedKind string

// The kinds.
const (
	ExcludedDotfile  ExcludedKind = "dotfile"       // its name begins with a dot, and is not .well-known
	ExcludedPackages ExcludedKind = "node_modules"  // it is at the top
	ExcludedSettings ExcludedKind = "configuration" // of kv-sync or wrangler, at the top
	ExcludedPattern  ExcludedKind = "assetsignore"  // .assetsignore or the setting "ignore" names it
	ExcludedGit      ExcludedKind = "gitignore"     // .gitignore names it, and the setting "gitignore" is on
)

// SelectionEdition is the edition of the rules that select what is published. In edition 0,
// a folder's files that git ignores were left out; since edition 1 they are published.
const SelectionEdition = 1
