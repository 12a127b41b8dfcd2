package version

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// MostForgotten is the largest number of contents that a [Forgot] lists.
const MostForgotten = 1000

// Forgot is what a deployment removed permanently. A rollback must not bring it back.
type Forgot struct {
	// Hashes has the first 16 digits of the SHA-256 of each removed content, sorted.
	Hashes []string `json:"hashes,omitempty"`
	// All is set if the deployment removed everything that it does not serve itself. Hashes is
	// then empty, because there were too many or the live contents could not be read.
	All bool `json:"all,omitempty"`
}

// NewForgot lists removed contents. It is nil if there are none.
func NewForgot(gone map[manifest.Hash]bool) *Forgot {
	switch {
	case len(gone) == 0:
		return nil
	case len(gone) > MostForgotten:
		return &Forgot{All: true}
	}
	f := &Forgot{}
	for h := range gone {
		f.Hashes = append(f.Hashes, shortHash(h))
	}
	slices.Sort(f.Hashes)
	return f
}

// Lists reports whether a content is one of the Hashes.
func (f *Forgot) Lists(h manifest.Hash) bool {
	_, listed := slices.BinarySearch(f.Hashes, shortHash(h))
	return listed
}

// shortHash returns the part of a hash in a [Forgot]. It is long enough to be different
// for two contents of a site.
func shortHash(h manifest.Hash) string { return h.String()[:16] }
