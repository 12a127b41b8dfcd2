package objects

// Layout says where a repository's objects are. Paths are absolute.
type Layout struct {
	// GitDir holds HEAD. CommonDir holds the refs; it differs in a linked work tree.
	GitDir, CommonDir string
	// ObjectDir holds the objects, Borrowed has directories with more of them. info/alternates
	// in each names further ones.
	ObjectDir string
	Borrowed  []string
	// Promisor is the remote that has what a partial clone lacks, or "".
	Promisor string
	// IDBytes is the length of an object's id.
	IDBytes int
}
