package manifest

import (
	"strings"
	"time"
)

// Keys gives the keys of a site. The value is the id of the site. Each of these keys is
// written once and never again:
//
//	{site}/b/{hash}.{nonce}   a blob
//	{site}/m/{hash}.{nonce}   a stored manifest
//	{site}/t/{hash}.{nonce}   the root of a manifest in parts
//	{site}/p/{hash}.{nonce}   a part of one
//	{site}/d/{deployment}     a deployment record
//	{site}/h/{deployment}.{nonce} what is held back while the deployment is live
//
// A receipt may be written again, and KV deletes it when it expires:
//
//	{site}/r/{commit}         a receipt
//
// A project has the same keys with "project/{id}" for the site. It also has a pointer,
// which each switch writes:
//
//	project/{id}/current      what is active
//
// If another project of that id was deleted before, the new one has an incarnation: its
// keys have "project/{id}@{incarnation}" for the site. The key of the pointer has no
// incarnation.
//
// Keys below {site}/o/ belong to the overlay's Durable Object. The engine reads
// them and never writes or deletes one:
//
//	{site}/o/record           the overlay's record
//	{site}/o/b/{hash}.{nonce} a blob of the overlay
type Keys string

// Prefix is the prefix of every key of the site.
func (k Keys) Prefix() string { return string(k) + "/" }

// Blob is the key of a blob.
func (k Keys) Blob(r Ref) string { return k.Blobs() + r.String() }

// Blobs is the prefix of the keys of all blobs.
func (k Keys) Blobs() string { return string(k) + "/b/" }

// Manifest is the key of a stored manifest.
func (k Keys) Manifest(r Ref) string { return string(k) + "/m/" + r.String() }

// Part is the key of a part of a manifest.
func (k Keys) Part(r Ref) string { return k.Parts() + r.String() }

// Parts is the prefix of the keys of all parts.
func (k Keys) Parts() string { return string(k) + "/p/" }

// Root is the key of the root of a manifest in parts.
func (k Keys) Root(r Ref) string { return string(k) + "/" + RootName(r) }

// rootPrefix begins the name of a root, and the rest of its key.
const rootPrefix = "t/"

// RootName is the name of a root in a version. The name of a whole manifest is its reference.
func RootName(r Ref) string { return rootPrefix + r.String() }

// Named returns the key and the reference of the manifest that a version names, and whether it is
// a root.
func (k Keys) Named(name string) (key string, ref Ref, root bool, err error) {
	text, root := strings.CutPrefix(name, rootPrefix)
	if ref, err = ParseRef(text); err != nil {
		return "", ref, root, err
	}
	if root {
		return k.Root(ref), ref, true, nil
	}
	return k.Manifest(ref), ref, false, nil
}

// Record is the key of a deployment's record.
func (k Keys) Record(id string) string { return string(k) + "/d/" + id }

// Holds is the prefix of the keys of the records of a deployment's holds. A nonce
// follows.
func (k Keys) Holds(deployment string) string { return string(k) + "/h/" + deployment + "." }

// HeldFor returns the deployment in the key of a hold's record.
func (k Keys) HeldFor(key string) (deployment string) {
	deployment, _, _ = strings.Cut(strings.TrimPrefix(key, string(k)+"/h/"), ".")
	return deployment
}

// Receipt is the key of the receipt of a commit.
func (k Keys) Receipt(commit string) string { return string(k) + "/r/" + commit }

// Current is the key of a project's pointer.
func (k Keys) Current() string { return string(k) + "/current" }

// Overlay gives the keys of the overlay's blobs.
func (k Keys) Overlay() Keys { return k + "/o" }

// OverlayRecord is the key of the overlay's record.
func (k Keys) OverlayRecord() string { return string(k.Overlay()) + "/record" }

// other reports whether prune ignores a key. It ignores keys of the overlay, receipts,
// pointers of projects, and keys of the layout "pathname", which a project may have
// instead of this one.
func (k Keys) other(rest string) bool {
	if strings.HasPrefix(rest, "o/") || strings.HasPrefix(rest, "r/") {
		return true
	}
	return strings.HasPrefix(string(k), ProjectPrefix+"/") &&
		(rest == "current" || rest == "manifest" || strings.HasPrefix(rest, "assets/"))
}

// ProjectPrefix is the first part of the keys of projects. No site has that name.
const ProjectPrefix = "project"

// ProjectKeys returns the keys of one incarnation of a project. The incarnation is zero
// until a project of this id was deleted.
func ProjectKeys(id string, incarnation Nonce) Keys {
	k := Keys(ProjectPrefix + "/" + id)
	if incarnation.IsZero() {
		return k
	}
	return k + Keys("@"+incarnation.String())
}

// KeyClass is what kind of value a key has.
type KeyClass byte

// The classes of keys.
const (
	KeyUnknown  KeyClass = 0 // not a key of this site that this release writes
	KeyBlob     KeyClass = 'b'
	KeyManifest KeyClass = 'm'
	KeyRoot     KeyClass = 't'
	KeyPart     KeyClass = 'p'
	KeyRecord   KeyClass = 'd'
	KeyHold     KeyClass = 'h'
	KeyOther    KeyClass = 'o' // known, and never deleted by prune
)

// Parse returns the class of a key, the reference in the key of a blob, a manifest, a root or a
// part, and when the key was written.
func (k Keys) Parse(name string) (class KeyClass, ref Ref, written time.Time) {
	rest, ok := strings.CutPrefix(name, k.Prefix())
	if ok && k.other(rest) {
		return KeyOther, Ref{}, time.Time{}
	}
	if !ok || len(rest) < 3 || rest[1] != '/' {
		return KeyUnknown, Ref{}, time.Time{}
	}
	switch class = KeyClass(rest[0]); class {
	case KeyBlob, KeyManifest, KeyRoot, KeyPart:
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
	case KeyHold:
		deployment, nonce, _ := strings.Cut(rest[2:], ".")
		_, ok := DeploymentTime(deployment)
		n, err := ParseNonce(nonce)
		if !ok || err != nil {
			return KeyUnknown, Ref{}, time.Time{}
		}
		return class, Ref{}, n.Time()
	}
	return KeyUnknown, Ref{}, time.Time{}
}
