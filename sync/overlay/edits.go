package overlay

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Edits are the writes of an overlay as a plan sees them.
type Edits struct {
	// Entries are the entries of the record, nil if they are not known.
	Entries []Entry
	// Adopted has the nonces of the writes that the live manifest contains, Pulled the
	// nonces of those that the source contains, by pathname.
	Adopted, Pulled map[string]manifest.Nonce
	// Discarded are the pathnames of Pulled that the source lists although it does not have
	// the write.
	Discarded map[string]bool
}

// Adopt records in a manifest which edits it contains already. It returns the entries
// that cover a file of the manifest, and the pathnames whose edits were pulled into
// the source and are not in it any more. These edits stay in the overlay.
func (e *Edits) Adopt(m *manifest.Manifest) (covering []*Entry, discarded []string) {
	for i := range e.Entries {
		edit := &e.Entries[i]
		deployed := m.At(edit.Path)
		if e.pulled(edit) && !e.live(edit) && e.undone(edit, deployed) {
			discarded = append(discarded, edit.Path)
		}
		switch {
		case e.live(edit), e.pulled(edit) && !e.undone(edit, deployed):
			edit.adoptInto(m)
		case edit.IsRules(): // rules are not served, so they cover no file
		case edit.equals(deployed):
			edit.adoptInto(m)
		case deployed != nil:
			covering = append(covering, edit)
		}
	}
	return covering, discarded
}

// Returns reports whether a deploy that adds the file brings back a page that was
// pulled and then deleted at run time. The overlay has no entry for a page that was both
// created and deleted at run time.
func (e *Edits) Returns(path string) bool {
	_, pulled := e.Pulled[path]
	_, live := e.Adopted[path]
	_, listed := slices.BinarySearchFunc(e.Entries, path, func(e Entry, path string) int {
		return strings.Compare(e.Path, path)
	})
	return pulled && !live && !listed
}

// live reports whether the live manifest has adopted the edit.
func (e *Edits) live(edit *Entry) bool {
	live, adopted := e.Adopted[edit.Path]
	return adopted && live == edit.Nonce
}

// undone reports whether the source lists the edit as pulled and does not have it.
func (e *Edits) undone(edit *Entry, deployed *manifest.Asset) bool {
	return edit.isUndone(deployed) || e.Discarded[edit.Path] && !edit.equals(deployed)
}

// pulled reports whether the source lists the edit as pulled.
func (e *Edits) pulled(edit *Entry) bool {
	next, pulled := e.Pulled[edit.Path]
	return pulled && next == edit.Nonce
}
