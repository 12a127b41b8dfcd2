package manifest

import (
	"context"
	"errors"
)

// Source is where files come from. One goroutine at a time uses a Source; the Open
// functions of the files that it lists are safe for concurrent use.
type Source interface {
	// Origin says what would be deployed. For a commit it reads no tree below the
	// root; for a folder the ID may be "" until Files has been called.
	Origin(ctx context.Context) (Origin, error)

	// Files lists every file to be served, sorted by Path. base is the live manifest,
	// or nil. A source does not read a directory or a file that is unchanged since
	// base. Files that base counts as unread are not listed: see Changed. Without a base it
	// may leave hashes zero. If files must not be published, it returns a *RefusedError that
	// lists all of them.
	Files(ctx context.Context, base *Manifest) (*Listing, error)

	// Changed returns the directories whose own files may differ from those of the live manifest,
	// which has that origin and the directories dirs: a directory with an unknown tree is one of
	// them, and so is one that does not exist any more. It lists no files. If ok is false, any file
	// may differ, or Files needs all of the live manifest.
	Changed(ctx context.Context, live Origin, dirs []Dir) (changed []string, ok bool, err error)

	// Compare returns the relation of the commit next to the commit active. Both are
	// hexadecimal commit ids. RelationUnknown is not an error: the source cannot
	// determine it.
	Compare(ctx context.Context, active, next string) (Relation, error)

	// Remember gives the source the hashes that the upload computed, so that the next
	// run need not compute them again.
	Remember(assets []Asset)
}

// ErrChanged is returned (wrapped) by a source or by the upload for a file that
// changed after it was listed. The run ends: the build that writes the file may not
// be complete.
var ErrChanged = errors.New("it changed while it was being deployed")

// Relation is the relation of a commit to another.
type Relation int

// The relations. Diverged means that neither commit is an ancestor of the
// other, as after a force-push. Absent means that the repository does not have the first
// commit, and that nothing more can be fetched: it may be a commit of another repository.
const (
	RelationUnknown Relation = iota
	RelationSame
	RelationNewer
	RelationOlder
	RelationDiverged
	RelationAbsent
)

// String returns the relation in lower case.
func (r Relation) String() string {
	return [...]string{"unknown", "same", "newer", "older", "diverged", "absent"}[r]
}
