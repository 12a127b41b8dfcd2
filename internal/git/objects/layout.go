package objects

// Layout says where a repository's objects are. Paths are absolute.
type Layout struct {
	// GitDir holds HEAD. CommonDir holds the refs; it differs in a linked work tree.
	GitDir, CommonDir string
	// ObjectDir is the repository's object directory. Borrowed are further object directories
	// (GIT_ALTERNATE_OBJECT_DIRECTORIES). The file info/alternates of each can name more.
	ObjectDir string
	Borrowed  []string
	// Promisor is the remote that has the objects that a partial clone lacks, or "".
	Promisor string
	// IDBytes is the length of an object's id.
	IDBytes int
}
