package kvsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash is the SHA-256 of an asset's bytes. The zero Hash means "not known yet":
// a source may leave hashing to the upload, which reads the bytes anyway.
type Hash [sha256.Size]byte

// String returns the hash as 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether the hash is not known.
func (h Hash) IsZero() bool { return h == Hash{} }

// HashOf returns the hash of b.
func HashOf(b []byte) Hash { return sha256.Sum256(b) }

// Nonce makes the keys of one run unlike those of every other run, so that a
// key is written once and never again, even for the same bytes.
type Nonce [8]byte

// String returns the nonce as 16 lower-case hexadecimal digits.
func (n Nonce) String() string { return hex.EncodeToString(n[:]) }

// MarshalText is String, for JSON.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (n *Nonce) UnmarshalText(text []byte) error {
	if len(text) != 2*len(n) || !bytes.Equal(bytes.ToLower(text), text) {
		return fmt.Errorf("nonce %.100q is not %d lower-case hexadecimal digits", text, 2*len(n))
	}
	if _, err := hex.Decode(n[:], text); err != nil {
		return fmt.Errorf("nonce %.100q: %w", text, err)
	}
	return nil
}

// Ref names one blob or one stored manifest: what it hashes to, and the run
// that wrote it. Its text form is "hash.nonce".
type Ref struct {
	Hash  Hash
	Nonce Nonce
}

// String returns "hash.nonce" in hexadecimal.
func (r Ref) String() string { return r.Hash.String() + "." + r.Nonce.String() }

// IsZero reports whether the reference names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef reads what [Ref.String] wrote, and nothing else.
func ParseRef(s string) (Ref, error) {
	var r Ref
	hash, nonce, ok := strings.Cut(s, ".")
	if !ok || len(hash) != 2*len(r.Hash) || len(nonce) != 2*len(r.Nonce) || strings.ToLower(s) != s {
		return Ref{}, fmt.Errorf("reference %.100q is not hash.nonce", s)
	}
	if _, err := hex.Decode(r.Hash[:], []byte(hash)); err != nil {
		return Ref{}, fmt.Errorf("reference %.100q: %w", s, err)
	}
	if _, err := hex.Decode(r.Nonce[:], []byte(nonce)); err != nil {
		return Ref{}, fmt.Errorf("reference %.100q: %w", s, err)
	}
	return r, nil
}

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
