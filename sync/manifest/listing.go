package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"
)

// File is one file of a source.
type File struct {
	Asset
	// Open returns a new reader of the bytes from the start, so that a failed attempt
	// can be repeated.
	Open func() (io.ReadCloser, error)
}

// Listing is the content of a source.
type Listing struct {
	Origin Origin
	// Files is sorted by Path, bytewise, without duplicates.
	Files []File
	// Dirs is sorted by Path; empty for a folder.
	Dirs []Dir
	// Redirects and Headers are the compiled _redirects and _headers.
	Redirects []Redirect
	Headers   []HeaderRule
	// Pulled has the nonces of the run-time writes that are in the source, by
	// pathname: those that the file [PulledName] lists.
	Pulled map[string]Nonce
	// Discarded are the pathnames of Pulled whose writes the source lists, but somebody has
	// discarded the files.
	Discarded map[string]bool
	// Excluded counts the entries of the source that are not published, by kind.
	Excluded []Excluded
	// Ignored are the paths of the files that .gitignore names and that are published,
	// sorted. Only a folder has such files.
	Ignored []string
	// Notices are shown with the plan. They do not stop a deploy.
	Notices []Problem
}

// FolderID returns the [Origin].ID of a folder's listing. It identifies what would be
// served, and does not depend on the times of the files. It is "" while a hash is not
// known.
func FolderID(l *Listing) string {
	h := sha256.New()
	var b []byte
	for _, f := range l.Files {
		if f.Blob.Hash.IsZero() {
			return ""
		}
		b = strconv.AppendQuote(b[:0], f.Path)
		b = append(b, f.Blob.Hash[:]...)
		b = strconv.AppendQuote(b, f.ContentType)
		if f.Chunked() { // a small file could have the same hash
			b = strconv.AppendInt(b, f.Size, 10)
		}
		h.Write(b)
	}
	_ = json.NewEncoder(h).Encode([]any{l.Redirects, l.Headers}) // strings and numbers always encode
	if len(l.Pulled) > 0 {
		h.Write(FormatPulled(Pulled{Writes: l.Pulled}))
		_ = json.NewEncoder(h).Encode(l.Discarded)
	}
	return "folder:" + hex.EncodeToString(h.Sum(nil)) + ":" + l.Origin.Rules
}
