package durable

import (
	"maps"
	"slices"
	"time"
)

const (
	// publishAfter is the time between a write and its publication.
	publishAfter = 1100 * time.Millisecond
	// putTime is the time between the two keys of a publication.
	putTime = 30 * time.Millisecond
	// dropAfter is the time between the report that a write was adopted and its removal.
	dropAfter = 5 * time.Minute
)

// Content is what was written at a pathname.
type Content struct {
	// Hash is the SHA-256 in hexadecimal.
	Hash string
	Size int
	Type string
}

// Entry is what the overlay has at a pathname.
type Entry struct {
	Path, Nonce string
	// Content is nil if the page was deleted.
	Content *Content
	Time    time.Time
	// Was are the hashes of the earlier contents, newest first; "" is no file.
	Was []string
}

// Object is one Durable Object.
type Object struct {
	Site string

	entries                     map[string]Entry
	drops                       map[string]time.Time
	revision, written, recorded int // revision counts the commits; the others are what KV has of it
	publishAt                   time.Time
}

// New returns the empty overlay of a site.
func New(site string) *Object {
	return &Object{Site: site, entries: make(map[string]Entry), drops: make(map[string]time.Time)}
}

// Clone returns an overlay with the same contents. Later changes of one do not reach the other.
func (o *Object) Clone() *Object {
	out := *o
	out.entries, out.drops = maps.Clone(o.entries), maps.Clone(o.drops)
	return &out
}

// Entries are the committed entries by pathname. The caller must not change them.
func (o *Object) Entries() map[string]Entry { return o.entries }

// Change is a write, or a deletion if its Content is nil.
type Change struct {
	Path, Nonce string
	Content     *Content
	// Deployed is the hash of the file that is deployed at the pathname, or "".
	Deployed string
	// Retired is set if open tabs may still ask for a file of the pathname.
	Retired bool
	// Adopted is the nonce of the write at the pathname that the caller's manifest has adopted, or "".
	Adopted string
}

// Commit makes a change. It is acknowledged when Commit returns.
func (o *Object) Commit(c Change) {
	before, there := o.entries[c.Path]
	visible := there && before.Nonce != c.Adopted
	_, dropping := o.drops[c.Path]
	was := []string{c.Deployed}
	if visible {
		was = slices.Concat([]string{before.hash()}, before.Was)
	}
	delete(o.drops, c.Path)
	switch needless := c.Content == nil && c.Deployed == "" && !c.Retired && (!visible || !dropping); {
	case needless && !visible:
		return
	case needless:
		delete(o.entries, c.Path)
	default:
		o.entries[c.Path] = Entry{Path: c.Path, Nonce: c.Nonce, Content: c.Content, Time: time.Now(), Was: was}
	}
	o.changed(time.Now())
}

func (e Entry) hash() string {
	if e.Content == nil {
		return ""
	}
	return e.Content.Hash
}

func (o *Object) changed(now time.Time) {
	if o.written == o.revision {
		o.publishAt = later(o.publishAt, now.Add(publishAfter))
	}
	o.revision++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Drop says that a deployed manifest has adopted writes: their nonces by pathname.
func (o *Object) Drop(adopted map[string]string) {
	for path, nonce := range adopted {
		if o.entries[path].Nonce == nonce && o.drops[path].IsZero() {
			o.drops[path] = time.Now().Add(dropAfter)
		}
	}
}

// Next is when Alarm has something to do; it is zero if it never has.
func (o *Object) Next() (at time.Time) {
	for _, due := range o.drops {
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	if o.recorded < o.revision && (at.IsZero() || o.publishAt.Before(at)) {
		at = o.publishAt
	}
	return at
}

// Alarm does what is due at a time: it drops what was adopted, or writes one key with put.
func (o *Object) Alarm(now time.Time, put func(key string, value []byte)) {
	for path, due := range o.drops {
		if !due.After(now) {
			delete(o.drops, path)
			delete(o.entries, path)
			o.changed(due)
		}
	}
	switch {
	case o.recorded == o.revision || o.publishAt.After(now):
	case o.written < o.revision:
		o.written = o.revision
		put(o.Site+"/o/current", o.manifest())
		o.publishAt = o.publishAt.Add(putTime)
	default:
		o.recorded = o.written
		put(o.Site+"/o/record", o.record())
		o.publishAt = o.publishAt.Add(publishAfter)
	}
}
