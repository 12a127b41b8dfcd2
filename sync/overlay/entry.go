package overlay

import (
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Entry is what the overlay has at one pathname.
type Entry struct {
	Path string
	// Nonce identifies the write, together with Path.
	Nonce manifest.Nonce
	// Content is nil for a deletion: the deployed file is not served.
	Content *Content
	// Time is when it was written. Author and Message say who wrote it and why; both may
	// be "".
	Time            time.Time
	Author, Message string
	// Was has the hashes of the earlier contents, newest first. A zero Hash means that
	// there was no file. The last is the file that was deployed at the time of the first
	// write.
	Was []manifest.Hash
}

// Content is an asset that was written at run time.
type Content struct {
	Hash manifest.Hash
	Size int64
	Type string
	// Headers are names and values of headers of this asset.
	Headers [][2]string
}

// Asset is the entry as an asset, whose blob has a key of the overlay. The entry must
// have a content.
func (e *Entry) Asset() manifest.Asset {
	return manifest.Asset{
		Path: e.Path, Blob: manifest.Ref{Hash: e.Content.Hash, Nonce: e.Nonce}, Size: e.Content.Size,
		ContentType: e.Content.Type, Modified: e.Time.Unix(),
	}
}

// IsRules reports whether the entry is a _redirects or _headers file in any folder. It
// has rules and is not served as an asset.
func (e *Entry) IsRules() bool {
	return strings.HasSuffix(e.Path, "/_redirects") || strings.HasSuffix(e.Path, "/_headers")
}

// adoptInto records that the manifest contains the write, so that the overlay may forget
// the write when that manifest is live.
func (e *Entry) adoptInto(m *manifest.Manifest) {
	if m.Adopted == nil {
		m.Adopted = make(map[string]manifest.Nonce)
	}
	m.Adopted[e.Path] = e.Nonce
	if e.Content == nil {
		// A page that was deleted at run time must not stay reachable for open tabs.
		m.Retired = slices.DeleteFunc(m.Retired, func(r manifest.Retired) bool { return r.Path == e.Path })
	}
}

// isUndone reports whether a file (nil if there is none) has the content from before the
// edit. Then somebody has pulled the edit and discarded it, for example with git reset,
// although the source still lists it as pulled.
func (e *Entry) isUndone(file *manifest.Asset) bool {
	if file == nil {
		return e.Content != nil
	}
	wrote := e.Content != nil && e.Content.Hash == file.Blob.Hash
	return !wrote && slices.Contains(e.Was, file.Blob.Hash)
}

// equals reports whether visitors get the same from the entry as from the asset that is
// deployed at its pathname (nil if there is none). It returns false for an asset whose
// hash is not known yet.
func (e *Entry) equals(deployed *manifest.Asset) bool {
	if e.Content == nil || deployed == nil {
		return e.Content == nil && deployed == nil
	}
	sameBytes := e.Asset().Content() == deployed.Content()
	return sameBytes && len(e.Content.Headers) == 0 && e.Content.Type == deployed.ContentType
}
