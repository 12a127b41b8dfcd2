package manifest

// Asset is one file as served.
type Asset struct {
	// Path is the pathname: it begins with "/", has "/" as its separator, is
	// UTF-8 as the file is spelled, and is not percent-encoded, e.g. "/docs/a b.html".
	Path string
	// Blob names the asset's bytes. A source sets Blob.Hash, or leaves it zero, and the
	// upload computes it. The plan sets the nonce.
	Blob Ref
	// Size is the number of bytes.
	Size int64
	// ContentType is the value of Content-Type, e.g. "text/html; charset=utf-8".
	ContentType string
	// Modified is when this content was first seen, in seconds since 1970 UTC. It is
	// not part of a manifest's identity.
	Modified int64
	// OID is the git object id of the bytes in hexadecimal (40 or 64 digits), or
	// "" where the source is a folder.
	OID string
}

// Chunked reports whether the asset is stored as chunks and an index: it is too
// large for one value.
func (a Asset) Chunked() bool { return a.Size > MaxValueBytes }

// Blobs is how many blobs store the asset's bytes.
func (a Asset) Blobs() int {
	if a.Chunked() {
		return ChunkCount(a.Size) + 1
	}
	return 1
}

// Content identifies the bytes of an asset: two assets with the same bytes have equal
// Contents. The hash alone is not enough: the hash of a chunked file is computed from its
// chunk index, and a small file may have the same bytes as that index.
type Content struct {
	hash Hash
	size int64
}

// Content identifies the asset's bytes, whose hash must be known.
func (a Asset) Content() Content { return Content{a.Blob.Hash, a.Size} }
