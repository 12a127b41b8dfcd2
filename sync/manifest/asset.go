package manifest

// Asset is one file as served.
type Asset struct {
	// Path is the pathname: it begins with "/", has "/" as its separator, is
	// UTF-8 in NFC and is not percent-encoded, e.g. "/docs/a b.html".
	Path string
	// Blob names the asset's bytes. A source fills Blob.Hash (or leaves it zero
	// for the upload to find); the plan gives the nonce.
	Blob Ref
	// Size is the number of bytes.
	Size int64
	// ContentType is a whole Content-Type value, e.g. "text/html; charset=utf-8".
	ContentType string
	// Modified is when this content was first seen, in seconds since 1970 UTC.
	// It is no part of a manifest's identity.
	Modified int64
	// OID is the git object id of the bytes in hexadecimal (40 or 64 digits), or
	// "" where the source is a folder.
	OID string
}

// Chunked reports whether the asset lies in KV as chunks and an index: it does
// if it is too large for one value, and only then.
func (a Asset) Chunked() bool { return a.Size > MaxValueBytes }

// blobs is how many blobs the asset's bytes take.
func (a Asset) Blobs() int {
	if a.Chunked() {
		return ChunkCount(a.Size) + 1
	}
	return 1
}

// content is what two assets have in common whose bytes are the same. The hash
// alone would not do: a small file may hold the very bytes that a chunked one
// is hashed by.
type Content struct {
	hash Hash
	size int64
}

func (a Asset) Content() Content { return Content{a.Blob.Hash, a.Size} }
