package kvsync

import (
	"strings"
	"time"
)

// A site's keys, each written once and never again:
//
//	{site}/b/{hash}.{nonce}   a blob
//	{site}/m/{hash}.{nonce}   a stored manifest
//	{site}/d/{deployment}     a deployment record
//
// Only this one may be written again, and goes by itself:
//
//	{site}/r/{commit}         a receipt
//
// A project's are the same with "project/{id}" for the site, and one more, which
// is written at each switch:
//
//	project/{id}/current      what is active
//
// What lies below {site}/o/ is written at run time, and belongs to the overlay's
// Durable Object: a deploy reads the record, and nothing here writes or deletes
// any of it.
//
//	{site}/o/record           what the overlay has
//	{site}/o/b/{hash}.{nonce} a blob of it
type keys string

func (k keys) prefix() string               { return string(k) + "/" }
func (k keys) blob(r Ref) string            { return string(k) + "/b/" + r.String() }
func (k keys) manifest(r Ref) string        { return string(k) + "/m/" + r.String() }
func (k keys) record(id string) string      { return string(k) + "/d/" + id }
func (k keys) receipt(commit string) string { return string(k) + "/r/" + commit }
func (k keys) blobs() string                { return string(k) + "/b/" }
func (k keys) current() string              { return string(k) + "/current" }
func (k keys) overlay() keys                { return k + "/o" }
func (k keys) overlayRecord() string        { return string(k.overlay()) + "/record" }

// other reports whether a key is one that prune has nothing to do with: the
// overlay's, a receipt, which KV removes, and a project's pointer, and what the pathname layout keeps there.
func (k keys) other(rest string) bool {
	return strings.HasPrefix(rest, "o/") || strings.HasPrefix(rest, "r/") || strings.HasPrefix(string(k), projectPrefix+"/") &&
		(rest == "current" || rest == "manifest" || strings.HasPrefix(rest, "assets/"))
}

// projectPrefix begins the keys of projects. No site has that name.
const projectPrefix = "project"

// keyClass is which kind of thing lies under a key.
type keyClass byte

const (
	classUnknown  keyClass = 0 // below the site's prefix, but not of this release's making
	classBlob     keyClass = 'b'
	classManifest keyClass = 'm'
	classRecord   keyClass = 'd'
	classOther    keyClass = 'o' // known, and nothing that is ever unrooted
)

// parse tells what a key below the site's prefix is and when it was written.
func (k keys) parse(name string) (class keyClass, ref Ref, written time.Time) {
	rest, ok := strings.CutPrefix(name, k.prefix())
	if ok && k.other(rest) {
		return classOther, Ref{}, time.Time{}
	}
	if !ok || len(rest) < 3 || rest[1] != '/' {
		return classUnknown, Ref{}, time.Time{}
	}
	switch class = keyClass(rest[0]); class {
	case classBlob, classManifest:
		r, err := ParseRef(rest[2:])
		if err != nil {
			return classUnknown, Ref{}, time.Time{}
		}
		return class, r, r.Nonce.Time()
	case classRecord:
		t, ok := deploymentTime(rest[2:])
		if !ok {
			return classUnknown, Ref{}, time.Time{}
		}
		return class, Ref{}, t
	}
	return classUnknown, Ref{}, time.Time{}
}
