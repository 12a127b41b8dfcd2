package source

// layout says where a repository's objects are. Paths are absolute.
type layout struct {
	// gitDir holds HEAD. commonDir holds the refs; it differs in a linked work tree.
	gitDir, commonDir string
	// objectDir holds the objects, borrowed more of them. Further directories are
	// named by info/alternates in them.
	objectDir string
	borrowed  []string
	// promisor is the remote that has what a partial clone lacks, or "".
	promisor string
	// idBytes is the length of an object's id.
	idBytes int
}
