package manifest

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
type Keys string

func (k Keys) Prefix() string               { return string(k) + "/" }
func (k Keys) Blob(r Ref) string            { return string(k) + "/b/" + r.String() }
func (k Keys) Manifest(r Ref) string        { return string(k) + "/m/" + r.String() }
func (k Keys) Record(id string) string      { return string(k) + "/d/" + id }
func (k Keys) Receipt(commit string) string { return string(k) + "/r/" + commit }
func (k Keys) Blobs() string                { return string(k) + "/b/" }
func (k Keys) Current() string              { return string(k) + "/current" }
func (k Keys) Overlay() Keys                { return k + "/o" }
func (k Keys) OverlayRecord() string        { return string(k.Overlay()) + "/record" }

// other reports whether a key is one that prune has nothing to do with: the
// overlay's, a receipt, which KV removes, and a project's pointer, and what the pathname layout keeps there.
func (k Keys) other(rest string) bool {
	return strings.HasPrefix(rest, "o/") || strings.HasPrefix(rest, "r/") || strings.HasPrefix(string(k), ProjectPrefix+"/") &&
		(rest == "current" || rest == "manifest" || strings.HasPrefix(rest, "assets/"))
}

// projectPrefix begins the keys of projects. No site has that name.
const ProjectPrefix = "project"

// keyClass is which kind of thing lies under a key.
type KeyClass byte

const (
	KeyUnknown  KeyClass = 0 // below the site's prefix, but not of this release's making
	KeyBlob     KeyClass = 'b'
	KeyManifest KeyClass = 'm'
	KeyRecord   KeyClass = 'd'
	KeyOther    KeyClass = 'o' // known, and nothing that is ever unrooted
)

// parse tells what a key below the site's prefix is and when it was written.
func (k Keys) Parse(name string) (class KeyClass, ref Ref, written time.Time) {
	rest, ok := strings.CutPrefix(name, k.Prefix())
	if ok && k.other(rest) {
		return KeyOther, Ref{}, time.Time{}
	}
	if !ok || len(rest) < 3 || rest[1] != '/' {
		return KeyUnknown, Ref{}, time.Time{}
	}
	switch class = KeyClass(rest[0]); class {
	case KeyBlob, KeyManifest:
		r, err := ParseRef(rest[2:])
		if err != nil {
			return KeyUnknown, Ref{}, time.Time{}
		}
		return class, r, r.Nonce.Time()
	case KeyRecord:
		t, ok := DeploymentTime(rest[2:])
		if !ok {
			return KeyUnknown, Ref{}, time.Time{}
		}
		return class, Ref{}, t
	}
	return KeyUnknown, Ref{}, time.Time{}
}
