package manifest

import (
	"context"
	"errors"
)

// Source is where files come from. A Source is used by one goroutine at a time;
// the Open functions of the files that it lists are safe for concurrent use.
type Source interface {
	// Origin says what would be deployed. For a commit it reads no tree below
	// the root; for a folder its ID may be "" until Files was called.
	Origin(ctx context.Context) (Origin, error)

	// Files lists every file to be served, sorted by Path. base is the manifest
	// that is live, or nil. A source that finds a directory or a blob unchanged
	// against base takes the asset from it, unread. With a nil base a source may
	// leave hashes zero. Everything that must not be published is refused
	// together, as one *RefusedError.
	Files(ctx context.Context, base *Manifest) (*Listing, error)

	// Compare says where commit next stands relative to commit active. Both are
	// hexadecimal commit ids. What it cannot find out is RelationUnknown, which
	// is not an error.
	Compare(ctx context.Context, active, next string) (Relation, error)

	// Remember tells the source what the upload found where hashing was left to
	// it, so that the next run need not find it out again.
	Remember(assets []Asset)
}

// ErrChanged is returned (wrapped) for a file that is not as it was listed any
// more, by a source or by the upload. What wrote it may be at work still, so
// nothing is tried again: half of a build is what nobody wants live.
var ErrChanged = errors.New("it changed while it was being deployed; let what writes it finish, then run again")

// Relation is where one commit stands relative to another.
type Relation int

// The relations. Diverged means that neither commit is an ancestor of the
// other, as after a force-push.
const (
	RelationUnknown Relation = iota
	RelationSame
	RelationNewer
	RelationOlder
	RelationDiverged
)

// String returns the relation in lower case.
func (r Relation) String() string {
	return [...]string{"unknown", "same", "newer", "older", "diverged"}[r]
}
