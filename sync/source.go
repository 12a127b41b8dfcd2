package kvsync

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
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

// NoFiles is the [Origin].ID of a Worker that no files go with, on purpose.
const NoFiles = "none"

// Origin says what a listing was made from.
type Origin struct {
	// Kind is "commit" or "folder"; in a manifest that the API of a platform has
	// made, "upload".
	Kind string `json:"kind"`
	// ID names the content and the rules that apply to it: equal IDs mean equal
	// listings. "commit:<tree id>:<rules>" or "folder:<hash of entries>:<rules>".
	ID string `json:"id"`
	// Rules is a short hash of everything beside the files that decides the
	// listing: built-in rules, their version, configured patterns.
	Rules string `json:"rules"`
	// Dir is the directory within the repository, or the folder as given.
	Dir string `json:"dir"`
	// Commit is the commit's id in hexadecimal: for a folder, the one that is
	// checked out in its repository. "" where there is no repository.
	Commit string `json:"commit,omitempty"`
	// Dirty: the work tree was not as the commit is. It is information, and does
	// not change the order of deployments.
	Dirty bool `json:"dirty,omitempty"`
	// Repository says which repository the commit is in.
	Repository Repository `json:"repository,omitzero"`
	// Branch, Subject and Author describe the commit; any may be "".
	Branch  string `json:"branch,omitempty"`
	Subject string `json:"subject,omitempty"`
	Author  string `json:"author,omitempty"`
	// Time is the commit's time; zero for a folder.
	Time time.Time `json:"time,omitzero"`
}

// Repository identifies a git repository across machines. The zero value says
// that it is not known.
type Repository struct {
	// Name is "host/owner/name" in lower case, without user and password.
	Name string `json:"name,omitempty"`
	// ID is the forge's own id, which survives a rename and a transfer; "" where
	// it is not known.
	ID string `json:"id,omitempty"`
	// Remotes are the names that the clone's remotes give, in any order. They are
	// compared and not stored.
	Remotes []string `json:"-"`
}

// differs reports whether two repositories are known to be different ones.
func (r Repository) differs(live Repository) bool {
	if r.ID != "" && live.ID != "" {
		return r.ID != live.ID
	}
	if live.Name == "" || r.Name == "" && len(r.Remotes) == 0 {
		return false
	}
	return r.Name != live.Name && !slices.Contains(r.Remotes, live.Name)
}

// File is one file of a source.
type File struct {
	Asset
	// Open gives the bytes from the start; each call is a fresh reader, so that
	// an attempt that failed can begin again.
	Open func() (io.ReadCloser, error)
}

// Dir is a directory of a commit: its pathname ("/" or "/docs") and the id of
// its git tree in hexadecimal.
type Dir struct {
	Path string
	Tree string
}

// Listing is what a source holds.
type Listing struct {
	Origin Origin
	// Files is sorted by Path, bytewise, without duplicates.
	Files []File
	// Dirs is sorted by Path; empty for a folder.
	Dirs []Dir
	// Redirects and Headers are the compiled _redirects and _headers.
	Redirects []Redirect
	Headers   []HeaderRule
	// Pulled tells which run-time writes are in the source, by pathname: the
	// content of the file [PulledName].
	Pulled map[string]Nonce
	// Notices are things worth saying that refuse nothing.
	Notices []Problem
}

// FolderID is the [Origin].ID of a folder's listing: it names what would be
// served, whatever the files' times. It is "" while a hash is not known.
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
		h.Write(FormatPulled(l.Pulled))
	}
	return "folder:" + hex.EncodeToString(h.Sum(nil)) + ":" + l.Origin.Rules
}

// Redirect is one line of _redirects, compiled.
type Redirect struct {
	// From is a pathname, possibly with one "*" splat and ":placeholder"s, or an
	// absolute https URL with them.
	From string `json:"from"`
	// To is a pathname or a URL, with the same placeholders and ":splat".
	To string `json:"to"`
	// Status is 200 (proxy), 301, 302, 303, 307 or 308.
	Status int `json:"status"`
}

// HeaderRule is one block of _headers, compiled.
type HeaderRule struct {
	// Path is a pattern as in Redirect.From.
	Path string `json:"path"`
	// Set lists headers to add, name and value, in the order of the file.
	Set [][2]string `json:"set,omitempty"`
	// Unset lists header names that are taken off ("! Name").
	Unset []string `json:"unset,omitempty"`
}

// Problem is something about one path that a person should know or mend.
type Problem struct {
	// Path is relative to the source's root, or to the repository for
	// configuration files.
	Path string `json:"path"`
	// Line counts from 1; 0 where no line is meant.
	Line int `json:"line,omitempty"`
	// Reason says what is wrong; Fix what to do.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
}

// String returns "path:line: reason; fix".
func (p Problem) String() string {
	s := p.Path
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	s += ": " + p.Reason
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// RefusedError lists every path that must not be published, in path order.
// Nothing was sent.
type RefusedError struct{ Problems []Problem }

// Error lists the problems, a line each.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused, nothing was sent:", count(len(e.Problems), "file"))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
