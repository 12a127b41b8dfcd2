package overlay

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Edits are the writes of an overlay as a plan sees them.
type Edits struct {
	// Entries are those of the record, nil if they are not known.
	Entries []Entry
	// Adopted has the nonces of the writes that the live manifest has, Pulled those
	// that the source has, by pathname.
	Adopted, Pulled map[string]manifest.Nonce
}

// Adopt records in a manifest which edits it has already. It returns the entries
// that cover a file of the manifest, and the pages that were pulled into the source
// and are not published by the manifest.
func (e *Edits) Adopt(m *manifest.Manifest) (covering []*Entry, unpublished []string) {
	for i := range e.Entries {
		edit := &e.Entries[i]
		deployed := m.At(edit.Path)
		switch {
		case e.has(edit):
			if deployed == nil && e.first(edit) {
				unpublished = append(unpublished, edit.Path)
			}
			edit.adoptInto(m)
		case edit.IsRules(): // rules take effect, and cover no file of that name
		case edit.equals(deployed):
			edit.adoptInto(m)
		case deployed != nil:
			covering = append(covering, edit)
		}
	}
	return covering, unpublished
}

// Returns reports whether a deploy that adds the file brings back a page that was
// pulled and that the overlay does not have any more. The overlay keeps nothing of
// a page that was created at run time and deleted there.
func (e *Edits) Returns(path string) bool {
	_, pulled := e.Pulled[path]
	_, live := e.Adopted[path]
	_, listed := slices.BinarySearchFunc(e.Entries, path, func(e Entry, path string) int {
		return strings.Compare(e.Path, path)
	})
	return pulled && !live && !listed
}

// has reports whether the live manifest or the source has the edit.
func (e *Edits) has(edit *Entry) bool {
	live, adopted := e.Adopted[edit.Path]
	next, pulled := e.Pulled[edit.Path]
	return adopted && live == edit.Nonce || pulled && next == edit.Nonce
}

// first reports whether the edit is a page that no deploy has adopted before.
func (e *Edits) first(edit *Entry) bool {
	before, adopted := e.Adopted[edit.Path]
	return edit.Content != nil && (!adopted || before != edit.Nonce)
}
