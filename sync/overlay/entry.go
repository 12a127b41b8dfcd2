package overlay

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// adoptInto makes the manifest stand for the write: the overlay may forget it once
// that manifest is live.
func (o *Entry) adoptInto(m *manifest.Manifest) {
	if m.Adopted == nil {
		m.Adopted = make(map[string]manifest.Nonce)
	}
	m.Adopted[o.Path] = o.Nonce
	if o.Content == nil {
		// What was deleted at run time must not come back for open tabs.
		m.Retired = slices.DeleteFunc(m.Retired, func(r manifest.Retired) bool { return r.Path == o.Path })
	}
}

// equals reports whether a visitor gets the same of the edit as of what is
// deployed at its pathname, nil for nothing. An asset whose hash the upload has
// yet to find equals none.
func (o *Entry) equals(deployed *manifest.Asset) bool {
	if o.Content == nil || deployed == nil {
		return o.Content == nil && deployed == nil
	}
	return len(o.Content.Headers) == 0 && o.Asset().Content() == deployed.Content() && o.Content.Type == deployed.ContentType
}
