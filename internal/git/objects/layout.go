package objects

// layout says where a repository's objects are. Paths are absolute.
type Layout struct {
	// gitDir holds HEAD. commonDir holds the refs; it differs in a linked work tree.
	GitDir, CommonDir string
	// objectDir holds the objects, borrowed more of them. Further directories are
	// named by info/alternates in them.
	ObjectDir string
	Borrowed  []string
	// promisor is the remote that has what a partial clone lacks, or "".
	Promisor string
	// idBytes is the length of an object's id.
	IDBytes int
}
